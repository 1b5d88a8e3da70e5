"""What the code needs is there under the name that it uses, and none besides."""

import json
import re
from typing import Any, get_args

import pytest

from clients import storage
from clients.settings import Settings
from domain.jobs import QUEUES
from domain.psa.desk import Provider
from handlers.api.access import HEALTH, WEBHOOKS
from handlers.api.routing import PREFIX
from handlers.console.web import CONSOLE
from infra.compiler import HERE as INFRA
from tests.infra.predicted import ROOT, SETS, config, named, of

NAMES: dict[str, list[str]] = json.loads((INFRA / "names.json").read_text("utf-8"))

KNOWN = {str(field.alias): field for field in Settings.model_fields.values()}
MANY = {name.removesuffix("*") for name in KNOWN if name.endswith("*")}
"""Settings of which there are as many as an installation has secrets: main.bicep makes their names."""

OF_THE_PLATFORM = {
    "AzureWebJobsStorage__credential",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
}
"""Settings that Microsoft's code reads, not ours."""

NOT_IN_AZURE = {
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__accountName",
    "HOLDFAST_DEV_KEY",
    "HOLDFAST_CLIENT_CERTIFICATE",
    "HOLDFAST_ENTRA_PAGES_URL",
}
"""The first would win over the identity and hold a key, the second over the URLs and be one of the public cloud; the
last is a simulator's; the others are keys in the clear, for a developer's machine: in Azure the vault signs."""

FORBIDDEN_ON_FLEX = {
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_VNET_ROUTE_ALL",
}

IN_THE_VAULT = re.compile(r"@Microsoft\.KeyVault\((SecretUri=|VaultName=)")


@pytest.mark.parametrize("name", SETS)
def test_queues_and_their_poison_are_those_of_the_product(name: str, triggers: dict[str, dict[str, Any]]) -> None:
    heard = {trigger["queueName"] for trigger in triggers.values() if trigger["type"] == "queueTrigger"}
    there = named("Storage/storageAccounts/queueServices/queues", name)

    assert there == {queue + ending for queue in QUEUES for ending in ("", "-poison")}
    assert heard <= there


@pytest.mark.parametrize("name", SETS)
def test_tables_are_those_of_the_product(name: str) -> None:
    assert named("Storage/storageAccounts/tableServices/tables", name) == set(storage.TABLES)


@pytest.mark.parametrize("name", SETS)
def test_containers_are_those_of_the_product_and_that_of_packages(name: str) -> None:
    assert named("Storage/storageAccounts/blobServices/containers", name) == {*storage.CONTAINERS, "packages"}


def test_functions_with_instances_of_their_own_are_those_of_the_product(triggers: dict[str, dict[str, Any]]) -> None:
    """HTTP functions share theirs, which is the group `http`."""
    assert set(NAMES["functions"]) == {n for n, trigger in triggers.items() if trigger["type"] != "httpTrigger"}


@pytest.mark.parametrize("name", SETS)
def test_every_setting_of_the_product_is_given_and_none_is_unknown(name: str) -> None:
    given = {each for each in config("appsettings", name) if not each.startswith(tuple(MANY))}
    known = {each for each in KNOWN if not each.endswith("*")}

    assert known - NOT_IN_AZURE - given == set(), "not in app.bicep"
    assert given - known - OF_THE_PLATFORM == set(), "in app.bicep, and nobody reads it"
    assert not given & NOT_IN_AZURE
    assert not given & FORBIDDEN_ON_FLEX


@pytest.mark.parametrize("name", SETS)
def test_settings_that_are_secret_come_from_the_vault(name: str) -> None:
    secret = {each for each, field in KNOWN.items() if not field.repr} - NOT_IN_AZURE
    given = config("appsettings", name)

    assert secret
    for each, value in given.items():
        if each in secret or (each.startswith(tuple(MANY)) and each not in KNOWN):
            assert not value or IN_THE_VAULT.search(value), each


def test_every_secret_can_be_given() -> None:
    secret = {each for each, field in KNOWN.items() if not field.repr and not each.endswith("*")} - NOT_IN_AZURE
    given = {each for name in SETS for each, value in config("appsettings", name).items() if value}

    assert secret - {"HOLDFAST_CLIENT_SECRET"} <= given  # the example proves itself with a key
    assert "HOLDFAST_CLIENT_SECRET: proof == 'secret' ? secret" in (INFRA / "modules" / "app.bicep").read_text("utf-8")
    assert {"HOLDFAST_DNS_SECRET_CLOUDFLARE", "HOLDFAST_DNS_SECRET_PLESK_MAIN"} <= given


def test_a_dns_secret_is_looked_for_in_the_vault_that_is_made() -> None:
    [vault] = of("KeyVault/vaults")

    assert config("appsettings")["HOLDFAST_DNS_SECRET_PLESK_MAIN"] == (
        f"@Microsoft.KeyVault(VaultName={vault['name']};SecretName=dns-plesk-main)"
    )


def test_a_channels_url_is_looked_for_in_the_vault_that_is_made() -> None:
    [vault] = of("KeyVault/vaults")
    settings = config("appsettings")

    assert settings["HOLDFAST_NOTIFY"] == "notify-ops"
    assert settings["HOLDFAST_NOTIFY_FABRIKAM_IT"] == (
        f"@Microsoft.KeyVault(VaultName={vault['name']};SecretName=notify-fabrikam-it)"
    )


def test_settings_that_functions_refer_to_are_given(triggers: dict[str, dict[str, Any]]) -> None:
    given = config("appsettings")
    schedules = {trigger["schedule"].strip("%") for trigger in triggers.values() if trigger["type"] == "timerTrigger"}
    connections = {trigger["connection"] for trigger in triggers.values() if trigger["type"] == "queueTrigger"}

    assert schedules <= given.keys()
    for connection in connections:
        assert {f"{connection}__{each}" for each in ("queueServiceUri", "credential", "clientId")} <= given.keys()


def test_routes_that_need_no_token_are_health_signed_webhooks_and_the_console_which_signs_people_in() -> None:
    excluded = set(config("authsettingsV2")["globalValidation"]["excludedPaths"])

    webhooks = {f"{WEBHOOKS}psa/{name}" for name in get_args(Provider)}
    assert excluded == {HEALTH, CONSOLE, f"{CONSOLE}/*", *webhooks}


def test_the_api_is_below_the_route_prefix_of_the_host() -> None:
    host = json.loads((ROOT / "host.json").read_text("utf-8"))
    assert f"/{host['extensions']['http']['routePrefix']}" == PREFIX
