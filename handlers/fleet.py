"""What people ask of the whole fleet: each story gathers one typed result, which the API and the console render."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from operator import itemgetter
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from clients.connect import Clients
from clients.storage.parked import Parked
from domain.alerts.record import AlertRecord
from domain.errors import BadField, UnknownAlert, UnknownParked
from domain.findings import FindingKind
from domain.fleet_index import FoundThere, NotCompliant, TenantInFleet, counts_of
from domain.fleet_lists import (
    WAIT_KINDS,
    Filter,
    ListKey,
    Order,
    SortName,
    WaitKind,
    Waits,
    controls_page,
    cursor_of,
    key_of,
    paged,
    waiting_in,
)
from domain.incident import SERVICE
from domain.ledger import Entry, LedgerLine, row_key
from domain.operations import Operation
from domain.shown import quoted, visible
from domain.states import StateName
from domain.tenant import Mode, TenantConfig
from handlers.on_request import canonical_id, known_tenant


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class FleetList[T]:
    """Some items of a list. *next*: the cursor of the page after it; empty where this is the last."""

    items: tuple[T, ...]
    next: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """Where in a list a page begins, and how long it is."""

    after: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries of the ledgers are wanted; an empty text takes all.

    *tenant*: an id, or `service`. *q*: part of the line, or of its tenant's name.
    """

    tenant: str = ""
    control: str = ""
    event: str = ""
    actor: str = ""
    q: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """What the table itself compares."""
        given = {"tenant_id": self.tenant, "control": self.control, "event": self.event, "actor": self.actor}
        return {name: value for name, value in given.items() if value}


class FleetTenant(_Shown):
    """One tenant in the list. *state*: of the control that a person should see first; *findings*: those that are open.

    *waiting*: how many of its controls and findings wait for a person.
    """

    tenant_id: str
    name: str
    initial_domain: str
    state: StateName
    since: AwareDatetime | None
    findings: int
    waiting: int
    mode: Mode
    profile: str
    labels: tuple[str, ...]
    enabled: bool
    looked_at: AwareDatetime | None


class Fleet(_Shown):
    """A page of the fleet. *tenants*: how many there are; *matching*: how many are wanted, and *states* of these."""

    tenants: int
    matching: int
    states: dict[StateName, int]
    items: tuple[FleetTenant, ...]
    next: str


class FleetState(_Shown):
    """One control of one tenant. *why*: where it waits for somebody; *plan*: the digest of the plan that waits."""

    tenant_id: str
    name: str
    control: str
    state: StateName
    since: AwareDatetime | None
    why: str
    plan: str
    actor: str


class FleetFinding(_Shown):
    """One open finding of one tenant."""

    tenant_id: str
    name: str
    id: str
    kind: FindingKind
    control: str
    text: str
    since: AwareDatetime | None
    first_sight: bool


class InboxItem(_Shown):
    """One thing that waits for a person. *cause*: the same for all that wait for the same reason."""

    cause: str
    kind: WaitKind
    tenant_id: str
    name: str
    control: str
    why: str
    since: AwareDatetime | None
    plan: str
    finding: str


class FleetAlert(_Shown):
    """One Defender alert with our verdict. *standing*: a person has to look."""

    tenant_id: str
    id: str
    title: str
    verdict: Literal["false", "round", "unproven"]
    reason: str
    messages: int
    updated: AwareDatetime
    closed: AwareDatetime | None
    reopened: AwareDatetime | None
    standing: bool
    url: str


async def fleet(filters: Filter, sort: SortName, place: Slice, clients: Clients) -> Fleet:
    """The tenants that are wanted, with how many there are of each worst state. Raises BadField for a bad cursor."""
    rows, now = await clients.storage.index.rows(), clients.now()
    wanted, order = filters.tenants(rows), Order(sort, now)
    matching = filters.in_state(wanted)
    items, after = _page(order.sorted(matching), order.key, place, descending=order.descending)
    return Fleet(
        tenants=len(rows),
        matching=len(matching),
        states=counts_of(wanted),
        items=tuple(_tenant(row, now) for row in items),
        next=after,
    )


def _tenant(row: TenantInFleet, now: datetime) -> FleetTenant:
    return FleetTenant(
        tenant_id=row.tenant_id,
        name=row.name,
        initial_domain=row.initial_domain,
        state=row.worst,
        since=row.worst_since,
        findings=len(row.open_findings(now)),
        waiting=sum(1 for _ in waiting_in([row], now)),
        mode=row.mode,
        profile=row.profile,
        labels=row.labels,
        enabled=row.enabled,
        looked_at=row.last_looked,
    )


