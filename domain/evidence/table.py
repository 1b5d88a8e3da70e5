"""The month as a table for spreadsheets: one row a span, with the drift that ended it or lay in it elsewhere."""

import csv
from collections.abc import Sequence
from datetime import datetime
from io import StringIO

from domain.control import Drift
from domain.evidence.month import Month
from domain.shown import capped
from domain.steps import Value

_HEADINGS = ("tenant", "name", "month", "kind", "control", "from", "to", "what", "who", "entry")


def as_csv(month: Month) -> str:
    """Spans, drifts, accepted things, findings, what was asked and alerts, a row each (RFC 4180)."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEADINGS)
    for kind, control, start, end, what, who, entry in _rows(month):
        row = (month.tenant_id, month.name, month.month, kind, control, start, end, what, who, entry)
        writer.writerow([harmless_cell(capped(cell)) for cell in row])
    return text.getvalue()


def _rows(month: Month) -> list[tuple[str, str, str, str, str, str, str]]:
    spans = [
        ("span", control.id, _time(span.start), _time(span.end), span.standing, "", "")
        for control in month.controls
        for span in control.spans
    ]
    drifts = [
        ("drift", each.control, _time(each.seen_at), _time(each.fixed_at), _fields(each.fields), each.by, each.entry)
        for each in month.drifts
    ]
    accepted = [
        (each.kind, each.control, "", _time(each.until), f"{each.what} {each.reason}".strip(), each.owner, "")
        for each in month.accepted
    ]
    findings = [
        ("finding", each.control, _time(each.since), "", f"{each.kind} {each.value} on {each.name}", "", each.id)
        for each in month.findings
    ]
    alerts = [
        ("alert", "", _time(each.at), "", f"{each.verdict}: {each.detail}", "", each.entry) for each in month.alerts
    ]
    asked = [("asked", each.control, _time(each.at), "", each.detail, "", each.entry) for each in month.asked]
    return [*spans, *drifts, *accepted, *findings, *asked, *alerts]


def _time(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _fields(fields: Sequence[Drift]) -> str:
    return "; ".join(
        f"{each.field}: {setting_text(each.found)} (wanted {setting_text(each.wanted)})" for each in fields
    )


def setting_text(value: Value) -> str:
    """A value of a setting for people: a list with commas, what is not there as `missing`."""
    match value:
        case None | "" | ():
            return "missing"
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def harmless_cell(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell
