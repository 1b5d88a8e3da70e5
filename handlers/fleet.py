"""What people ask of the whole fleet: each story gathers one typed result, which the API and the console render."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from operator import itemgetter
from typing import Literal

from pydantic import AwareDatetime

from clients.connect import Clients
from domain.alerts.record import AlertRecord, VerdictKind
from domain.errors import BadField, UnknownAlert
from domain.findings import FindingKind
from domain.fleet_index import FoundThere, NotCompliant, TenantInFleet, counts_of
from domain.fleet_lists import Filter, ListKey, Order, SortName, controls_page, waiting_in
from domain.ledger import LedgerLine, row_key
from domain.operations import Operation
from domain.shown import visible
from domain.states import StateName
from domain.tenant import Mode, TenantConfig
from handlers.lists import FleetList, Listed, Slice, paged_list, stored_page
from handlers.on_request import canonical_id, known_tenant


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


class FleetTenant(Listed):
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


class Fleet(Listed):
    """A page of the fleet. *tenants*: how many there are; *matching*: how many are wanted, and *states* of these."""

    tenants: int
    matching: int
    states: dict[StateName, int]
    items: tuple[FleetTenant, ...]
    next: str


class FleetState(Listed):
    """One control of one tenant. *why*: where it waits for somebody; *plan*: the digest of the plan that waits."""

    tenant_id: str
    name: str
    control: str
    state: StateName
    since: AwareDatetime | None
    why: str
    plan: str
    actor: str


class FleetFinding(Listed):
    """One open finding of one tenant."""

    tenant_id: str
    name: str
    id: str
    kind: FindingKind
    control: str
    text: str
    since: AwareDatetime | None
    first_sight: bool


class FleetAlert(Listed):
    """One Defender alert with our verdict. *standing*: a person has to look."""

    tenant_id: str
    id: str
    title: str
    verdict: VerdictKind
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
    items, after = paged_list(order.sorted(matching), order.key, place, descending=order.descending)
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
    items, after = paged_list(keyed, itemgetter(0), place)
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

    items, after = await stored_page(read, lambda each: (each[0], each[1].id), place)
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
