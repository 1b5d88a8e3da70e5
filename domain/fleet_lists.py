"""Lists over the fleet's index: which rows, in which order, what is on a page, and what waits for a person."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Literal, get_args

from domain.controls import CATALOGUE
from domain.fleet_index import WORST_FIRST, FoundThere, NotCompliant, TenantInFleet
from domain.lock import NOT_PROVEN
from domain.states import StateName
from domain.tenant import Mode

type SortName = Literal[
    "state", "-state", "name", "-name", "since", "-since", "findings", "-findings", "mode", "-mode", "looked", "-looked"
]
SORTS: tuple[SortName, ...] = get_args(SortName.__value__)

_NEVER = datetime(1, 1, 1, tzinfo=UTC)

type ListKey = tuple[str | int | float, ...]
"""A place in a list: of values that JSON can carry, and different for each row."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tenants a list is to show; empty: whatever it is. *q*: part of a name, a domain or an id."""

    q: str = ""
    control: str = ""
    state: StateName | Literal[""] = ""
    profile: str = ""
    mode: Mode | Literal[""] = ""
    label: str = ""
    actor: str = ""

    def takes(self, row: TenantInFleet) -> bool:
        """Whether *row* is wanted. A state is that of the control, where one is named, else the tenant's worst."""
        state = row.state_of(self.control) if self.control else row.worst
        return self.takes_tenant(row) and (not self.state or self.state == state)

    def takes_tenant(self, row: TenantInFleet) -> bool:
        """The same, whatever its states are."""
        if self.q and self.q.casefold() not in row.searched:
            return False
        return (
            self.profile in {"", row.profile}
            and self.mode in {"", row.mode}
            and (not self.label or self.label in row.labels)
            and (not self.actor or any(self.actor.casefold() in each.casefold() for each in row.actors))
        )


def sorted_rows(rows: Iterable[TenantInFleet], sort: SortName, now: datetime) -> list[tuple[ListKey, TenantInFleet]]:
    """*rows* in their order, each with its key. A minus turns the first part of the order, and not the rest."""
    by = _ORDERS[sort.removeprefix("-")]
    keyed = [(row.list_key, by(row, now), row) for row in rows]
    keyed.sort(key=itemgetter(0))
    keyed.sort(key=itemgetter(1), reverse=sort.startswith("-"))
    return [((first, *rest), row) for rest, first, row in keyed]


def _seconds(at: datetime | None) -> float:
    return (at or _NEVER).timestamp()


_ORDERS: dict[str, Callable[[TenantInFleet, datetime], str | int | float]] = {
    "state": lambda row, _: WORST_FIRST.index(row.worst),
    "name": lambda row, _: row.list_key[0],
    "since": lambda row, _: _seconds(row.worst_since),
    "findings": lambda row, now: len(row.open_findings(now)),
    "mode": lambda row, _: row.mode,
    "looked": lambda row, _: _seconds(row.last_looked),
}


def cursor_of(key: ListKey) -> str:
    """*key* as it stands in a link."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).rstrip(b"=").decode()


def key_of(cursor: str) -> ListKey:
    """The key in a cursor. Raises ValueError for what is none."""
    try:
        key = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except ValueError:
        raise ValueError("should be the cursor of a page before") from None
    if not isinstance(key, list) or not key or not all(isinstance(part, str | int | float) for part in key):
        raise ValueError("should be the cursor of a page before")
    return tuple(key)


def paged[T](
    items: Sequence[tuple[ListKey, T]], after: str, limit: int, *, descending: bool = False
) -> tuple[list[T], str]:
    """At most *limit* of *items* that come after the cursor, and the cursor for those after them; empty: no more.

    The first part of a key descends where *descending*; the rest ascends. Raises ValueError for a bad cursor.
    """
    start = 0
    if after:
        last = key_of(after)
        try:
            start = sum(not _is_after(key, last, descending=descending) for key, _ in items)
        except TypeError:
            raise ValueError("should be the cursor of a page before, in the same order") from None
    some = items[start : start + limit]
    more = len(items) > start + limit
    return [item for _, item in some], cursor_of(some[-1][0]) if more else ""


def _is_after(key: ListKey, last: ListKey, *, descending: bool) -> bool:
    if key[0] == last[0]:
        return key[1:] > last[1:]
    return descending != (key[:1] > last[:1])


def controls_of(
    rows: Iterable[TenantInFleet], filters: Filter
) -> Iterator[tuple[TenantInFleet, str, NotCompliant | None]]:
    """Each wanted control of each wanted tenant; None where it is compliant."""
    wanted = [each for each in CATALOGUE if filters.control in {"", each}]
    for row in rows:
        if not filters.takes_tenant(row):
            continue
        for control in wanted:
            cell = row.cell(control)
            if filters.state in {"", cell.state if cell else "compliant"}:
                yield row, control, cell


type WaitKind = Literal[
    "approval", "lock not proven", "needs person", "radius", "breaker", "rehearsal", "finding", "config", "parked"
]
WAIT_KINDS: tuple[WaitKind, ...] = get_args(WaitKind.__value__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """One thing that waits for a person. *plan* or *finding*: what an answer names."""

    kind: WaitKind
    tenant_id: str
    name: str
    control: str
    why: str
    since: datetime | None
    plan: str = ""
    finding: str = ""

    @property
    def cause(self) -> str:
        """What things of one cause have in common."""
        common = {"needs person": self.why, "radius": self.why}.get(self.kind, "")
        return " ".join(filter(None, (self.kind, self.control, common)))

    @property
    def key(self) -> ListKey:
        return self.cause, self.name.casefold(), self.tenant_id, self.control, self.finding


def waiting_in(rows: Iterable[TenantInFleet], now: datetime) -> Iterator[Waits]:
    """What waits in each tenant that is looked after, by its states and findings."""
    for row in (row for row in rows if row.enabled and row.is_current):
        for control, cell in row.summary.states.items():
            if kind := _kind_of(cell):
                yield Waits(
                    kind=kind,
                    tenant_id=row.tenant_id,
                    name=row.name,
                    control=control,
                    why=cell.why,
                    since=cell.since,
                    plan=cell.plan,
                )
        for finding, each in row.open_findings(now).items():
            yield Waits(
                kind=_kind_of_finding(each),
                tenant_id=row.tenant_id,
                name=row.name,
                control=each.control,
                why=each.text,
                since=each.since,
                finding=finding,
            )


def _kind_of(cell: NotCompliant) -> WaitKind | None:
    """What a person is to do; None where it settles by itself, or waits for a time or another control."""
    match cell.state:
        case "awaiting_approval":
            return "approval"
        case "needs_person":
            return "needs person"
        case "held" if NOT_PROVEN in cell.why:
            return "lock not proven"
        case "held" if cell.why.startswith("radius"):
            return "radius"
        case "held" if cell.why.startswith("breaker"):
            return "breaker"
        case _:
            return None


def _kind_of_finding(finding: FoundThere) -> WaitKind:
    return "rehearsal" if finding.kind == "sender" else "finding"
