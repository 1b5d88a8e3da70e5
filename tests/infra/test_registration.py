"""The app registration asks for the roles that the service uses, and can be made again."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from infra.compiler import HERE as INFRA

SCRIPT = INFRA / "register-app.sh"

ROLES = {
    ("00000002-0000-0ff1-ce00-000000000000", "dc50a0fb-09a3-484d-be87-e023b12c6440"),  # Exchange.ManageAsApp
    ("00000007-0000-0ff1-ce00-000000000000", "455e5cd2-84e8-4751-8344-5672145dfa17"),  # Exchange.ManageAsApp
    ("00000003-0000-0000-c000-000000000000", "ed4fca05-be46-441f-9803-1873825f8fdb"),  # SecurityAlert.ReadWrite.All
    ("c5393580-f805-4401-95e8-94b7a6ef2fc2", "594c1fb6-4f81-4475-ae41-0c394909246c"),  # ActivityFeed.Read
}
"""Resource and role ids: docs/reference/entra.md#app-roles; docs/reference/defender-alerts-and-audit.md#permissions."""

AZ = """#!/bin/sh
echo "$@" >>"$AZ_LOG"
case "$*" in
  "account show"*) echo 11111111-2222-3333-4444-555555555555 ;;
  "ad app list"*) printf "$AZ_FOUND" ;;
  "ad app create"*) echo new-app ;;
  "ad app federated-credential list"*) printf "$AZ_TRUSTED" ;;
  "cloud show --query endpoints"*) echo https://login.example ;;
  "cloud show --query name"*) echo "$AZ_CLOUD" ;;
esac
"""


class Az:
    """An Azure CLI that writes down what it is asked, and finds what it is told."""

    def __init__(self, folder: Path) -> None:
        (folder / "az").write_text(AZ)
        (folder / "az").chmod(0o755)
        self._folder = folder

    def register(self, *arguments: str, **found: str) -> subprocess.CompletedProcess[str]:
        (self._folder / "log").write_text("")
        known = {"AZ_FOUND": "", "AZ_TRUSTED": "", "AZ_CLOUD": "AzureCloud", "AZ_LOG": str(self._folder / "log")}
        environment = {"PATH": f"{self._folder}:{os.environ['PATH']}"} | known | found
        return subprocess.run(["sh", SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)

    @property
    def asked(self) -> str:
        return (self._folder / "log").read_text()


@pytest.fixture
def az(tmp_path: Path) -> Az:
    return Az(tmp_path)


def test_the_roles_are_those_that_the_service_uses() -> None:
    asked = json.loads((INFRA / "app-roles.json").read_text())

    assert {(each["resourceAppId"], role["id"]) for each in asked for role in each["resourceAccess"]} == ROLES
    assert {role["type"] for each in asked for role in each["resourceAccess"]} == {"Role"}


def test_a_new_registration_is_made_for_many_tenants(az: Az) -> None:
    run = az.register()

    assert (run.returncode, run.stdout.strip()) == (0, "new-app")
    assert "ad app create --display-name Holdfast --sign-in-audience AzureADMultipleOrgs" in az.asked
    assert "app-roles.json" in az.asked


def test_a_registration_that_exists_is_brought_back_and_not_made_again(az: Az) -> None:
    run = az.register(AZ_FOUND="old-app\\n")

    assert run.stdout.strip() == "old-app"
    assert "ad app update --id old-app" in az.asked
    assert "ad app create" not in az.asked


def test_several_of_the_same_name_are_left_to_a_person(az: Az) -> None:
    run = az.register(AZ_FOUND="one\\ntwo\\n")

    assert run.returncode == 1
    assert "several registrations named Holdfast" in run.stderr
    assert "create" not in az.asked


def test_the_identity_is_trusted_once(az: Az) -> None:
    az.register("--federate", "object-id")
    assert "https://login.example/11111111-2222-3333-4444-555555555555/v2.0" in az.asked
    assert "api://AzureADTokenExchange" in az.asked

    az.register("--federate", "object-id", AZ_TRUSTED="there")
    assert "federated-credential create" not in az.asked


def test_each_cloud_has_its_own_audience(az: Az) -> None:
    az.register("--federate", "object-id", AZ_CLOUD="AzureUSGovernment")
    assert "api://AzureADTokenExchangeUSGov" in az.asked

    assert az.register("--federate", "object-id", AZ_CLOUD="Elsewhere").returncode == 1


def test_a_certificate_is_added_beside_the_one_in_use(az: Az, tmp_path: Path) -> None:
    (tmp_path / "new.cer").write_text("certificate")
    az.register("--certificate", str(tmp_path / "new.cer"), AZ_FOUND="old-app\\n")

    assert "ad app credential reset --id old-app" in az.asked
    assert "--append" in az.asked


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["--nmae", "x"], "there is no option --nmae", id="an unknown option"),
        pytest.param(["--name"], "--name needs a value", id="a missing value"),
        pytest.param(["--certificate", "missing.cer"], "there is no file missing.cer", id="a missing file"),
    ],
)
def test_bad_arguments_are_told_in_a_sentence(az: Az, arguments: list[str], sentence: str) -> None:
    run = az.register(*arguments)

    assert run.returncode == 1
    assert sentence in run.stderr
    assert "ad app" not in az.asked
