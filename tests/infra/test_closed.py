"""No keys, no secrets, no open doors: read from what would be deployed, whatever checkov makes of it."""

import json
import re

import pytest

from clients.storage import TABLES
from infra.compiler import HERE as INFRA
from tests.infra.predicted import ROOT, SETS, Resource, config, of, properties, resources

FILES = sorted([*INFRA.rglob("*.bicep"), *INFRA.glob("*.bicepparam")])

BUILT_IN = {
    "Key Vault Certificates Officer": "a4417e6f-fecd-4de8-b567-7b0420556985",
    "Key Vault Crypto User": "12338af0-0e69-4776-bea7-57ae8d297424",
    "Key Vault Reader": "21090545-7ca7-4776-b22c-e363652d74d2",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
"""Microsoft Learn, "Azure built-in roles"; docs/reference/azure-functions.md#host-storage."""

APP = {
    ("storageAccounts", "Storage Blob Data Owner"),
    ("storageAccounts", "Storage Queue Data Contributor"),
    ("vaults", "Key Vault Secrets User"),
    ("components", "Monitoring Metrics Publisher"),
}
WITH_LEDGER_ROLE = {
    ("storageAccounts", "Holdfast tables"),
    ("ledger", "Holdfast ledger"),
    *((table, "Storage Table Data Contributor") for table in TABLES if table != "ledger"),
}
WITHOUT_LEDGER_ROLE = {("storageAccounts", "Storage Table Data Contributor")}
THAT_SIGNS = {("vaults", "Key Vault Crypto User"), ("vaults", "Key Vault Reader")}
DEPLOYER = {("storageAccounts", "Storage Blob Data Contributor")}
OPERATOR = {("vaults", "Key Vault Certificates Officer"), ("vaults", "Key Vault Secrets Officer")}
"""Who may do what, on what: docs/security.md says why."""


def whose(assignment: Resource) -> str:
    """Whom a role is given to: the app's identity, that of the platform's deployments, or a person."""
    principal = assignment["properties"]["principalId"]
    if re.fullmatch(r"[0-9-]+", principal):
        return "person"
    return "deployer" if "/id-holdfast-deployer-" in principal else "app"


def granted(name: str, to: str) -> set[tuple[str, str]]:
    """Kinds of resources (of tables, names) with the roles on them, as *to* gets them."""
    roles = {role: title for title, role in BUILT_IN.items()}
    for each in of("Authorization/roleDefinitions", name):
        roles[each["id"].rpartition("/")[2].rstrip("')]")] = " ".join(each["properties"]["roleName"].split()[:2])
    found = set()
    for each in of("Authorization/roleAssignments", name):
        said = each["properties"]
        kinds = re.findall(r"providers/Microsoft\.(?:Storage|KeyVault|Insights)/(\w+)/[^/']+", each["id"])
        if whose(each) == to:
            table = re.search(r"/tables/(\w+)'", each["id"])
            found.add((table[1] if table else kinds[0], roles[said["roleDefinitionId"].rsplit("/", 1)[-1]]))
    return found


@pytest.mark.parametrize("name", SETS)
def test_each_principal_has_the_roles_that_it_needs_and_no_other(name: str) -> None:
    app = APP | (WITHOUT_LEDGER_ROLE if name == "example" else WITH_LEDGER_ROLE)
    app |= THAT_SIGNS if config("appsettings", name)["HOLDFAST_CLIENT_KEY"] else set()
    assert granted(name, "app") == app
    assert granted(name, "deployer") == DEPLOYER
    assert granted(name, "person") == OPERATOR
    assert len(of("Authorization/roleAssignments", name)) == len(app) + len(DEPLOYER) + len(OPERATOR)


@pytest.mark.parametrize("name", SETS)
def test_the_app_has_no_role_where_its_package_lies_and_who_has_one_has_no_other(name: str) -> None:
    where: dict[str, set[str]] = {whose(each): set() for each in of("Authorization/roleAssignments", name)}
    for each in of("Authorization/roleAssignments", name):
        where[whose(each)] |= set(re.findall(r"/storageAccounts/(sthfpkg|stholdfast)", each["id"]))
    site = properties("Web/sites", name)["functionAppConfig"]["deployment"]["storage"]["value"]

    assert where["deployer"] == {"sthfpkg"}
    assert "sthfpkg" not in where["app"]
    assert "sthfpkg" in site


@pytest.mark.parametrize("name", SETS)
def test_a_pem_is_never_a_setting_in_azure(name: str) -> None:
    assert "HOLDFAST_CLIENT_CERTIFICATE" not in config("appsettings", name)


def test_the_identity_itself_is_the_credential_unless_another_is_asked_for() -> None:
    for name, proof in {"dev": "MANAGED_IDENTITY_CLIENT_ID", "prod": "MANAGED_IDENTITY_CLIENT_ID"}.items():
        assert config("appsettings", name)[f"HOLDFAST_{proof}"]
    assert "keys/client-certificate" in config("appsettings", "example")["HOLDFAST_CLIENT_KEY"]


@pytest.mark.parametrize("name", sorted(set(SETS) - {"example"}))
def test_on_the_ledger_the_app_reads_and_adds_and_does_nothing_else(name: str) -> None:
    by_name = {
        each["properties"]["roleName"].split()[1]: each["properties"]
        for each in of("Authorization/roleDefinitions", name)
    }
    [permission] = by_name["ledger"]["permissions"]
    rows = "Microsoft.Storage/storageAccounts/tableServices/tables/entities"
    assert permission == {
        "actions": [],
        "notActions": [],
        "dataActions": [f"{rows}/read", f"{rows}/add/action"],
        "notDataActions": [],
    }
    [maker] = by_name["tables"]["permissions"]
    assert maker["dataActions"] == []
    assert not [each for each in maker["actions"] if each.endswith("/delete")]


@pytest.mark.parametrize("name", SETS)
def test_roots_can_be_neither_changed_nor_removed_and_a_locked_policy_is_not_deployed_again(name: str) -> None:
    policies = of("Storage/storageAccounts/blobServices/containers/immutabilityPolicies", name)
    if name == "example":  # evidenceLocked
        assert policies == []
        return
    [policy] = policies
    assert policy["properties"] == {"immutabilityPeriodSinceCreationInDays": 2557, "allowProtectedAppendWrites": False}


def identities(name: str) -> list[Resource]:
    return of("ManagedIdentity/userAssignedIdentities", name)


@pytest.mark.parametrize("name", SETS)
def test_roles_of_the_app_are_those_of_its_own_identity(name: str) -> None:
    ids = {("deployer" if "deployer" in each["name"] else "app"): each["id"] for each in identities(name)}
    for each in of("Authorization/roleAssignments", name):
        if each["properties"]["principalType"] == "ServicePrincipal":
            assert f"reference('{ids[whose(each)]}', '" in each["properties"]["principalId"]


def test_roles_are_assigned_on_one_page() -> None:
    assert [file.name for file in FILES if "roleAssignments@" in file.read_text("utf-8")] == ["access.bicep"]


@pytest.mark.parametrize("name", SETS)
def test_storage_takes_no_keys_and_no_strangers(name: str) -> None:
    accounts = of("Storage/storageAccounts", name)
    assert len(accounts) == 2
    for said in (each["properties"] for each in accounts):
        assert said["allowSharedKeyAccess"] is False
        assert said["allowBlobPublicAccess"] is False
        assert said["isLocalUserEnabled"] is False
        assert said["supportsHttpsTrafficOnly"] is True
        assert said["minimumTlsVersion"] == "TLS1_2"
    for container in of("Storage/storageAccounts/blobServices/containers", name):
        assert container["properties"]["publicAccess"] == "None"


@pytest.mark.parametrize("kind", ["Storage/storageAccounts", "KeyVault/vaults"])
@pytest.mark.parametrize(
    ("name", "access"),
    [("prod", ("Disabled", "Deny")), ("example", ("Disabled", "Deny")), ("dev", ("Enabled", "Allow"))],
)
def test_a_private_installation_closes_public_access(kind: str, name: str, access: tuple[str, str]) -> None:
    for each in of(kind, name):
        said, opened = each["properties"], "sthfpkg" in each["name"] and name == "example"
        public = "Enabled" if opened else access[0]
        assert (said["publicNetworkAccess"], said["networkAcls"]["defaultAction"]) == (public, access[1])


def test_a_closed_account_of_packages_opens_to_named_addresses_and_to_nobody_else() -> None:
    [account] = [each for each in of("Storage/storageAccounts") if "sthfpkg" in each["name"]]
    said = account["properties"]["networkAcls"]

    assert (said["defaultAction"], said["ipRules"]) == ("Deny", [{"action": "Allow", "value": "192.0.2.10"}])


@pytest.mark.parametrize("name", SETS)
def test_the_vault_goes_by_roles_and_cannot_be_purged(name: str) -> None:
    said = properties("KeyVault/vaults", name)

    assert (said["enableRbacAuthorization"], said["enablePurgeProtection"], said["enableSoftDelete"]) == (True,) * 3


@pytest.mark.parametrize("name", SETS)
def test_telemetry_takes_identities_only(name: str) -> None:
    assert properties("Insights/components", name)["DisableLocalAuth"] is True
    assert properties("OperationalInsights/workspaces", name)["features"]["disableLocalAuth"] is True


@pytest.mark.parametrize("name", SETS)
def test_the_app_is_reached_by_tls_only_and_by_no_password(name: str) -> None:
    said = properties("Web/sites", name)
    passwords = of("Web/sites/basicPublishingCredentialsPolicies", name)

    assert said["httpsOnly"] is True
    assert said["siteConfig"]["minTlsVersion"] in {"1.2", "1.3"}
    assert said["siteConfig"]["scmMinTlsVersion"] in {"1.2", "1.3"}
    assert said["siteConfig"]["ftpsState"] == "Disabled"
    assert said["siteConfig"]["remoteDebuggingEnabled"] is False
    assert {each["name"].split("/")[-1]: each["properties"]["allow"] for each in passwords} == {
        "ftp": False,
        "scm": False,
    }


@pytest.mark.parametrize("name", SETS)
def test_the_app_is_one_identity_for_everything_but_its_package(name: str) -> None:
    deployer, identity = sorted(identities(name), key=lambda each: "deployer" not in each["name"])
    [app] = of("Web/sites", name)
    authentication = app["properties"]["functionAppConfig"]["deployment"]["storage"]["authentication"]

    assert app["identity"] == {
        "type": "UserAssigned",
        "userAssignedIdentities": {identity["id"]: {}, deployer["id"]: {}},
    }
    assert app["properties"]["keyVaultReferenceIdentity"] == identity["id"]
    assert authentication == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": deployer["id"],
    }


