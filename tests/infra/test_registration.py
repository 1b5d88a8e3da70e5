"""App registrations are made once, brought back when they differ, and left alone when they do not."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

from domain.controls import KINDS
from infra.compiler import HERE as INFRA

SCRIPT = INFRA / "register-app.sh"

ROLES = {
    ("00000002-0000-0ff1-ce00-000000000000", "dc50a0fb-09a3-484d-be87-e023b12c6440"),  # Exchange.ManageAsApp
    ("00000007-0000-0ff1-ce00-000000000000", "455e5cd2-84e8-4751-8344-5672145dfa17"),  # Exchange.ManageAsApp
    ("00000003-0000-0000-c000-000000000000", "ed4fca05-be46-441f-9803-1873825f8fdb"),  # SecurityAlert.ReadWrite.All
    ("00000003-0000-0000-c000-000000000000", "89b20d8a-76e2-4057-867b-9961f800b9a4"),  # ExchangeMessageTrace.Read.All
    ("c5393580-f805-4401-95e8-94b7a6ef2fc2", "594c1fb6-4f81-4475-ae41-0c394909246c"),  # ActivityFeed.Read
}
"""Resource and role ids: docs/reference/entra.md and docs/reference/defender-alerts-and-audit.md."""

# A directory in one JSON file: what is posted is kept, what is patched is changed, and ids are counted.
AZ = """#!{python}
import hashlib, json, re, ssl, sys
from pathlib import Path
from urllib.parse import unquote

file, arguments = Path({state!r}), sys.argv[1:]
state = json.loads(file.read_text())
option = lambda name: arguments[arguments.index(name) + 1]


def items(path):
    kind, _, rest = path.partition("/")
    by_app = re.fullmatch(r"(\\w+)\\(appId='([^']+)'\\)", kind)
    if by_app:
        found = [each for each in state[by_app[1]] if each["appId"] == by_app[2]]
        if not found:
            sys.exit("Request_ResourceNotFound: not found")
        return found[0]
    if kind.endswith("'") or "?" in kind:
        kind, _, condition = unquote(path).partition("?$filter=displayName eq ")
        text = re.fullmatch("'((?:[^']|'')*)'", condition)
        if not text:
            sys.exit("Bad Request: invalid filter clause")
        return {{"value": [each for each in state[kind] if each["displayName"] == text[1].replace("''", "'")]}}
    if not rest:
        return state[kind]
    one, _, inner = rest.partition("/")
    [found] = [each for each in state[kind] if each["id"] == one]
    return {{"value": found.setdefault(inner, [])}} if inner else found


answer = ""
match arguments[:2]:
    case ["cloud", "show"]:
        answer = state["cloud"][option("--query")]
    case ["account", "show"]:
        answer = state["tenant"]
    case ["ad", "app"]:
        state["changes"] += 1
        [app] = [each for each in state["applications"] if each["appId"] == option("--id")]
        pem = Path(option("--cert")[1:]).read_text()
        thumbprint = hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
        app.setdefault("keyCredentials", []).append({{"customKeyIdentifier": thumbprint}})
        assert "--append" in arguments
    case ["rest", "--method"]:
        path = option("--url").removeprefix("https://graph.example/v1.0/")
        found = items(path)
        if option("--method") != "get":
            state["changes"] += 1
            body = json.loads(option("--body"))
            if option("--method") == "patch":
                found.update(body)
            else:
                found = found["value"] if isinstance(found, dict) else found
                body |= {{"id": f"id-{{state['changes']}}"}} | ({{}} if "appId" in body else {{"appId": f"app-{{state['changes']}}"}})
                found.append(body)
                found = body
        answer = json.dumps(found) if option("--method") != "patch" else ""
