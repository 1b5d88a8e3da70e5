"""The profiles that are shipped, every version of each."""

from importlib import resources

import pytest

from clients.profiles import Profiles, all_profiles
from tests.filters import NEW, OLD, SHIPPED, WIDER

BOTH = Profiles.of([WIDER, SHIPPED])


def test_every_file_is_one_version_and_is_named_after_it():
    files = {file.name for file in resources.files("domain").joinpath("profiles").iterdir()}
    assert {f"{each.id}-{each.version}.yaml" for each in all_profiles().versions} == files
    assert "exchangedefender-2026-11-23.yaml" in files  # a shipped version stays


def test_a_file_that_is_named_after_another_version_keeps_the_service_from_starting(monkeypatch, tmp_path):
    folder = tmp_path / "profiles"
    folder.mkdir()
    shipped = resources.files("domain").joinpath(f"profiles/exchangedefender-{OLD}.yaml").read_text("utf-8")
    (folder / "exchangedefender-2030-01-01.yaml").write_text(shipped, "utf-8")
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match=rf"exchangedefender-2030-01-01\.yaml: should be named exchangedefender-{OLD}"):
        all_profiles.__wrapped__()


def test_the_newest_version_is_known_and_a_tenant_of_before_is_held_to_the_oldest():
    assert BOTH.newest == {"exchangedefender": WIDER}
    assert BOTH.held_to("exchangedefender", "") == SHIPPED
    assert BOTH.held_to("exchangedefender", NEW) == WIDER


@pytest.mark.parametrize(
    ("named", "line"),
    [
        (("gone", OLD), "profile: 'gone' does not exist; there is exchangedefender"),
        (("exchangedefender", "2020-01-01"), f"profile_version: '2020-01-01' of exchangedefender does not exist; there is {OLD}, {NEW}"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_told_with_what_there_is(named, line):
    with pytest.raises(ValueError, match="does not exist") as told:
        BOTH.held_to(*named)
    assert str(told.value) == line