@pytest.mark.parametrize("name", SETS)
def test_the_app_runs_what_the_repository_names_and_is_replaced_instance_by_instance(name: str) -> None:
    said = properties("Web/sites", name)["functionAppConfig"]

    assert said["runtime"] == {"name": "python", "version": (ROOT / ".python-version").read_text().strip()}
    assert said["siteUpdateStrategy"] == {"type": "RollingUpdate"}


def test_the_app_starts_after_it_has_its_roles() -> None:
    text = (INFRA / "main.bicep").read_text("utf-8")

    assert "dependsOn: [access]" in text.split("module app ", 1)[1].split("\nmodule ", 1)[0]


def test_the_platform_asks_for_tokens_of_the_apis_own_registration() -> None:
    entra = config("authsettingsV2")["identityProviders"]["azureActiveDirectory"]

    assert entra["registration"]["clientId"] == "66666666-6666-6666-6666-666666666666"
    assert entra["validation"]["allowedAudiences"] == [
        "66666666-6666-6666-6666-666666666666",
        "api://holdfast.example.org",
    ]


def test_no_key_is_asked_of_any_service() -> None:
    calls = re.compile(r"\blist\w+\(")
    assert not [file.name for file in FILES if calls.search(file.read_text("utf-8"))]


def test_no_secret_is_written_down() -> None:
    looks_secret = re.compile(
        r"AccountKey=|SharedAccessSignature|BEGIN [A-Z ]*PRIVATE KEY|[?&]sig=|[A-Za-z0-9+/]{60,}="
    )
    for file in [*FILES, *INFRA.rglob("*.json")]:
        assert not looks_secret.search(file.read_text("utf-8")), file.name


