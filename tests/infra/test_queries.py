"""The queries of alerts and workbook: compiled by Microsoft's own compiler of Kusto's language, and run on made-up rows.

What runs them is a translator (duckdb-kql), for there is no Kusto outside of Azure.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import duckdb_kql
import pytest

from infra.compiler import HERE as INFRA
from tests.infra.predicted import of

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)

RULES = {
    each["name"].removeprefix("holdfast-"): each["properties"]["criteria"]["allOf"][0]
    for each in of("Insights/scheduledQueryRules", "prod")  # looks at Exchange every 5 minutes, at DNS every 15
}
CHARTS = {
    item["name"]: item["content"]["query"].replace("{range:grain}", "1h")
    for item in json.loads((INFRA / "workbook.json").read_text("utf-8"))["items"]
    if "query" in item["content"]
}

# The columns of Application Insights' tables in a workspace that the queries use (Microsoft Learn, "AppMetrics" ...).
SCHEMA = """
CREATE TABLE AppMetrics (TimeGenerated TIMESTAMP, Name VARCHAR, Sum DOUBLE, ItemCount BIGINT, Max DOUBLE, Properties JSON);
CREATE TABLE AppTraces (TimeGenerated TIMESTAMP, Message VARCHAR, Properties JSON, OperationId VARCHAR);
CREATE TABLE AppRequests (TimeGenerated TIMESTAMP, Success BOOLEAN, ItemCount BIGINT, OperationId VARCHAR, OperationName VARCHAR);
CREATE TABLE StorageBlobLogs (TimeGenerated TIMESTAMP, AccountName VARCHAR, Category VARCHAR, StatusText VARCHAR);
CREATE TABLE AppExceptions (TimeGenerated TIMESTAMP, ExceptionType VARCHAR, OperationId VARCHAR);
"""

type Row = tuple[str, dict[str, Any]]


def metric(name: str, value: float, ago_min: float = 1, **properties: str) -> Row:
    told = {
        "Name": f"holdfast.{name}",
        "Sum": value,
        "Max": value,
        "ItemCount": 1,
        "Properties": json.dumps(properties),
    }
    return "AppMetrics", {"TimeGenerated": NOW - timedelta(minutes=ago_min), **told}


def line(message: str, **properties: str) -> Row:
    told = {"Message": message, "Properties": json.dumps(properties), "OperationId": "trace"}
    return "AppTraces", {"TimeGenerated": NOW - timedelta(minutes=1), **told}


def request(operation: str, *, success: bool, count: int = 1) -> Row:
    told = {"Success": success, "ItemCount": count, "OperationId": operation, "OperationName": "visit"}
    return "AppRequests", {"TimeGenerated": NOW - timedelta(minutes=1), **told}


def exception(operation: str, kind: str) -> Row:
    return "AppExceptions", {"TimeGenerated": NOW, "ExceptionType": kind, "OperationId": operation}


def written(category: str, status: str = "Success", account: str = "") -> Row:
    told = {"AccountName": account or PACKAGES, "Category": category, "StatusText": status}
    return "StorageBlobLogs", {"TimeGenerated": NOW, **told}


[PACKAGES] = [each["name"] for each in of("Storage/storageAccounts", "prod") if "pkg" in each["name"]]


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb_kql.connect() as connection:
        connection.execute(SCHEMA)
        yield connection


def asked(database: duckdb.DuckDBPyConnection, query: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """What *query* answers where the tables hold *rows* and nothing else."""
    for table in ("AppMetrics", "AppTraces", "AppRequests", "AppExceptions", "StorageBlobLogs"):
        database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    for table, row in rows:
        columns, places = ", ".join(row), ", ".join("?" * len(row))
        database.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", list(row.values()))  # noqa: S608
    answer = duckdb_kql.kql(database, query)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]


def fires(database: duckdb.DuckDBPyConnection, rule: str, rows: Iterable[Row]) -> bool:
    """Whether the alert goes off: its greatest Value is above its threshold."""
    values = [row["Value"] for row in asked(database, RULES[rule]["query"], rows)]
    assert RULES[rule]["operator"] == "GreaterThan"
    return any(value is not None and value > RULES[rule]["threshold"] for value in values)


def measured(**told: str) -> Row:
    """What the tick says of the fleet in a log line."""
    ages = {"cursor_s": "60", "brake_s": "0", "fast_s": "60", "slow_s": "60", "parked": "0", "needs_person": "0"}
    return line("fleet_measured tenants=3 parked=0 needs_person=0", **ages | told)


TICKED = line("tick tenants=3 late_s=0")
CUT_OFF = "Microsoft.Azure.WebJobs.Script.FunctionTimeoutAbortException"

LATE, IN_TIME = ([metric("objective", 1, objective="fast-seen", met=met)] for met in ("false", "true"))

CASES = [
    ("objective-burning-fast", LATE * 4, False),
    ("objective-burning-fast", LATE * 3 + IN_TIME * 2, False),
    ("objective-burning-fast", LATE * 4 + IN_TIME, True),
    ("objective-burning", LATE + IN_TIME * 4, False),
    ("objective-burning", LATE * 2 + IN_TIME * 3, True),
    ("message-parked", [metric("parked", 0, queue="checks")], False),
    ("message-parked", [metric("parked", 1, queue="checks")], True),
    ("message-parked", [line("incident kind=parked id=1", kind="parked")], True),
    ("incident", [line("incident kind=parked id=1", kind="parked")], False),
    ("incident", [line("incident kind=radius id=1", kind="radius")], True),
    ("checks-late", [metric("check.oldest", 899, lane="fast"), metric("check.oldest", 2699, lane="slow")], False),
    ("checks-late", [metric("check.oldest", 901, lane="fast")], True),
    ("checks-late", [metric("check.oldest", 2701, lane="slow")], True),
    ("checks-late", [metric("check.oldest", 5000, 9, lane="fast"), metric("check.oldest", 10, 1, lane="fast")], False),
    ("checks-late", [measured(fast_s="901", slow_s="10")], True),
    ("checks-late", [measured(fast_s="10", slow_s="2701")], True),
    ("checks-late", [measured(fast_s="899", slow_s="2699")], False),
    ("ticks-silent", [TICKED], False),
    ("ticks-silent", [line("tick_late by_s=300: done here")], True),
    ("ticks-silent", [], True),
    ("needs-person-rising", [line("needs_person tenant=t control=spf", event="needs_person")] * 4, False),
    ("needs-person-rising", [line("needs_person tenant=t control=spf", event="needs_person")] * 5, True),
    ("needs-person-rising", [line("corrected tenant=t control=spf", event="corrected")] * 9, False),
    ("invocations-failing", [request(str(n), success=False) for n in range(10)], False),
    ("invocations-failing", [request(str(n), success=False) for n in range(11)], True),
    ("invocations-failing", [request("one", success=False, count=11)], True),
    ("invocations-failing", [request(str(n), success=True) for n in range(30)], False),
    (
        "invocations-failing",
        [row for n in range(30) for row in (request(str(n), success=False), exception(str(n), CUT_OFF))],
        False,
    ),
    ("controls-unknown", [metric("controls", 100), metric("unknowns", 20)], False),
    ("controls-unknown", [metric("controls", 100), metric("unknowns", 21)], True),
    ("controls-unknown", [], False),
    ("package-written", [written("StorageWrite")], True),
    ("package-written", [written("StorageDelete")], True),
    ("package-written", [written("StorageRead"), written("StorageWrite", "AuthorizationFailure")], False),
    ("package-written", [written("StorageWrite", account="another")], False),
    ("brake-engaged", [metric("brake.engaged", 4 * 3600)], False),
    ("brake-engaged", [metric("brake.engaged", 4 * 3600 + 60)], True),
    ("brake-engaged", [metric("brake.engaged", 9 * 3600, 9), metric("brake.engaged", 0, 1)], False),
    ("brake-engaged", [measured(brake_s=str(4 * 3600 + 60))], True),
    ("brake-engaged", [measured(brake_s="0")], False),
    ("brake-engaged", [], False),
]


@pytest.mark.parametrize(("rule", "rows", "expected"), CASES, ids=[f"{rule}-{i}" for i, (rule, *_) in enumerate(CASES)])
def test_an_alert_goes_off_when_it_should_and_only_then(database, rule, rows, expected) -> None:
    assert fires(database, rule, rows) is expected


def test_every_alert_was_seen_to_go_off_and_to_be_silent() -> None:
    assert {(rule, expected) for rule, _, expected in CASES} == {(rule, on) for rule in RULES for on in (True, False)}


KUSTO = Path(__file__).with_name("kusto.js")
TYPES = {"TIMESTAMP": "datetime", "VARCHAR": "string", "DOUBLE": "real", "BIGINT": "long", "JSON": "dynamic", "BOOLEAN": "bool"}  # fmt: skip


def compiled(*queries: str) -> list[list[str]]:
    """What Kusto's compiler finds wrong with each query on the tables of SCHEMA."""
    tables = {
        name: "({})".format(re.sub(r"(\w+) (\w+)", lambda column: f"{column[1]}:{TYPES[column[2]]}", columns))
        for name, columns in re.findall(r"CREATE TABLE (\w+) \((.+)\);", SCHEMA)
    }
    given = json.dumps({"tables": tables, "queries": queries})
    run = subprocess.run(["node", KUSTO], input=given, capture_output=True, text=True, check=True)
    found: list[list[str]] = json.loads(run.stdout)
    return found


