"""The monthly evidence over HTTP: as JSON by a published schema, as a page that prints, as a table."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from clients.connect import Clients
from clients.storage.evidence import Form
from domain.errors import BadField
from domain.evidence.period import MONTH
from domain.incident import SERVICE
from handlers import monthly
from handlers.api.access import as_role
from handlers.api.routing import Neighbours, Strict, TenantInPath, example, router_of
from handlers.on_request import RequestBody, known_tenant

router = router_of("evidence")

MonthInPath = Annotated[str, Path(pattern=f"^{MONTH.pattern}$", examples=["2026-11"])]
AskedForm = Annotated[Form, Query(alias="format", description="JSON by the schema, a page, or a table.")]
_TYPES: dict[Form, str] = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}
_PAGE_ONLY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The page has names that others chose: nothing in it may run or be fetched."""


_PATIENCE_S = 10
"""Where another worker makes it: making a month takes less."""

_IN_EVERY_FORM = {
    "description": "The month in the format that was asked for.",
    "content": {"application/json": {}, "text/html": {}, "text/csv": {}},
}


class WantedMonth(RequestBody):
    """What `POST /tenants/{tenant_id}/evidence` takes."""

    month: str = Field(pattern=f"^{MONTH.pattern}$")


class ShownMonth(BaseModel):
    """Evidence that is kept. *sha256*: by format, as the ledger's entry has it."""

    model_config = ConfigDict(frozen=True)

    month: str
    made_at: datetime
    sha256: dict[str, str]
    entry: str


@router.get("/evidence", **as_role("Reader"))
async def list_fleet_evidence(clients: Neighbours) -> list[ShownMonth]:
    """The months of all tenants that are kept, newest first."""
    return await _listed(SERVICE, clients)


@router.get("/evidence/schema", **as_role("Reader"))
async def get_evidence_schema() -> dict[str, Any]:
    """The JSON Schema of a tenant's month."""
    return monthly.MONTHS.json_schema(mode="serialization")


@router.get("/evidence/{month}", **as_role("Reader", ok=_IN_EVERY_FORM))
async def get_fleet_evidence(month: MonthInPath, clients: Neighbours, form: AskedForm = "json") -> Response:
    """The month of all tenants whose evidence is kept, for the MSP."""
    kept = await clients.storage.evidence.get(SERVICE, month, form)
    if kept is None:
        kept = monthly.fleet_in(form, await monthly.fleet_month(month, clients), clients.settings.brand)
    return _answer(kept, form)


@router.get("/tenants/{tenant_id}/evidence", **as_role("Reader", 404))
async def list_evidence(tenant_id: TenantInPath, clients: Neighbours) -> list[ShownMonth]:
    """The months whose evidence is kept, newest first."""
    config = await known_tenant(tenant_id, clients)
    return await _listed(config.tenant_id, clients)


@router.get("/tenants/{tenant_id}/evidence/{month}", **as_role("Reader", 404, ok=_IN_EVERY_FORM))
async def get_evidence(
    tenant_id: TenantInPath, month: MonthInPath, clients: Neighbours, form: AskedForm = "json"
) -> Response:
    """A tenant's month: as it was kept, or, where it was not, as it is known now."""
    config = await known_tenant(tenant_id, clients)
    kept = await clients.storage.evidence.get(config.tenant_id, month, form)
    if kept is None:
        try:
            made = await monthly.month_now(config.tenant_id, month, clients)
        except ValueError as fault:
            raise BadField("path.month", str(fault).partition(": ")[2]) from None
        kept = monthly.month_in(form, made, clients.settings.brand)
    return _answer(kept, form)


@router.post("/tenants/{tenant_id}/evidence", status_code=201, **as_role("Operator", 400, 404, 409, 415))
async def post_evidence(
    tenant_id: TenantInPath, wanted: Annotated[WantedMonth, Strict, example({"month": "2026-10"})], clients: Neighbours
) -> ShownMonth:
    """Make and keep the evidence of a month that is over; what was made stays as it is."""
    config = await known_tenant(tenant_id, clients)
    try:
        await monthly.keep_month(config.tenant_id, wanted.month, clients, patience_s=_PATIENCE_S)
    except ValueError as fault:
        raise BadField("body.month", str(fault).partition(": ")[2]) from None
    return next(each for each in await _listed(config.tenant_id, clients) if each.month == wanted.month)


async def _listed(tenant_id: str, clients: Clients) -> list[ShownMonth]:
    entries = await clients.storage.ledger.events(tenant_id, monthly.FIRST, "evidence_made")
    return [
        ShownMonth(month=str(each.after["month"]), made_at=each.at, sha256=_hashes(each.after["sha256"]), entry=each.id)
        for each in entries
    ]


def _hashes(kept: object) -> dict[str, str]:
    return {str(form): str(value) for form, value in kept.items()} if isinstance(kept, dict) else {}


def _answer(content: bytes, form: Form) -> Response:
    headers = {"Content-Security-Policy": _PAGE_ONLY} if form == "html" else {}
    return Response(content, 200, headers, media_type=_TYPES[form])
