"""Names are said once, in names.json and app.bicep, and are those that the product has."""

import json
from typing import Any

from clients import storage
from clients.settings import Settings
from domain.jobs import QUEUES
from tests.infra.bicep import INFRA, read

NAMES: dict[str, list[str]] = json.loads((INFRA / "names.json").read_text("utf-8"))
SETTINGS: dict[str, Any] = read(INFRA / "modules" / "app.bicep").variables["own"]

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

NOT_IN_AZURE = {"AzureWebJobsStorage"}
"""The exact name would win over the identity's, and hold a key."""

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


def test_names_are_listed_once_and_in_order() -> None:
    for kind, names in NAMES.items():
        assert names == sorted(set(names)), kind


def test_queues_are_those_that_the_product_sends_to_and_listens_to(triggers: dict[str, dict[str, Any]]) -> None:
    heard = {trigger["queueName"] for trigger in triggers.values() if trigger["type"] == "queueTrigger"}

    assert set(NAMES["queues"]) == set(QUEUES)
    assert heard <= {*NAMES["queues"], *(f"{queue}-poison" for queue in NAMES["queues"])}


def test_tables_are_those_of_the_product() -> None:
    assert set(NAMES["tables"]) == set(storage.TABLES)


def test_functions_with_instances_of_their_own_are_those_of_the_product(triggers: dict[str, dict[str, Any]]) -> None:
    """HTTP functions share theirs, which is the group `http`."""
    assert set(NAMES["functions"]) == {n for n, trigger in triggers.items() if trigger["type"] != "httpTrigger"}


def test_every_setting_of_the_product_is_given_and_none_is_unknown() -> None:
    known = {name for name in KNOWN if not name.endswith("*")}

    assert known - NOT_IN_AZURE - SETTINGS.keys() == set(), "not in app.bicep"
    assert SETTINGS.keys() - known - OF_THE_PLATFORM == set(), "in app.bicep, and nobody reads it"
    assert not SETTINGS.keys() & NOT_IN_AZURE


def test_settings_that_are_secret_come_from_the_vault() -> None:
    variables = read(INFRA / "modules" / "app.bicep").variables
    references = {
        name for name, value in variables.items() if "@Microsoft.KeyVault(SecretUri=${vaultSecrets}/" in str(value)
    }
    secret = {name for name, field in KNOWN.items() if not field.repr and not name.endswith("*")} - NOT_IN_AZURE

    assert secret
    for name in secret:
        assert references & set(str(SETTINGS[name]).replace("?", " ").replace(":", " ").split()), name


def test_secrets_of_which_there_are_many_come_from_the_vault_too() -> None:
    made = str(read(INFRA / "main.bicep").variables["dnsSettings"])

    assert {"HOLDFAST_DNS_SECRET_"} == MANY
    assert "'HOLDFAST_DNS_SECRET_${name}'" in made
    assert "@Microsoft.KeyVault(VaultName=kv-hf-${token};" in made
    assert read(INFRA / "modules" / "vault.bicep").resources["vault"].body["name"].strip("'") == "kv-hf-${token}"


def test_settings_that_functions_refer_to_are_given(triggers: dict[str, dict[str, Any]]) -> None:
    schedules = {trigger["schedule"].strip("%") for trigger in triggers.values() if trigger["type"] == "timerTrigger"}
    connections = {trigger["connection"] for trigger in triggers.values() if trigger["type"] == "queueTrigger"}

    assert schedules <= SETTINGS.keys()
    assert all(f"{connection}__accountName" in SETTINGS for connection in connections)


def test_no_setting_is_one_that_flex_consumption_refuses() -> None:
    assert not SETTINGS.keys() & FORBIDDEN_ON_FLEX


def test_routes_that_need_no_token_are_health_and_signed_webhooks(triggers: dict[str, dict[str, Any]]) -> None:
    authentication = read(INFRA / "modules" / "app.bicep").resources["authentication"].body["properties"]
    prefix = json.loads((INFRA.parent / "host.json").read_text("utf-8"))["extensions"]["http"]["routePrefix"]
    excluded = set(authentication["globalValidation"]["excludedPaths"])
    anonymous = {
        trigger["route"]
        for trigger in triggers.values()
        if trigger["type"] == "httpTrigger" and trigger["authLevel"] == "ANONYMOUS"
    }

    plain = {f"/{prefix}/{route}" for route in anonymous if "{" not in route}
    assert plain <= excluded
    assert {path for path in excluded if not path.startswith(f"/{prefix}/webhooks/psa/")} == plain
