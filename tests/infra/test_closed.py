"""No keys, no secrets, no open doors: read from the files, whatever checkov makes of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.bicep import FILES, INFRA, MODULES, PARAMETERS, Code, Resource, read, walk

MODULE = INFRA / "modules"
ACCESS = read(MODULE / "access.bicep")
APP = read(MODULE / "app.bicep")

BUILT_IN = {
    "Key Vault Certificates Officer": "a4417e6f-fecd-4de8-b567-7b0420556985",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
"""Microsoft Learn, "Azure built-in roles"; docs/reference/azure-functions.md#host-storage."""

NEEDED = {
    ("storage", "principalId"): {
        "Storage Blob Data Owner",
        "Storage Queue Data Contributor",
        "Storage Table Data Contributor",
    },
    ("vault", "principalId"): {"Key Vault Secrets User"},
    ("insights", "principalId"): {"Monitoring Metrics Publisher"},
    ("vault", "operatorId"): {"Key Vault Certificates Officer", "Key Vault Secrets Officer"},
}
"""Who may do what, on what: docs/security.md says why."""


def resource(file: str, name: str) -> Resource:
    return read(MODULE / file).resources[name]


def granted() -> dict[tuple[str, str], set[str]]:
    """Roles by scope and principal, as access.bicep assigns them."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in ACCESS.resources.values():
        if each.type == "Microsoft.Authorization/roleAssignments":
            properties = each.body["properties"]
            named = re.findall(r"roles\['([^']+)'\]", properties["roleDefinitionId"])
            looped = _strings(ACCESS.variables.get(str(each.loop), ()))
            found.setdefault((each.body["scope"], properties["principalId"]), set()).update(named or looped)
    return found


def _strings(value: Any) -> list[str]:
    return re.findall(r"'([^']+)'", value) if isinstance(value, Code) else list(value)


@pytest.mark.parametrize("file", PARAMETERS, ids=lambda file: file.name)
def test_whoever_deploys_can_say_who_may_put_values_into_the_vault(file: Path) -> None:
    assert "param operatorId = readEnvironmentVariable(" in file.read_text("utf-8")


def test_each_principal_has_the_roles_that_it_needs_and_no_other() -> None:
    assert granted() == NEEDED


def test_roles_have_the_ids_that_microsoft_gave_them() -> None:
    assert ACCESS.variables["roles"] == BUILT_IN


def test_roles_are_assigned_on_one_page() -> None:
    for file in FILES:
        kinds = {each.type for each in read(file).resources.values()}
        assert "Microsoft.Authorization/roleAssignments" not in kinds or file.name == "access.bicep"


def test_assignments_are_for_one_resource_and_can_be_made_again() -> None:
    for name, each in ACCESS.resources.items():
        if each.type == "Microsoft.Authorization/roleAssignments":
            assert each.body["scope"] in ACCESS.resources, name
            assert each.body["name"].startswith(f"guid({each.body['scope']}.id, "), name
            assert each.body["properties"]["principalType"], name


def test_storage_takes_no_keys_and_no_strangers() -> None:
    properties = resource("storage.bicep", "account").body["properties"]

    assert properties["allowSharedKeyAccess"] is False
    assert properties["allowBlobPublicAccess"] is False
    assert properties["isLocalUserEnabled"] is False
    assert properties["supportsHttpsTrafficOnly"] is True
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert resource("storage.bicep", "containers").body["properties"]["publicAccess"] == "None"


@pytest.mark.parametrize(("file", "name"), [("storage.bicep", "account"), ("vault.bicep", "vault")])
def test_a_private_installation_closes_public_access(file: str, name: str) -> None:
    properties = resource(file, name).body["properties"]

    assert properties["publicNetworkAccess"] == "privateOnly ? 'Disabled' : 'Enabled'"
    assert properties["networkAcls"]["defaultAction"] == "privateOnly ? 'Deny' : 'Allow'"


def test_the_vault_goes_by_roles_and_cannot_be_purged() -> None:
    properties = resource("vault.bicep", "vault").body["properties"]

    assert properties["enableRbacAuthorization"] is True
    assert properties["enablePurgeProtection"] is True
    assert properties["enableSoftDelete"] is True


def test_telemetry_takes_identities_only() -> None:
    assert resource("monitoring.bicep", "insights").body["properties"]["DisableLocalAuth"] is True
    assert resource("monitoring.bicep", "workspace").body["properties"]["features"]["disableLocalAuth"] is True


def test_the_app_is_reached_by_tls_only_and_by_no_password() -> None:
    properties = APP.resources["app"].body["properties"]

    assert properties["httpsOnly"] is True
    assert properties["siteConfig"]["minTlsVersion"] in {"1.2", "1.3"}
    assert properties["siteConfig"]["scmMinTlsVersion"] in {"1.2", "1.3"}
    assert properties["siteConfig"]["ftpsState"] == "Disabled"
    assert properties["siteConfig"]["remoteDebuggingEnabled"] is False
    for name in ("noFtpPassword", "noScmPassword"):
        assert APP.resources[name].body["properties"] == {"allow": False}


def test_the_app_is_one_identity_for_everything() -> None:
    app = APP.resources["app"].body

    assert app["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {"${identityId}": {}}}
    assert app["properties"]["keyVaultReferenceIdentity"] == "identityId"
    storage = app["properties"]["functionAppConfig"]["deployment"]["storage"]
    assert storage["authentication"]["type"] == "UserAssignedIdentity"


def test_the_app_runs_what_the_repository_names() -> None:
    runtime = APP.resources["app"].body["properties"]["functionAppConfig"]["runtime"]

    assert runtime == {"name": "python", "version": (INFRA.parent / ".python-version").read_text().strip()}


def test_the_app_starts_after_it_has_its_roles() -> None:
    assert read(INFRA / "main.bicep").modules["app"].body["dependsOn"] == ["access"]


def test_no_key_is_asked_of_any_service() -> None:
    calls = re.compile(r"\b(listKeys|listAccountSas|listServiceSas|listSecrets|list\w+)\(")
    for file in FILES:
        assert not calls.search(file.read_text("utf-8")), file.name


def test_no_secret_is_written_down() -> None:
    looks_secret = re.compile(
        r"AccountKey=|SharedAccessSignature|BEGIN [A-Z ]*PRIVATE KEY|[?&]sig=|[A-Za-z0-9+/]{60,}="
    )
    for file in [*FILES, *PARAMETERS, *INFRA.glob("*.json")]:
        assert not looks_secret.search(file.read_text("utf-8")), file.name


def test_parameters_that_are_secret_are_none() -> None:
    """A template's secrets stay in the history of deployments, so it takes none: values go into the vault by hand."""
    for file in FILES:
        for name in read(file).parameters:
            assert not re.search(r"secret|password|pwd|accountkey|key$", name, re.IGNORECASE), f"{file.name}: {name}"


