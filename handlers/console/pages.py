"""The pages over the whole fleet: each gathers the same typed result as the API, and renders it."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import AwareDatetime

from clients.connect import Clients
from domain.controls import CATALOGUE
from domain.fleet_index import TenantInFleet
from domain.fleet_lists import WAIT_KINDS, Filter, SortName, WaitKind
from domain.incident import SERVICE
from domain.ledger import LedgerEvent, LedgerLine
from domain.operations import OperationState
from handlers import fleet, health, inbox
from handlers.api import brake, radius
from handlers.api.fleet import Entries, Filtered
from handlers.api.renderings import LONGEST_LIST, Rendered
from handlers.api.routing import Neighbours
from handlers.console.actions import wish_of
from handlers.console.web import SentForm, render_page, require_role, router, see
from handlers.fleet import FleetTenant
from handlers.lists import FleetList, Slice
from handlers.objectives import objectives_health
from handlers.on_request import canonical_id

pages = router()

ON_A_PAGE = 100
NEWEST = 20
"""Entries of the service's own ledger on the page of its health."""


async def _place(after: Annotated[str, Query(max_length=1000)] = "") -> Slice:
    return Slice(after, ON_A_PAGE)


OnPage = Annotated[Slice, Depends(_place)]


Since = Annotated[AwareDatetime | Literal[""], Query()]
"""Nothing before this time; a form sends an empty one."""


async def _names(clients: Clients) -> dict[str, str]:
    """What the tenants are called, by id."""
    return {row.tenant_id: row.name for row in await clients.storage.index.rows()}


def data_of(request: Request, path: str, **fixed: str) -> str:
    """Where programs find what the page shows."""
    query = urlencode({name: value for name, value in {**request.query_params, **fixed}.items() if value})
    return f"/api/{path}" + (f"?{query}" if query else "")


@pages.get("/")
@pages.get("/fleet")
async def fleet_page(
    *,
    request: Request,
    filters: Filtered,
    place: OnPage,
    clients: Neighbours,
    sort: Annotated[SortName, Query()] = "state",
) -> Response:
    """The whole fleet: counts, filters, a hundred tenants a page."""
    found = await fleet.fleet(filters, sort, place, clients)
    rows = await clients.storage.index.rows()
    return render_page(
        request,
        "fleet.html",
        title="Fleet",
        fleet=found,
        filters=filters,
        filtered=filters != Filter(),
        sort=sort,
        controls=tuple(CATALOGUE),
        labels=_labels(rows),
        profiles=sorted({row.profile for row in rows}),
        data=data_of(request, "fleet"),
    )


def _labels(rows: Iterable[TenantInFleet]) -> list[str]:
    return sorted({label for row in rows for label in row.labels})


