"""The month of all tenants, for the MSP: a row each."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from math import floor

from pydantic import AwareDatetime

from domain.evidence.month import Month
from domain.evidence.table import harmless_cell


@dataclass(frozen=True, slots=True)
class MonthRow:
    """One tenant's month in figures. *proven*: a share of the time, rounded down."""

    tenant_id: str
    name: str
    proven: float
    drifts: int
    fixed: int
    findings: int
    alerts_closed: int


@dataclass(frozen=True, slots=True)
class FleetMonth:
    """The month of every tenant whose evidence was made. *missing*: ids of those without."""

    month: str
    made_at: AwareDatetime
    tenants: tuple[MonthRow, ...]
    missing: tuple[str, ...]


def row_of(month: Month) -> MonthRow:
    return MonthRow(
        tenant_id=month.tenant_id,
        name=month.name,
        proven=floor(month.proven * 100_000 + 1e-6) / 100_000,
        drifts=len(month.drifts),
        fixed=sum(1 for each in month.drifts if each.fixed_at),
        findings=len(month.findings),
        alerts_closed=sum(1 for each in month.alerts if each.verdict == "closed"),
    )


_COLUMNS = ("tenant_id", "name", "proven", "drifts", "fixed", "findings", "alerts_closed")


def fleet_as_csv(rows: Sequence[MonthRow]) -> str:
    """A row a tenant (RFC 4180)."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for each in rows:
        writer.writerow([harmless_cell(str(getattr(each, name))) for name in _COLUMNS])
    return text.getvalue()