file.write_text(json.dumps(state))
print(answer)
"""


class Az:
    """An Azure CLI, signed in to a directory that it remembers."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "directory.json"
        (folder / "az").write_text(AZ.format(python=sys.executable, state=str(self._state)))
        (folder / "az").chmod(0o755)
        self._folder = folder
        self.set(
            applications=[],
            servicePrincipals=[],
            groups=[],
            changes=0,
            tenant="11111111-2222-3333-4444-555555555555",
            cloud={
                "name": "AzureCloud",
                "endpoints.activeDirectory": "https://login.example",
                "endpoints.microsoftGraphResourceId": "https://graph.example/",
            },
        )

    def set(self, **values: Any) -> None:
        state = json.loads(self._state.read_text()) if self._state.exists() else {}
        self._state.write_text(json.dumps(state | values))

    def register(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self._folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return subprocess.run(["sh", SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)

    def __getattr__(self, name: str) -> Any:
        return json.loads(self._state.read_text())[name]


@pytest.fixture
def az(tmp_path: Path) -> Az:
    return Az(tmp_path)


def test_the_permissions_are_those_that_the_service_uses() -> None:
    asked = json.loads((INFRA / "app-roles.json").read_text())

    assert {(each["resourceAppId"], role["id"]) for each in asked for role in each["resourceAccess"]} == ROLES
    assert {role["type"] for each in asked for role in each["resourceAccess"]} == {"Role"}


def test_a_new_registration_is_made_for_many_tenants_with_a_page_to_come_back_to(az: Az) -> None:
    run = az.register("--url", "https://hold.example/api")

    [app] = az.applications
    assert (run.returncode, run.stdout.strip()) == (0, app["appId"])
    assert (app["displayName"], app["signInAudience"]) == ("Holdfast", "AzureADMultipleOrgs")
    assert app["web"]["redirectUris"] == ["https://hold.example/api/console/consented"]
    assert [each["appId"] for each in az.servicePrincipals] == [app["appId"]]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--url", "https://hold.example/api", "--federate", "identity"], id="that customers consent to"),
        pytest.param(["--api", "--url", "https://hold.example/api", "--group", "Holdfast.Admin=Duty"], id="of the API"),
        pytest.param(["--name", "O'Brien's hold"], id="with an apostrophe"),
    ],
)
def test_a_second_run_changes_nothing(az: Az, arguments: list[str]) -> None:
    first = az.register(*arguments)
    changes = az.changes
    second = az.register(*arguments)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert (first.stdout, changes > 0) == (second.stdout, True)
    assert (az.changes, second.stderr) == (changes, "")


def test_one_that_differs_is_brought_back_and_keeps_its_other_pages(az: Az) -> None:
    az.register()
    [app] = az.applications
    app |= {"signInAudience": "AzureADMyOrg", "web": {"redirectUris": ["https://other.example"]}}
    az.set(applications=[app])

    run = az.register("--url", "https://hold.example/api")

    [app] = az.applications
    assert run.stderr.splitlines() == ["set signInAudience, web of Holdfast"]
    assert app["signInAudience"] == "AzureADMultipleOrgs"
    assert app["web"]["redirectUris"] == ["https://hold.example/api/console/consented", "https://other.example"]


def test_what_if_says_what_would_change_and_changes_nothing(az: Az) -> None:
    run = az.register("--what-if", "--api", "--federate", "identity", "--group", "Holdfast.Admin=Duty")

    assert run.returncode == 0, run.stderr
    assert run.stderr.splitlines() == [
        "would register Holdfast API",
        "would make its service principal",
        "would trust the identity identity",
        "would make the group Duty",
        "would give Duty the role Holdfast.Admin",
    ]
    assert az.changes == 0


def test_several_of_the_same_name_are_left_to_a_person(az: Az) -> None:
    az.set(applications=[{"displayName": "Holdfast", "appId": each, "id": each} for each in ("one", "two")])

    run = az.register()

    assert (run.returncode, az.changes) == (1, 0)
    assert "several registrations named Holdfast" in run.stderr