def test_parameters_that_are_secret_are_none() -> None:
    """A template's secrets stay in the history of deployments, so it takes none: values go into the vault by hand."""
    for file in FILES:
        for name in re.findall(r"^param (\w+) ", file.read_text("utf-8"), re.MULTILINE):
            assert not re.search(r"secret|password|pwd|accountkey|key$", name, re.IGNORECASE), f"{file.name}: {name}"


@pytest.mark.parametrize("name", SETS)
def test_what_deletes_a_record_and_what_writes_a_package_is_logged(name: str) -> None:
    logs = [
        (
            "packages"
            if "/sthfpkg" in each["id"]
            else re.findall(r"/(blobServices|tableServices|vaults)/", each["id"])[0],
            {log["category"] for log in said},
        )
        for each in of("Insights/diagnosticSettings", name)
        if (said := each["properties"].get("logs"))
    ]

    assert dict(logs) == {
        "blobServices": {"StorageDelete"},
        "tableServices": {"StorageDelete"},
        "packages": {"StorageWrite", "StorageDelete"},
        "vaults": {"AuditEvent"},
    }


def test_every_private_endpoint_is_found_by_name() -> None:
    doors = {each["properties"]["privateLinkServiceConnections"][0]["name"] for each in of("Network/privateEndpoints")}
    groups = of("Network/privateEndpoints/privateDnsZoneGroups")
    zones = [each["id"] for each in of("Network/privateDnsZones")]

    assert doors == {"blob", "queue", "table", "vault", "packages"}
    assert all("privatelink" in zone for zone in zones)
    named = [each["properties"]["privateDnsZoneConfigs"][0]["properties"]["privateDnsZoneId"] for each in groups]
    assert (len(named), set(named)) == (len(doors), set(zones))
    assert len(of("Network/privateDnsZones/virtualNetworkLinks")) == len(zones)


@pytest.mark.parametrize("name", SETS)
def test_api_versions_are_stable(name: str) -> None:
    """A preview is used only where no stable version has what is said."""
    form = re.compile(r"\d{4}-\d\d-\d\d")
    odd = {each["type"] for each in resources(name) if not form.fullmatch(each["apiVersion"])}

    assert odd == {"Microsoft.Insights/diagnosticSettings"}


def test_the_host_speaks_what_the_senders_speak() -> None:
    host = json.loads((ROOT / "host.json").read_text("utf-8"))

    assert host["extensions"]["queues"]["messageEncoding"] == "none"
    assert "connection" not in json.dumps(host).lower()


def test_every_module_is_deployed() -> None:
    used = re.findall(r"^module \w+ '(modules/[^']+)'", (INFRA / "main.bicep").read_text("utf-8"), re.MULTILINE)

    assert sorted(used) == sorted(f"modules/{file.name}" for file in (INFRA / "modules").glob("*.bicep"))
