"""The month for spreadsheets: a row each, and no cell that a spreadsheet runs."""

import csv
from io import StringIO

from domain.evidence.fleet import MonthRow, fleet_as_csv, row_of
from domain.evidence.table import as_csv
from tests.domain.evidence.test_page import full


def rows(text):
    return list(csv.DictReader(StringIO(text)))


def test_every_span_drift_acceptance_finding_and_alert_is_a_row():
    month = full()
    kinds = [row["kind"] for row in rows(as_csv(month))]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "span": sum(len(each.spans) for each in month.controls),
        "drift": 2,
        "exception": 1,
        "finding": 1,
        "alert": 2,
    }
    [spf] = [row for row in rows(as_csv(month)) if (row["kind"], row["control"]) == ("drift", "mx")]
    assert (spf["from"], spf["to"]) == ("2026-11-01T00:00:00+00:00", "")


def test_no_cell_is_a_formula():
    text = fleet_as_csv([MonthRow("a", '=HYPERLINK("x")', 0.5, 1, 1, 0, 0)])
    [row] = rows(text)
    assert (row["name"], row["proven"]) == ('\'=HYPERLINK("x")', "0.5")


def test_a_month_has_its_figures():
    row = row_of(full())
    assert (row.drifts, row.fixed, row.findings, row.alerts_closed) == (2, 1, 1, 1)