def test_kustos_own_compiler_finds_nothing_wrong_with_any_query() -> None:
    queries = {name: rule["query"] for name, rule in RULES.items()} | CHARTS

    assert not {name: wrong for name, wrong in zip(queries, compiled(*queries.values()), strict=True) if wrong}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("AppMetrics | where Somme > 1", "The name 'Somme' does not refer to any known column"),
        ("AppMetrics | wher Sum > 1", "Query operator expected"),
        ("AppMetrics | where Name + 1 > 2", "The operator '+' is not defined for the operand types string and long"),
        ("AppMetric | count", "The name 'AppMetric' does not refer to any known table"),
    ],
)
def test_that_compiler_names_what_is_wrong(query: str, says: str) -> None:
    [found] = compiled(query)

    assert found[0].startswith(says)


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_shows_something_where_there_is_something(database, chart) -> None:
    about = {"lane": "fast", "outcome": "looked", "control": "spf", "queue": "checks", "host": "exchange"}
    names = {name for name in CHARTS[chart].split('"') if name.startswith("holdfast.")}
    rows = [metric(name.removeprefix("holdfast."), 7, 1, **about) for name in names]
    rows += [
        measured(),
        request("one", success=False, count=7),
        line("corrected tenant=t control=spf", event="corrected", **about),
    ]

    shown = asked(database, CHARTS[chart], rows)
    assert shown
    assert all(value is not None for value in shown[0].values())
