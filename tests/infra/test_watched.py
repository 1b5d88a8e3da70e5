"""What is measured is shown and explained, what alerts has its page, and every number that can be set is explained."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from clients.settings import Settings
from infra.compiler import HERE as INFRA
from tests.infra.predicted import ROOT, of
from tests.infra.test_closed import BUILT_IN

OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text("utf-8")
RULES = {each["name"].removeprefix("holdfast-"): each["properties"] for each in of("Insights/scheduledQueryRules")}
QUERIES = {name: str(rule["criteria"]["allOf"][0]["query"]) for name, rule in RULES.items()}
WORKBOOK = (INFRA / "workbook.json").read_text("utf-8")

METRICS = set(re.findall(r'"(holdfast\.[a-z_.]+)", "', (ROOT / "clients" / "telemetry.py").read_text("utf-8"))) | set(
    re.findall(r'\n    "(holdfast\.[a-z_.]+)",\s+"', (ROOT / "clients" / "telemetry.py").read_text("utf-8"))
)


def named(text: str) -> set[str]:
    return set(re.findall(r"holdfast\.[a-z_]+(?:\.[a-z_]+)*", text))


def leaves(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, key)
    else:
        yield name


def test_every_alert_has_its_page_and_every_page_is_of_an_alert() -> None:
    assert re.findall(r"^### (\S+)$", OPERATIONS, re.MULTILINE) == list(QUERIES)


def test_every_alert_reaches_people() -> None:
    [people] = of("Insights/actionGroups")

    assert [each["emailAddress"] for each in people["properties"]["emailReceivers"]] == ["operators@example.org"]
    assert all(rule["enabled"] and rule["actions"]["actionGroups"] == [people["id"]] for rule in RULES.values())


@pytest.mark.parametrize("name", RULES)
def test_every_alert_looks_at_something_that_is_measured(name: str) -> None:
    query = QUERIES[name]

    assert named(query) <= METRICS
    assert named(query) or re.search(r"AppRequests|StorageBlobLogs|Message startswith|Properties\[\"event\"\]", query)
    assert "Value" in query


def test_every_log_line_that_is_looked_for_is_written() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "handlers").rglob("*.py"))
    queries = " ".join(QUERIES.values())
    wanted = re.findall(r'Message startswith "([^"]+)"', queries + OPERATIONS)

    assert {"incident kind=", "tick tenants="} <= set(wanted)
    for line in wanted:
        assert re.search(rf'log\.\w+\("{re.escape(line)}', sources), line


def test_every_property_that_is_looked_at_is_one_that_is_told() -> None:
    told = (ROOT / "clients" / "telemetry.py").read_text("utf-8")
    told += "".join(path.read_text("utf-8") for path in (ROOT / "handlers").rglob("*.py"))
    looked_at = re.findall(r'Properties\[\\?"(\w+)\\?"\]', WORKBOOK + OPERATIONS + str(QUERIES))

    assert "lane" in looked_at
    for name in looked_at:
        assert f'"{name}": ' in told or f"{name}=" in told, name


def test_what_matters_alerts() -> None:
    watched = named(" ".join(QUERIES.values()))

    assert {"holdfast.parked", "holdfast.check.oldest", "holdfast.brake.engaged"} <= watched


def test_a_look_is_late_after_three_intervals() -> None:
    assert 'iff(lane == "fast", 1800, 3600)' in QUERIES["checks-late"]  # 10 and 20 minutes, in the example


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
    explained = {"default", "azure", "httpx", "Function", "version", "id"}
    for name in leaves(host):
        assert name in explained or f"`{name}`" in OPERATIONS, name


def test_every_permission_is_explained() -> None:
    roles = {
        role["id"] for each in json.loads((INFRA / "app-roles.json").read_text()) for role in each["resourceAccess"]
    }

    assert all(role in SECURITY for role in roles)
    assert all(role in SECURITY for role in BUILT_IN)


def test_parameters_that_the_documents_name_exist() -> None:
    parameters = set(re.findall(r"^param (\w+) ", (INFRA / "main.bicep").read_text("utf-8"), re.MULTILINE))
    variables = "".join(file.read_text("utf-8") for file in INFRA.glob("*.bicepparam"))
    for name in re.findall(r"^azd env set (\w+)", (ROOT / "docs" / "deploy.md").read_text("utf-8"), re.MULTILINE):
        assert f"'{name}'" in variables, name
    for name in re.findall(r"^\| `HOLDFAST_.*?\| `(\w+)`", OPERATIONS, re.MULTILINE):
        assert name in parameters, name
