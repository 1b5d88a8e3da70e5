"""The monthly evidence, of one customer or of all: the months that are kept, each as page, JSON and table."""

from fastapi import Request, Response

from domain.evidence.period import month_before
from handlers.api import evidence
from handlers.api.evidence import AskedForm, MonthInPath
from handlers.api.routing import Neighbours
from handlers.console.web import render_page, router
from handlers.on_request import known_tenant

evidence_pages = router()


@evidence_pages.get("/evidence")
async def fleet_evidence_page(request: Request, clients: Neighbours) -> Response:
    """The months of all tenants together, for the MSP: those that are kept, and the last one where it is not yet."""
    months = await evidence.list_fleet_evidence(clients)
    last = month_before(clients.now())
    return render_page(
        request,
        "evidence.html",
        title="Evidence",
        at="/evidence",
        months=months,
        current="" if any(each.month == last for each in months) else last,
        data="/api/evidence",
    )


@evidence_pages.get("/evidence/{month}")
async def month_of_fleet_evidence(month: MonthInPath, clients: Neighbours, form: AskedForm = "html") -> Response:
    """The month of all tenants: as it was kept, or of those whose evidence is made so far."""
    return await evidence.get_fleet_evidence(month, clients, form)


@evidence_pages.get("/tenants/{tenant_id}/evidence")
async def evidence_page(request: Request, tenant_id: str, clients: Neighbours) -> Response:
    """The months that are kept, and the one that goes on."""
    config = await known_tenant(tenant_id, clients)
    return render_page(
        request,
        "evidence.html",
        title=f"Evidence of {config.name}",
        at=f"/tenants/{config.tenant_id}/evidence",
        tenant=config,
        months=await evidence.list_evidence(config.tenant_id, clients),
        current=f"{clients.now():%Y-%m}",
        data=f"/api/tenants/{config.tenant_id}/evidence",
    )


@evidence_pages.get("/tenants/{tenant_id}/evidence/{month}")
async def month_of_evidence(
    tenant_id: str, month: MonthInPath, clients: Neighbours, form: AskedForm = "html"
) -> Response:
    """A tenant's month: as it was kept, or, where it was not, as it is known now."""
    return await evidence.get_evidence(tenant_id, month, clients, form)