def test_the_identity_is_trusted_as_this_directory_issues_it(az: Az) -> None:
    az.register("--federate", "object-id")

    [trusted] = az.applications[0]["federatedIdentityCredentials"]
    assert trusted["issuer"] == "https://login.example/11111111-2222-3333-4444-555555555555/v2.0"
    assert (trusted["subject"], trusted["audiences"]) == ("object-id", ["api://AzureADTokenExchange"])


def test_each_cloud_has_its_own_audience(az: Az) -> None:
    az.set(cloud=az.cloud | {"name": "AzureUSGovernment"})
    az.register("--federate", "object-id")
    [trusted] = az.applications[0]["federatedIdentityCredentials"]
    assert trusted["audiences"] == ["api://AzureADTokenExchangeUSGov"]

    az.set(cloud=az.cloud | {"name": "Elsewhere"})
    assert az.register("--federate", "another").returncode == 1


def test_a_certificate_is_added_beside_the_one_in_use_and_once(az: Az, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "new.cer")
    az.register()
    [app] = az.applications
    az.set(applications=[app | {"keyCredentials": [{"customKeyIdentifier": "OLD"}]}])

    for _ in range(2):
        assert az.register("--certificate", str(tmp_path / "new.cer")).returncode == 0

    known = [each["customKeyIdentifier"] for each in az.applications[0]["keyCredentials"]]
    assert (len(known), known[0]) == (2, "OLD")


def test_the_apis_registration_takes_people_of_this_directory_with_roles_and_a_scope(az: Az) -> None:
    az.register("--api", "--url", "https://hold.example/api")

    [app] = az.applications
    assert (app["displayName"], app["signInAudience"]) == ("Holdfast API", "AzureADMyOrg")
    assert {role["value"] for role in app["appRoles"]} == {
        "Holdfast.Read",
        "Holdfast.Operate",
        "Holdfast.Approve",
        "Holdfast.Admin",
    }
    assert [scope["value"] for scope in app["api"]["oauth2PermissionScopes"]] == ["Holdfast.Use"]
    assert [claim["name"] for claim in app["optionalClaims"]["accessToken"]] == ["idtyp"]
    assert app["web"]["redirectUris"] == ["https://hold.example/api/console/signed-in"]


def test_a_group_gets_its_role(az: Az) -> None:
    az.register("--api", "--group", "Holdfast.Operate=Day shift", "--group", "Holdfast.Admin=Duty")

    roles = {role["id"]: role["value"] for role in az.applications[0]["appRoles"]}
    assert {each["displayName"]: roles[each["appRoleAssignments"][0]["appRoleId"]] for each in az.groups} == {
        "Day shift": "Holdfast.Operate",
        "Duty": "Holdfast.Admin",
    }


def test_the_role_group_of_a_customer_is_printed_as_powershell(az: Az) -> None:
    run = az.register("--role-group")

    assert f"New-ServicePrincipal -AppId {az.applications[0]['appId']} " in run.stdout
    assert "New-RoleGroup -Name Holdfast -Roles 'View-Only Configuration', " in run.stdout
    kinds = [kind for kind in KINDS if kind.queries[0].service == "exchange"]
    needed = {kind.read_role for kind in kinds} | {kind.writing.role for kind in kinds if kind.writing}
    assert all(f"'{role}'" in run.stdout for role in needed)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["--nmae", "x"], "unrecognized arguments: --nmae", id="an unknown option"),
        pytest.param(["--name"], "--name: expected one argument", id="a missing value"),
        pytest.param(["--certificate", "missing.cer"], "there is no file missing.cer", id="a missing file"),
        pytest.param(
            ["--api", "--what-if", "--group", "Duty"], "should be ROLE=GROUP with one of", id="a missing role"
        ),
    ],
)
def test_bad_arguments_are_told_in_a_sentence(az: Az, arguments: list[str], sentence: str) -> None:
    run = az.register(*arguments)

    assert run.returncode in {1, 2}
    assert sentence in run.stderr
    assert az.changes == 0


def test_without_the_azure_cli_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    run = subprocess.run(["/bin/sh", SCRIPT], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr.strip()) == (1, "register-app: the Azure CLI (az) is not on the PATH")
