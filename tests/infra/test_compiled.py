"""What the compiler says of the files; there only where a compiler is (conftest.py)."""

from typing import Any

import pytest

from infra import compiler
from infra.check import flat
from infra.compiler import HERE, Compiler, CompilerError

GUID = "44444444-4444-4444-4444-444444444444"
MINIMAL = f"""using 'main.bicep'
param environmentName = 'test'
param location = 'westeurope'
param appClientId = '{GUID}'
param alertEmail = 'operators@example.org'
"""


@pytest.fixture(scope="module")
def bicep() -> Compiler:
    found = compiler.find()
    assert found
    return found


@pytest.fixture(scope="module")
def template(bicep: Compiler) -> dict[str, Any]:
    return compiler.template(bicep)


@pytest.mark.parametrize(
    ("parameter", "sentence"),
    [
        ("appClientId = 'thirty-six.characters.but.not.a.guid'", "appClientId: should be a GUID"),
        ("alertEmail = 'nobody'", "alertEmail: should be a mail address"),
        ("fastMinutes = 7", "fastMinutes: should divide 60"),
        ("slowMinutes = 45", "slowMinutes: should divide 60 and be no less than fastMinutes"),
        ("place = 'prod'\nparam redundancy = 'Standard_LRS'", "redundancy: prod should survive the loss of a zone"),
        ("alwaysReady = { 'function:nobody': 1 }", "alwaysReady: there is no group function:nobody"),
        ("apiAudience = 'api://holdfast'", "apiTenantId: belongs to apiAudience"),
        ("platformAuthentication = true", "platformAuthentication: needs apiAudience to begin with the client id"),
        (
            f"platformAuthentication = true\nparam apiAudience = 'api://holdfast'\nparam apiTenantId = '{GUID}'",
            "platformAuthentication: needs apiAudience to begin with the client id",
        ),
    ],
)
def test_what_no_limit_can_say_fails_with_a_sentence(bicep: Compiler, parameter: str, sentence: str) -> None:
    name = parameter.split(maxsplit=1)[0]
    others = [line for line in MINIMAL.splitlines() if not line.startswith(f"param {name} ")]

    with pytest.raises(CompilerError) as refused:
        compiler.snapshot(bicep, "\n".join([*others, f"param {parameter}", ""]))
    assert sentence in str(refused.value)


def test_what_is_given_least_is_enough(bicep: Compiler) -> None:
    assert "func-holdfast-" in compiler.snapshot(bicep, MINIMAL)


def test_a_warning_is_a_fault(bicep: Compiler, tmp_path) -> None:
    (tmp_path / "main.bicep").write_text("param unused string\n")

    with pytest.raises(CompilerError, match="no-unused-params"):
        bicep("build", "main.bicep", "--stdout", folder=tmp_path)


def test_numbers_and_choices_of_the_installation_have_limits(template: dict[str, Any]) -> None:
    for name, parameter in template["parameters"].items():
        limits = parameter.keys() & {"minValue", "maxValue", "allowedValues", "minLength", "$ref"}
        assert limits or parameter["type"] != "int", name
        assert limits or parameter["type"] != "string" or "defaultValue" in parameter, f"{name} could be empty"


def test_parameters_say_what_they_are_and_whether_they_must_be_given(template: dict[str, Any]) -> None:
    for name, parameter in template["parameters"].items():
        wanted = "Optional. " if "defaultValue" in parameter else "Required. "
        assert parameter["metadata"]["description"].startswith(wanted), name
        assert len(parameter["metadata"]["description"]) <= 220, name


def test_the_example_shows_every_option(template: dict[str, Any]) -> None:
    example = (HERE / "example.bicepparam").read_text("utf-8")

    assert {name for name in template["parameters"] if f"\nparam {name} =" not in example} == set()


def test_a_flat_template_holds_the_resources_of_all_modules_and_none_that_is_only_looked_up(
    template: dict[str, Any],
) -> None:
    kinds = [each["type"] for each in flat(template)]

    assert {"Microsoft.Web/sites", "Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"} <= set(kinds)
    assert kinds.count("Microsoft.KeyVault/vaults") == 1
    assert "Microsoft.Resources/deployments" not in kinds
