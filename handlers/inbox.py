"""All that waits for a person, over the fleet."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Literal

from pydantic import AwareDatetime

from clients.connect import Clients
from clients.storage.parked import Parked
from domain.errors import UnknownParked
from domain.fleet_index import TenantInFleet
from domain.fleet_lists import WAIT_KINDS, Filter, ListKey, WaitKind, Waits, waiting_in
from domain.incident import service_entry
from domain.shown import quoted, visible
from handlers.lists import FleetList, Listed, Slice, paged_list, stored_page


class InboxItem(Listed):
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
    items, after = paged_list(keyed, itemgetter(0), place)
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


async def parked(queue: str, place: Slice, clients: Clients) -> FleetList[Parked]:
    """What was given up, by queue. Raises BadField for a bad cursor."""

    async def read(after: tuple[str, str], limit: int) -> list[Parked]:
        return await clients.storage.parked.page(queue, after=after, limit=limit)

    items, after = await stored_page(read, lambda each: (each.queue, each.id), place)
    return FleetList(tuple(items), after)


async def forget_parked(queue: str, parked_id: str, by: str, clients: Clients) -> None:
    """A person has looked at it: it is forgotten. Raises UnknownParked."""
    if not await clients.storage.parked.remove(queue, parked_id):
        raise UnknownParked(parked_id)
    seen = service_entry("parked_seen", clients.now(), detail=f"{quoted(queue)}: {parked_id[:16]}", by=by)
    await clients.storage.ledger.append(seen, announced=False)
