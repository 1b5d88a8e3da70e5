"""A customer's monthly evidence: which months are kept, and each as a page that prints, as JSON and as a table."""

from fastapi import Request, Response

from handlers.api import evidence
from handlers.api.evidence import AskedForm, MonthInPath
from handlers.api.routing import Neighbours
from handlers.console.web import render_page, router
from handlers.on_request import known_tenant

evidence_pages = router()


@evidence_pages.get("/tenants/{tenant_id}/evidence")
async def evidence_page(request: Request, tenant_id: str, clients: Neighbours) -> Response:
    """The months that are kept, and the one that goes on."""
    config = await known_tenant(tenant_id, clients)
    return render_page(
        request,
        "evidence.html",
        title=f"Evidence of {config.name}",
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
