"""What is measured is shown and explained, what alerts has its page, and every number that can be set is explained."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from clients.settings import Settings
from tests.infra.bicep import INFRA, read

ROOT = INFRA.parent
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text("utf-8")
RULES: list[dict[str, Any]] = read(INFRA / "modules" / "alerts.bicep").variables["rules"]
WORKBOOK = (INFRA / "workbook.json").read_text("utf-8")

METRICS = set(re.findall(r'"(holdfast\.[a-z_.]+)", "', (ROOT / "clients" / "telemetry.py").read_text("utf-8"))) | set(
    re.findall(r'\n    "(holdfast\.[a-z_.]+)", "', (ROOT / "clients" / "telemetry.py").read_text("utf-8"))
)


def named(text: str) -> set[str]:
    return set(re.findall(r"holdfast\.[a-z_]+(?:\.[a-z_]+)*", text))


def leaves(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, key)
    else:
        yield name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["name"])
def test_every_alert_has_its_page(rule: dict[str, Any]) -> None:
    assert f"### {rule['name']}\n" in OPERATIONS


def test_every_page_is_of_an_alert() -> None:
    assert set(re.findall(r"^### (\S+)$", OPERATIONS, re.MULTILINE)) == {rule["name"] for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["name"])
def test_every_alert_looks_at_something_that_is_measured(rule: dict[str, Any]) -> None:
    query = str(rule["query"])

    assert named(query) <= METRICS
    assert named(query) or "AppRequests" in query
    assert "Value" in query


def test_every_log_line_that_is_looked_for_is_written() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "handlers").rglob("*.py"))
    queries = " ".join(str(rule["query"]) for rule in RULES)
    wanted = re.findall(r'Message startswith "([^"]+)"', queries + OPERATIONS)

    assert {"parked source=", "sweep lane="} <= set(wanted)
    for line in wanted:
        assert re.search(rf'log\.\w+\("{re.escape(line)}', sources), line


def test_every_property_that_is_looked_at_is_one_that_is_told() -> None:
    told = (ROOT / "clients" / "telemetry.py").read_text("utf-8")
    told += "".join(path.read_text("utf-8") for path in (ROOT / "handlers").rglob("*.py"))
    looked_at = re.findall(r'Properties\[\\?"(\w+)\\?"\]', WORKBOOK + OPERATIONS + str(RULES))

    assert "lane" in looked_at
    for name in looked_at:
        assert f'"{name}": ' in told or f"{name}=" in told, name


def test_what_matters_alerts() -> None:
    watched = named(" ".join(str(rule["query"]) for rule in RULES))

    assert {"holdfast.parked", "holdfast.check.oldest", "holdfast.needs_person", "holdfast.brake.engaged"} <= watched


def test_a_look_is_late_after_three_intervals() -> None:
    [late] = [str(rule["query"]) for rule in RULES if rule["name"] == "checks-late"]

    assert "${fastMinutes * 180}" in late
    assert "${slowMinutes * 180}" in late


def test_every_metric_is_shown_and_explained() -> None:
    assert METRICS
    assert named(OPERATIONS) >= METRICS
    assert named(WORKBOOK) | {"holdfast.controls", "holdfast.queue.age"} >= METRICS


def test_the_workbook_shows_nothing_that_is_not_measured() -> None:
    assert named(WORKBOOK) <= METRICS
    assert json.loads(WORKBOOK)["version"] == "Notebook/1.0"


def test_every_setting_is_explained() -> None:
    for field in Settings.model_fields.values():
        assert f"`{field.alias}`" in OPERATIONS, field.alias


def test_every_number_of_the_host_is_explained() -> None:
    host = json.loads((ROOT / "host.json").read_text("utf-8"))
    explained = {"default", "azure", "httpx", "Function", "version", "id", "isEnabled", "excludedTypes"}
    for name in leaves(host):
        assert name in explained or f"`{name}`" in OPERATIONS or name == "maxTelemetryItemsPerSecond", name


def test_every_permission_is_explained() -> None:
    roles = {
        role["id"] for each in json.loads((INFRA / "app-roles.json").read_text()) for role in each["resourceAccess"]
    }
    azure = read(INFRA / "modules" / "access.bicep").variables["roles"]

    assert all(role in SECURITY for role in roles)
    assert all(role in SECURITY for role in azure)


def test_parameters_that_the_documents_name_exist() -> None:
    parameters = read(INFRA / "main.bicep").parameters
    variables = {str(code) for file in INFRA.glob("*.bicepparam") for code in [file.read_text("utf-8")]}
    for name in re.findall(r"^azd env set (\w+)", (ROOT / "docs" / "deploy.md").read_text("utf-8"), re.MULTILINE):
        assert any(f"'{name}'" in text for text in variables), name
    for name in ("maxTenantsPerHour", "maxPercentPerHour", "logGigabytesPerDay", "maximumInstanceCount", "fastMinutes"):
        assert name in parameters