async def states(filters: Filter, place: Slice, clients: Clients) -> FleetList[FleetState]:
    """The wanted controls of the wanted tenants, by tenant. Raises BadField for a bad cursor."""
    rows = await clients.storage.index.rows()
    try:
        items, after = controls_page(rows, filters, place.after, place.limit)
    except ValueError as error:
        raise BadField("after", str(error)) from None
    return FleetList(tuple(_state(*each) for each in items), after)


def _state(row: TenantInFleet, control: str, cell: NotCompliant | None) -> FleetState:
    shown = cell or NotCompliant("compliant")
    return FleetState(
        tenant_id=row.tenant_id,
        name=row.name,
        control=control,
        state=shown.state,
        since=shown.since,
        why=visible(shown.why),
        plan=shown.plan,
        actor=visible(shown.actor),
    )


async def findings(
    filters: Filter, kind: FindingKind | Literal[""], place: Slice, clients: Clients
) -> FleetList[FleetFinding]:
    """The open findings of the wanted tenants, by tenant. Raises BadField for a bad cursor."""
    rows, now = await clients.storage.index.rows(), clients.now()
    keyed: list[tuple[ListKey, tuple[TenantInFleet, str, FoundThere]]] = [
        ((row.name.casefold(), row.tenant_id, str(each.since), finding), (row, finding, each))
        for row in filters.tenants(rows)
        for finding, each in row.open_findings(now).items()
        if kind in {"", each.kind} and filters.control in {"", each.control}
    ]
    keyed.sort(key=lambda each: each[0])
    items, after = _page(keyed, itemgetter(0), place)
    shown = (
        FleetFinding(
            tenant_id=row.tenant_id,
            name=row.name,
            id=finding,
            kind=each.kind,
            control=each.control,
            text=each.text,
            since=each.since,
            first_sight=each.first_sight,
        )
        for _, (row, finding, each) in items
    )
    return FleetList(tuple(shown), after)


async def inbox(
    filters: Filter, kind: WaitKind | Literal[""], cause: str, place: Slice, clients: Clients
) -> FleetList[InboxItem]:
    """All that waits for a person, over the fleet; what has one cause stands together. Raises BadField."""
    rows = filters.tenants(await clients.storage.index.rows())
    found = [*waiting_in(rows, clients.now()), *await _configs(rows, clients)]
    if filters == Filter():
        found += await _parked(clients)
    wanted = [
        each
        for each in found
        if kind in {"", each.kind} and cause in {"", each.cause} and filters.control in {"", each.control}
    ]
    keyed: list[tuple[ListKey, Waits]] = sorted(
        (((WAIT_KINDS.index(each.kind), *each.key), each) for each in wanted), key=lambda pair: pair[0]
    )
    items, after = _page(keyed, itemgetter(0), place)
    return FleetList(tuple(_waiting(each) for _, each in items), after)


def _waiting(each: Waits) -> InboxItem:
    return InboxItem(
        cause=each.cause,
        kind=each.kind,
        tenant_id=each.tenant_id,
        name=each.name,
        control=each.control,
        why=visible(each.why),
        since=each.since,
        plan=each.plan,
        finding=each.finding,
    )


async def _configs(rows: Iterable[TenantInFleet], clients: Clients) -> list[Waits]:
    """Configs that let in more than the profile, and wait for another person."""
    wanted, now = {row.tenant_id for row in rows}, clients.now()
    return [
        Waits(
            kind="config",
            tenant_id=each.config.tenant_id,
            name=each.config.name,
            control="",
            why=f"{each.by} proposes: {'; '.join(each.widens)}",
            since=each.at,
        )
        async for each in clients.storage.tenants.all_proposed()
        if each.waits_at(now) and (each.config.tenant_id in wanted or not each.version)
    ]


MOST_PARKED = 500
"""Parked messages that the inbox lists; `parked` has all of them."""


async def _parked(clients: Clients) -> list[Waits]:
    return [
        Waits(kind="parked", tenant_id="", name=each.queue, control="", why=each.reason, since=each.at, finding=each.id)
        for each in await clients.storage.parked.page(limit=MOST_PARKED)
    ]


async def ledger(wanted: EntryFilter, since: datetime | None, place: Slice, clients: Clients) -> FleetList[LedgerLine]:
    """What happened in any tenant, newest first. *since*: not before.

    A page may be short where a text is looked for, with more after it.
    """
    newer = f"{row_key(since)}~" if since else ""
    takes = await _saying(wanted.q.casefold(), clients) if wanted.q else None
    found = await clients.storage.recent.entries(
        wanted.columns, newer_than=newer, after=place.after, limit=place.limit, takes=takes
    )
    return FleetList(found.items, found.after)


