"""Every file is Bicep, and says what the compiler would ask of it."""

import re
from pathlib import Path

import pytest

from tests.infra.bicep import FILES, INFRA, MODULES, PARAMETERS, Code, names_used, parse, read, read_parameters, walk

FUNCTIONS = {
    "allowed",
    "bool",
    "cidrSubnet",
    "contains",
    "description",
    "empty",
    "environment",
    "fail",
    "format",
    "guid",
    "items",
    "join",
    "length",
    "loadJsonContent",
    "loadTextContent",
    "maxLength",
    "maxValue",
    "minLength",
    "minValue",
    "padLeft",
    "replace",
    "resourceGroup",
    "resourceId",
    "split",
    "string",
    "subscription",
    "subscriptionResourceId",
    "tenant",
    "toLower",
    "toObject",
    "union",
    "uniqueString",
}
"""Functions and decorators of Bicep that are in use. A new one is added here once it is known to exist."""

MAIN = INFRA / "main.bicep"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_can_be_read(file: Path) -> None:
    found = read(file)

    assert found.resources or found.modules


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("resource a 'b@c' = {\n  name: 'x'\n", id="a missing brace"),
        pytest.param("param a\n", id="a parameter without a type"),
        pytest.param("var a = 'b\n", id="an open string"),
        pytest.param("module a = {}\n", id="a module without a file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(broken: str) -> None:
    with pytest.raises(ValueError, match=r"^broken\.bicep:\d+:\d+: this is not Bicep"):
        parse(broken, "broken.bicep")


def test_a_property_that_is_said_twice_is_told() -> None:
    with pytest.raises(ValueError, match="line 3: b is said twice"):
        parse("var a = {\n  b: 1\n  b: 2\n}\n", "broken.bicep")


def test_no_file_is_left_out() -> None:
    assert set(INFRA.rglob("*.bicep")) == set(FILES)
    assert {file.name for file in PARAMETERS} == {"main.bicepparam", "dev.bicepparam", "prod.bicepparam"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_names_are_declared_and_used(file: Path) -> None:
    found, used = read(file), names_used(file)
    declared = {*found.parameters, *found.variables, *found.resources, *found.modules}

    assert not used - declared - FUNCTIONS, "neither declared nor a function"
    assert not {*found.parameters, *found.variables} - used, "declared and not used: a warning of the compiler"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_parameters_say_what_they_are_and_whether_they_must_be_given(file: Path) -> None:
    for name, parameter in read(file).parameters.items():
        said = parameter.decorators.get("description", "")
        wanted = "Required. " if parameter.default is None else "Optional. "
        assert said.startswith(wanted), f"{file.name}: {name}: {said!r}"


def test_numbers_and_choices_of_the_installation_have_limits() -> None:
    for name, parameter in read(MAIN).parameters.items():
        if parameter.type == "int":
            assert {"minValue", "maxValue", "allowed"} & parameter.decorators.keys(), name
        if parameter.type == "string" and parameter.default is None:
            assert {"minLength", "allowed"} & parameter.decorators.keys(), f"{name} could be empty"


@pytest.mark.parametrize("name", read(MAIN).modules)
def test_modules_are_given_exactly_what_they_need(name: str) -> None:
    module = read(MAIN).modules[name]
    wanted = read(INFRA / module.path).parameters
    given = module.body["params"].keys()

    assert given <= wanted.keys(), "unknown parameters"
    assert {each for each, parameter in wanted.items() if parameter.default is None} <= given, "missing parameters"


def test_outputs_that_are_used_exist() -> None:
    modules = read(MAIN).modules
    used = re.findall(r"\b(\w+)!?\.outputs\.(\w+)", MAIN.read_text("utf-8"))

    assert used
    for module, output in used:
        assert output in read(INFRA / modules[module].path).outputs, f"{module}.outputs.{output}"


@pytest.mark.parametrize("file", PARAMETERS, ids=lambda file: file.name)
def test_parameter_files_give_what_is_required_and_nothing_unknown(file: Path) -> None:
    given, known = read_parameters(file), read(MAIN).parameters

    assert given.keys() <= known.keys()
    assert {name for name, parameter in known.items() if parameter.default is None} <= given.keys()


@pytest.mark.parametrize("file", PARAMETERS, ids=lambda file: file.name)
def test_parameter_files_keep_the_limits(file: Path) -> None:
    known = read(MAIN).parameters
    for name, value in read_parameters(file).items():
        limits = known[name].decorators
        if isinstance(value, Code):
            assert "readEnvironmentVariable(" in value, f"{name}: worked out from what?"
        elif isinstance(value, int) and not isinstance(value, bool):
            assert limits.get("minValue", value) <= value <= limits.get("maxValue", value), name
        assert isinstance(value, Code) or value in limits.get("allowed", [value]), name


def test_api_versions_are_stable() -> None:
    """A preview is used only where no stable version exists."""
    for file in FILES:
        for name, resource in read(file).resources.items():
            preview_only = resource.type == "Microsoft.Insights/diagnosticSettings"
            form = r"\d{4}-\d\d-\d\d" + ("-preview" if preview_only else "")
            assert re.fullmatch(form, resource.version), f"{file.name}: {name}"


def test_a_type_has_one_api_version_everywhere() -> None:
    versions: dict[str, set[str]] = {}
    for file in FILES:
        for resource in read(file).resources.values():
            versions.setdefault(resource.type.split("/")[0] + resource.type.split("/")[1], set()).add(resource.version)

    assert not {kind: found for kind, found in versions.items() if len(found) > 1}


def test_children_name_their_parent() -> None:
    """A name with a slash hides what a resource belongs to, and the linter warns of it."""
    for file in FILES:
        for name, resource in read(file).resources.items():
            if resource.type.count("/") > 1:
                assert "parent" in resource.body, f"{file.name}: {name}"
            assert "/" not in str(resource.body.get("name", "")), f"{file.name}: {name}"


def test_no_address_of_a_cloud_is_written_down() -> None:
    hosts = re.compile(r"core\.windows\.net|vault\.azure\.net|azurewebsites\.net|microsoftonline\.com|azure\.com")
    for file in [*FILES, *PARAMETERS]:
        assert not hosts.search(file.read_text("utf-8")), file.name


def test_everything_is_tagged() -> None:
    untagged = re.compile(r"diagnosticSettings|roleAssignments|sites/|Services|/virtualNetworkLinks|DnsZoneGroups")
    for file in MODULES:
        for name, resource in read(file).resources.items():
            if not resource.existing and not untagged.search(resource.type):
                assert "tags" in resource.body, f"{file.name}: {name}"


@pytest.mark.parametrize(
    ("parameter", "sentence"),
    [
        ("appClientId", "should be a GUID"),
        ("alertEmail", "should be a mail address"),
        ("fastMinutes", "should divide 60"),
        ("slowMinutes", "should divide 60 and be no less than fastMinutes"),
        ("redundancy", "prod should survive the loss of a zone"),
        ("alwaysReady", "there is no group"),
        ("psaProviders", "there is no"),
        ("platformAuthentication", "needs apiAudience"),
        ("apiTenantId", "belongs to apiAudience"),
        ("location", "should be one of Azure"),
    ],
)
def test_what_no_limit_can_say_fails_with_a_sentence(parameter: str, sentence: str) -> None:
    told = [str(code) for code in walk(read(MAIN).variables) if isinstance(code, Code) and "fail(" in code]

    assert any(f"fail('{parameter}: {sentence}" in code for code in told)
