"""Lists over all tenants: compact, in pages, as JSON, CSV or JSON Lines."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Response
from pydantic import AwareDatetime, BaseModel

from clients.storage.parked import Parked
from domain.controls import CATALOGUE
from domain.findings import FindingKind
from domain.fleet_lists import SORTS, Filter, SortName, WaitKind
from domain.ledger import LedgerEvent, LedgerLine
from domain.operations import Operation, OperationState
from domain.states import StateName
from domain.tenant import Mode
from handlers import fleet, inbox
from handlers.api.access import as_role, with_headers
from handlers.api.renderings import MEDIA_TYPES, InPlace, Rendered
from handlers.api.routing import CallerName, Neighbours, router_of
from handlers.fleet import EntryFilter, Fleet, FleetAlert, FleetFinding, FleetState
from handlers.inbox import InboxItem
from handlers.on_request import canonical_id, refuse_unknown

router = router_of("fleet")

_FORMS = {
    media.partition(";")[0]: {"schema": {"type": "string"}} for form, media in MEDIA_TYPES.items() if form != "json"
}
_LIST = with_headers("ETag", "Link") | {"content": _FORMS}


def _list(*problems: int) -> dict[str, Any]:
    """Arguments of a route that answers with a list, in the form that the caller wants."""
    return as_role("Reader", *problems, ok=_LIST, also={304: with_headers("ETag")})


async def _filters(  # noqa: PLR0913 - a query parameter each
    *,
    q: Annotated[str, Query(max_length=200, description="Part of a name, a domain or an id.")] = "",
    control: Annotated[str, Query(max_length=64, json_schema_extra={"enum": ["", *CATALOGUE]})] = "",
    state: Annotated[StateName | Literal[""], Query()] = "",
    profile: Annotated[str, Query(max_length=64)] = "",
    mode: Annotated[Mode | Literal[""], Query()] = "",
    label: Annotated[str, Query(max_length=40)] = "",
    actor: Annotated[str, Query(max_length=200, description="Part of who changed something.")] = "",
) -> Filter:
    refuse_unknown([control] if control else [], "control")
    return Filter(q, control, state, profile, mode, label, actor)


Filtered = Annotated[Filter, Depends(_filters)]


async def _entries(
    *,
    tenant: Annotated[str, Query(max_length=64, description="A tenant's id, or `service`.")] = "",
    control: Annotated[str, Query(max_length=64)] = "",
    event: Annotated[LedgerEvent | Literal[""], Query()] = "",
    actor: Annotated[str, Query(max_length=256, description="Who did it, as the entry has it.")] = "",
    q: Annotated[str, Query(max_length=200, description="Part of an entry or of its tenant's name.")] = "",
) -> EntryFilter:
    return EntryFilter(canonical_id(tenant) if tenant not in {"", "service"} else tenant, control, event, actor, q)


Entries = Annotated[EntryFilter, Depends(_entries)]


class Rebuilt(BaseModel):
    """How many tenants the index has."""

    tenants: int


@router.get("/fleet", response_model=Fleet, **_list())
async def get_fleet(
    filters: Filtered,
    place: InPlace,
    rendered: Rendered,
    clients: Neighbours,
    sort: Annotated[SortName, Query(json_schema_extra={"enum": list(SORTS)})] = "state",
) -> Response:
    """The whole fleet in brief: how many tenants are in which state, and a page of them."""
    found = await fleet.fleet(filters, sort, place, clients)
    return rendered.whole(Fleet, found, "items", found.next)


@router.post("/fleet/rebuild", **as_role("Admin"))
async def post_rebuild(clients: Neighbours) -> Rebuilt:
    """Write the index that the lists are made of anew, from configs and states."""
    return Rebuilt(tenants=await fleet.rebuild(clients))


@router.get("/states", response_model=list[FleetState], **_list())
async def get_states(filters: Filtered, place: InPlace, rendered: Rendered, clients: Neighbours) -> Response:
    """How controls stand, over all tenants."""
    return rendered.page(FleetState, await fleet.states(filters, place, clients))


@router.get("/ledger", response_model=list[LedgerLine], **_list(404))
async def get_fleet_ledger(
    entries: Entries,
    place: InPlace,
    rendered: Rendered,
    clients: Neighbours,
    since: Annotated[AwareDatetime | None, Query(description="Nothing before this time.")] = None,
) -> Response:
    """What happened in any tenant, newest first."""
    return rendered.page(LedgerLine, await fleet.ledger(entries, since, place, clients))


@router.get("/findings", response_model=list[FleetFinding], **_list())
async def get_fleet_findings(
    filters: Filtered,
    place: InPlace,
    rendered: Rendered,
    clients: Neighbours,
    kind: Annotated[FindingKind | Literal[""], Query()] = "",
) -> Response:
    """Open findings, over all tenants."""
    return rendered.page(FleetFinding, await fleet.findings(filters, kind, place, clients))


@router.get("/inbox", response_model=list[InboxItem], **_list())
async def get_inbox(  # noqa: PLR0913 - a query parameter each
    *,
    filters: Filtered,
    place: InPlace,
    rendered: Rendered,
    clients: Neighbours,
    kind: Annotated[WaitKind | Literal[""], Query()] = "",
    cause: Annotated[str, Query(max_length=500, description="Only what waits for this cause.")] = "",
) -> Response:
    """All that waits for a person, over all tenants; what has one cause stands together."""
    return rendered.page(InboxItem, await inbox.inbox(filters, kind, cause, place, clients))


@router.get("/operations", response_model=list[Operation], **_list(404))
async def get_operations(  # noqa: PLR0913 - a query parameter each
    *,
    place: InPlace,
    rendered: Rendered,
    clients: Neighbours,
    tenant: Annotated[str, Query(max_length=64)] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    state: Annotated[OperationState | Literal[""], Query()] = "",
) -> Response:
    """What people asked for, newest first; a page may be short where only one state is wanted."""
    given = {"tenant_id": canonical_id(tenant) if tenant else "", "kind": kind}
    columns = {name: value for name, value in given.items() if value}
    return rendered.page(Operation, await fleet.operations(columns, state, place, clients))


@router.get("/alerts", response_model=list[FleetAlert], **_list(404))
async def get_alerts(
    *,
    place: InPlace,
    rendered: Rendered,
    clients: Neighbours,
    tenant: Annotated[str, Query(max_length=64)] = "",
    standing: Annotated[bool, Query(description="Only those that a person has to look at.")] = False,
) -> Response:
    """Defender's alerts that concern the filter, each with its verdict."""
    return rendered.page(FleetAlert, await fleet.alerts(tenant, place, clients, standing=standing))


@router.get("/parked", response_model=list[Parked], **_list())
async def get_parked(
    place: InPlace,
    rendered: Rendered,
    clients: Neighbours,
    queue: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Messages that were given up, with the reason and the beginning of their content."""
    return rendered.page(Parked, await inbox.parked(queue, place, clients))


@router.delete("/parked/{queue}/{parked}", status_code=204, **as_role("Operator", 404))
async def delete_parked(
    queue: Annotated[str, Path(max_length=64)],
    parked: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    caller: CallerName,
    clients: Neighbours,
) -> None:
    """Forget what was given up, since a person has looked at it; the ledger of the service says who."""
    await inbox.forget_parked(queue, parked, caller, clients)