async def _saying(text: str, clients: Clients) -> Callable[[LedgerLine], bool]:
    tenants = {row.tenant_id for row in await clients.storage.index.rows() if text in row.searched}
    return lambda line: line.tenant_id in tenants or line.says(text)


async def operations(columns: dict[str, str], state: str, place: Slice, clients: Clients) -> FleetList[Operation]:
    """What people asked for, newest first; in *state*, where one is given, whatever is on the page of the others."""
    found = await clients.storage.recent.operations(columns, after=place.after, limit=place.limit)
    kept = [await clients.storage.operations.get(each.id) for each in found.items]
    return FleetList(tuple(each for each in kept if each and state in {"", each.state}), found.after)


async def alerts(tenant_id: str, place: Slice, clients: Clients, *, standing: bool) -> FleetList[FleetAlert]:
    """Defender's alerts that concern the filter, by tenant. Raises BadField, UnknownId."""
    known = canonical_id(tenant_id) if tenant_id else ""

    async def read(after: tuple[str, str], limit: int) -> list[tuple[str, AlertRecord]]:
        return await clients.storage.alerts.page(standing=standing, tenant_id=known, after=after, limit=limit)

    items, after = await _stored(read, lambda each: (each[0], each[1].id), place)
    return FleetList(tuple(_alert(*each) for each in items), after)


def _alert(tenant_id: str, record: AlertRecord) -> FleetAlert:
    return FleetAlert(
        tenant_id=tenant_id,
        id=record.id,
        title=visible(record.title),
        verdict=record.kind,
        reason=visible(record.reason),
        messages=max(record.count, 0),
        updated=record.updated,
        closed=record.closed,
        reopened=record.reopened,
        standing=record.standing,
        url=record.url,
    )


async def alert(tenant_id: str, alert_id: str, clients: Clients) -> tuple[TenantConfig, AlertRecord]:
    """One alert with its tenant. Raises UnknownTenant, UnknownAlert."""
    config = await known_tenant(tenant_id, clients)
    if (record := await clients.storage.alerts.get(config.tenant_id, alert_id)) is None:
        raise UnknownAlert(alert_id)
    return config, record


async def parked(queue: str, place: Slice, clients: Clients) -> FleetList[Parked]:
    """What was given up, by queue. Raises BadField for a bad cursor."""

    async def read(after: tuple[str, str], limit: int) -> list[Parked]:
        return await clients.storage.parked.page(queue, after=after, limit=limit)

    items, after = await _stored(read, lambda each: (each.queue, each.id), place)
    return FleetList(tuple(items), after)


async def forget_parked(queue: str, parked_id: str, by: str, clients: Clients) -> None:
    """A person has looked at it: it is forgotten. Raises UnknownParked."""
    if not await clients.storage.parked.remove(queue, parked_id):
        raise UnknownParked(parked_id)
    entry = Entry(
        at=clients.now(),
        tenant_id=SERVICE,
        event="parked_seen",
        detail=f"{quoted(queue)}: {parked_id[:16]}",
        actor=by,
        requested_by=by,
    )
    await clients.storage.ledger.append(entry, announced=False)


_AT_ONCE = 100
"""Tenants whose states are read, and whose rows are written, at the same time."""


async def rebuild(clients: Clients) -> int:
    """Write the index anew from configs and states. Returns how many tenants there are."""
    storage = clients.storage
    await storage.index.compare(await storage.tenants.all_since(), await storage.index.pages())
    tenants = sorted(await storage.index.all())
    for some in batched(tenants, _AT_ONCE, strict=False):
        states = await asyncio.gather(*map(storage.states.load, some))
        known = {tenant: each.summarised() for tenant, each in zip(some, states, strict=True) if not each.newer}
        await storage.index.see(known)
    return len(tenants)


def _page[T](
    items: Sequence[T], key: Callable[[T], ListKey], place: Slice, *, descending: bool = False
) -> tuple[Sequence[T], str]:
    try:
        return paged(items, key, place.after, place.limit, descending=descending)
    except ValueError as error:
        raise BadField("after", str(error)) from None


async def _stored[T](
    read: Callable[[tuple[str, str], int], Awaitable[list[T]]], key: Callable[[T], tuple[str, str]], place: Slice
) -> tuple[list[T], str]:
    """A page of what storage keeps in the order of its two keys."""
    last = ("", "")
    if place.after:
        try:
            first, second = map(str, key_of(place.after))
        except ValueError:
            raise BadField("after", "should be the cursor of a page before") from None
        last = (first, second)
    found = await read(last, place.limit + 1)
    items = found[: place.limit]
    return items, cursor_of(key(items[-1])) if len(found) > place.limit else ""
