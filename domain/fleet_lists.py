"""Lists over the fleet's index: which rows, in which order, what is on a page, and what waits for a person."""

import base64
import json
from bisect import bisect, bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Literal, get_args

from domain.controls import CATALOGUE
from domain.findings import TO_BE_ANSWERED
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

    def tenants(self, rows: Iterable[TenantInFleet]) -> list[TenantInFleet]:
        """Those of *rows* that are wanted, whatever their states are: what is not asked for is not looked at."""
        q, actor = self.q.casefold(), self.actor.casefold()
        tests: list[Callable[[TenantInFleet], bool]] = []
        if q:
            tests.append(lambda row: q in row.searched)
        if self.profile:
            tests.append(lambda row: row.profile == self.profile)
        if self.mode:
            tests.append(lambda row: row.mode == self.mode)
        if self.label:
            tests.append(lambda row: self.label in row.labels)
        if actor:
            tests.append(lambda row: any(actor in each.casefold() for each in row.actors))
        for test in tests:
            rows = filter(test, rows)
        return list(rows)

    def in_state(self, rows: Sequence[TenantInFleet]) -> Sequence[TenantInFleet]:
        """Those of *rows* that are in the wanted state: of the control, where one is named, else the tenant's worst."""
        if not self.state:
            return rows
        if self.control:
            return [row for row in rows if row.state_of(self.control) == self.state]
        return [row for row in rows if row.worst == self.state]


@dataclass(frozen=True, slots=True)
class Order:
    """An order of tenants. A minus in *sort* turns the first part of it, and not the rest."""

    sort: SortName
    now: datetime

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    def sorted(self, rows: Iterable[TenantInFleet]) -> list[TenantInFleet]:
        """*rows* in their order. The index has them by name already, which the first of the two sorts finds at once."""
        ordered, first = sorted(rows, key=attrgetter("list_key")), _ORDERS[self.sort.removeprefix("-")]
        ordered.sort(key=lambda row: first(row, self.now), reverse=self.descending)
        return ordered

    def key(self, row: TenantInFleet) -> ListKey:
        """The place of *row*."""
        return (_ORDERS[self.sort.removeprefix("-")](row, self.now), *row.list_key)


def _seconds(at: datetime | None) -> float:
    return (at or _NEVER).timestamp()


_RANKS = {state: rank for rank, state in enumerate(WORST_FIRST)}
_ORDERS: Mapping[str, Callable[[TenantInFleet, datetime], str | int | float]] = {
    "state": lambda row, _: _RANKS[row.worst],
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
    items: Sequence[T], key: Callable[[T], ListKey], after: str, limit: int, *, descending: bool = False
) -> tuple[Sequence[T], str]:
    """At most *limit* of *items* that come after the cursor, and the cursor for those after them; empty: no more.

    *items* are in the order of *key*. The first part of a key descends where *descending*; the rest ascends. Raises
    ValueError for a bad cursor.
    """
    start = 0
    if after:
        last = key_of(after)
        try:
            start = bisect(items, False, key=lambda item: _is_after(key(item), last, descending=descending))  # noqa: FBT003
        except TypeError:
            raise ValueError("should be the cursor of a page before, in the same order") from None
    some = items[start : start + limit]
    more = len(items) > start + limit
    return some, cursor_of(key(some[-1])) if more else ""


def _is_after(key: ListKey, last: ListKey, *, descending: bool) -> bool:
    if key[0] == last[0]:
        return key[1:] > last[1:]
    return descending != (key[:1] > last[:1])


type Cell = tuple[TenantInFleet, str, NotCompliant | None]
"""One control of one tenant; None where it is compliant."""


def controls_of(rows: Iterable[TenantInFleet], filters: Filter) -> Iterator[Cell]:
    """Each wanted control of each wanted tenant, one by one."""
    wanted = sorted(each for each in CATALOGUE if filters.control in {"", each})
    for row in filters.tenants(rows):
        for control in wanted:
            cell = row.cell(control)
            if filters.state in {"", cell.state if cell else "compliant"}:
                yield row, control, cell


def controls_page(rows: Sequence[TenantInFleet], filters: Filter, after: str, limit: int) -> tuple[list[Cell], str]:
    """As `paged`, of the wanted controls of *rows*, which are by name: no more of them are made than the page needs."""
    last = key_of(after) if after else ()
    try:
        start = bisect_left(rows, last[:2], key=attrgetter("list_key"))
        found = (each for each in controls_of(rows[start:], filters) if _key_of_cell(each) > last)
        some = list(islice(found, limit + 1))
    except TypeError:
        raise ValueError("should be the cursor of a page before, in the same order") from None
    return some[:limit], cursor_of(_key_of_cell(some[limit - 1])) if len(some) > limit else ""


def _key_of_cell(cell: Cell) -> ListKey:
    row, control, _ = cell
    return (*row.list_key, control)


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
    """What waits in each tenant that is looked after, by its states and findings.

    A control that waits for the answers to its findings alone is not named beside them.
    """
    for row in (row for row in rows if row.enabled and row.is_current):
        found = row.open_findings(now)
        controls_found = {each.control for each in found.values()}
        removals = {(each.control, each.plan) for each in found.values() if each.plan}
        for control, cell in row.summary.states.items():
            if (control, cell.plan) in removals:  # named below
                continue
            if cell.why.startswith(TO_BE_ANSWERED) and control in controls_found:
                continue
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
        for finding, each in found.items():
            waits = Waits(
                kind=_kind_of_finding(each),
                tenant_id=row.tenant_id,
                name=row.name,
                control=each.control,
                why=each.text,
                since=each.since,
                finding=finding,
            )
            yield waits
            if each.plan:
                yield replace(waits, kind="lock not proven", why=f"to remove {each.text}", plan=each.plan)


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