def test_what_deletes_a_record_is_logged() -> None:
    for name in ("blobDiagnostics", "tableDiagnostics"):
        logs = resource("storage.bicep", name).body["properties"]["logs"]
        assert {"category": "StorageDelete", "enabled": True} in logs
    assert resource("vault.bicep", "diagnostics").body["properties"]["logs"] == [
        {"category": "AuditEvent", "enabled": True}
    ]


def test_every_private_endpoint_is_found_by_name() -> None:
    network = read(MODULE / "network.bicep")
    endpoints = network.variables["endpoints"]

    assert {each["name"] for each in endpoints} == {"blob", "queue", "table", "vault"}
    assert all(each["zone"].strip("'").startswith("privatelink") for each in endpoints)
    assert {network.resources[name].loop for name in ("zones", "links", "doors", "doorNames")} == {"endpoints"}


def test_the_host_speaks_what_the_senders_speak() -> None:
    host = json.loads((INFRA.parent / "host.json").read_text("utf-8"))

    assert host["extensions"]["queues"]["messageEncoding"] == "none"
    assert "connection" not in json.dumps(host).lower()


def test_every_module_is_deployed() -> None:
    used = {module.path for module in read(INFRA / "main.bicep").modules.values()}

    assert used == {f"modules/{file.name}" for file in MODULES}


def test_every_description_of_a_setting_is_short_enough_to_read() -> None:
    for file in FILES:
        for value in walk([parameter.decorators for parameter in read(file).parameters.values()]):
            assert not isinstance(value, str) or len(value) <= 220, f"{file.name}: {value}"