@pages.get("/inbox")
async def inbox_page(  # noqa: PLR0913 - a query parameter each
    *,
    request: Request,
    filters: Filtered,
    place: OnPage,
    clients: Neighbours,
    kind: Annotated[WaitKind | Literal[""], Query()] = "",
    cause: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """All that waits for a person, grouped by cause."""
    found = await inbox.inbox(filters, kind, cause, place, clients)
    groups: dict[str, list[inbox.InboxItem]] = {}
    for each in found.items:
        groups.setdefault(each.cause, []).append(each)
    return render_page(
        request,
        "inbox.html",
        title="Inbox",
        groups=groups,
        next=found.next,
        filters=filters,
        kind=kind,
        kinds=WAIT_KINDS,
        controls=tuple(CATALOGUE),
        labels=_labels(await clients.storage.index.rows()),
        data=data_of(request, "inbox"),
    )


@pages.get("/ledger")
async def ledger_page(
    request: Request, entries: Entries, place: OnPage, clients: Neighbours, since: Since = ""
) -> Response:
    """What happened, newest first, over all tenants."""
    found = await fleet.ledger(entries, since or None, place, clients)
    return render_page(
        request,
        "ledger.html",
        title="Ledger",
        lines=found.items,
        next=found.next,
        names=await _names(clients),
        given=entries,
        controls=tuple(CATALOGUE),
        events=LedgerEvent.__value__.__args__,
        data=data_of(request, "ledger"),
    )


@pages.get("/alerts")
async def alerts_page(
    *,
    request: Request,
    place: OnPage,
    clients: Neighbours,
    every: Annotated[bool, Query()] = False,
) -> Response:
    """Defender's alerts with evidence and verdict; those that a person has to look at, or every one."""
    found = await fleet.alerts("", place, clients, standing=not every)
    return render_page(
        request,
        "alerts.html",
        title="Alerts",
        alerts=found.items,
        next=found.next,
        every=every,
        names=await _names(clients),
        data=data_of(request, "alerts", every=""),
    )


@pages.get("/alerts/{tenant_id}/{alert_id}")
async def alert_page(request: Request, tenant_id: str, alert_id: str, clients: Neighbours) -> Response:
    """One alert with the mail of its evidence."""
    tenant, record = await fleet.alert(tenant_id, alert_id, clients)
    return render_page(request, "alert.html", title="Alert", tenant=tenant, alert=record)


@pages.get("/operations")
async def operations_page(
    *,
    request: Request,
    place: OnPage,
    clients: Neighbours,
    state: Annotated[OperationState | Literal[""], Query()] = "",
    tenant: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """What people asked for, newest first."""
    columns = {"tenant_id": canonical_id(tenant)} if tenant else {}
    found = await fleet.operations(columns, state, place, clients)
    return render_page(
        request,
        "operations.html",
        title="Operations",
        operations=found.items,
        next=found.next,
        state=state,
        names=await _names(clients),
        data=data_of(request, "operations"),
    )


@pages.get("/health")
async def health_page(request: Request, clients: Neighbours) -> Response:
    """Whether the service itself works: its tick, objectives, queues, brake, what rests, and what the radius holds."""
    seen, parked, standing, told, names = await asyncio.gather(
        health.service_health(clients),
        inbox.parked("", Slice(limit=ON_A_PAGE), clients),
        objectives_health(clients),
        clients.storage.ledger.page(SERVICE, limit=NEWEST),
        _names(clients),
    )
    return render_page(
        request,
        "health.html",
        title="Health",
        health=seen,
        parked=parked.items,
        objectives=standing,
        told=told,
        names=names,
        data="/api/health",
    )


@pages.get("/fleet.csv")
async def fleet_csv(filters: Filtered, place: OnPage, rendered: Rendered, clients: Neighbours) -> Response:
    """The tenants that the page shows, as a spreadsheet has them."""
    found = await fleet.fleet(filters, "name", Slice(place.after, LONGEST_LIST), clients)
    return rendered.as_csv(FleetTenant, FleetList(found.items, found.next))


@pages.get("/ledger.csv")
async def ledger_csv(
    entries: Entries, place: OnPage, rendered: Rendered, clients: Neighbours, since: Since = ""
) -> Response:
    """The newest thousand of the entries that the page shows, as a spreadsheet has them."""
    found = await fleet.ledger(entries, since or None, Slice(place.after, LONGEST_LIST), clients)
    return rendered.as_csv(LedgerLine, found)


@pages.post("/brake")
async def switch_brake(request: Request, form: SentForm, clients: Neighbours) -> Response:
    """Engage the kill switch, or, as an Admin, release it."""
    engaged = form.text("engaged") == "yes"
    require_role(form.session, "Operator" if engaged else "Admin")
    change = wish_of(brake.BrakeChange, {"engaged": engaged, "reason": form.text("reason")})
    await brake.put_brake(change, request, form.session.name, clients)
    return see("/health")


@pages.post("/radius/{signature}")
async def release_signature(signature: str, form: SentForm, clients: Neighbours) -> Response:
    """Let steps of one signature go on."""
    require_role(form.session, "Admin")
    release = wish_of(radius.RadiusRelease, {"reason": form.text("reason")})
    await radius.release_radius(signature, release, form.session.name, clients)
    return see("/health")
