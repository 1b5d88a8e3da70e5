"""What is in a package is listed beside it, with the hashes that it was installed by."""

import json
from importlib.metadata import distribution
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra.bill_of_materials import bill_of_materials
from infra.make_package import ROOT, version

REQUIREMENTS = ROOT / "requirements.txt"


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """Two libraries of ours, as pip leaves their metadata."""
    for name in ("httpx", "azure-functions"):
        metadata = distribution(name).read_text("METADATA")
        folder = tmp_path / f"{name.replace('-', '_')}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(metadata or "")
    return tmp_path


def test_each_library_is_there_with_its_version_and_the_hashes_that_it_is_pinned_by(libraries: Path) -> None:
    bill = bill_of_materials(libraries, REQUIREMENTS, "1.2.3")

    assert (bill["bomFormat"], bill["specVersion"], bill["metadata"]["component"]["version"]) == (
        "CycloneDX",
        "1.6",
        "1.2.3",
    )
    assert [each["name"] for each in bill["components"]] == ["azure-functions", "httpx"]
    for each in bill["components"]:
        installed = distribution(each["name"]).version
        assert each["purl"] == f"pkg:pypi/{each['name']}@{installed}"
        [reference] = each["externalReferences"]
        pinned = [f"--hash=sha256:{said['content']}" for said in reference["hashes"]]
        assert pinned
        assert all(said in REQUIREMENTS.read_text("utf-8") for said in pinned)
    assert bill["dependencies"] == [{"ref": "holdfast", "dependsOn": [each["purl"] for each in bill["components"]]}]


def test_it_is_as_the_schema_of_cyclonedx_wants_it(libraries: Path) -> None:
    said = json.dumps(bill_of_materials(libraries, REQUIREMENTS, "1.2.3"))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(said) is None


def test_the_same_content_gives_the_same_document(libraries: Path) -> None:
    first, second = (bill_of_materials(libraries, REQUIREMENTS, "1") for _ in range(2))
    assert first == second


def test_a_library_that_nobody_pinned_ends_it(libraries: Path) -> None:
    stranger = libraries / "stranger-1.0.dist-info"
    stranger.mkdir()
    (stranger / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n\n")
    with pytest.raises(ValueError, match=r"stranger 1\.0 is in the package and not in requirements\.txt"):
        bill_of_materials(libraries, REQUIREMENTS, "1")


def test_the_app_has_a_version() -> None:
    assert version().count(".") == 2
