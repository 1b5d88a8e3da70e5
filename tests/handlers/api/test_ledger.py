"""What happened in a tenant, page by page."""

import pytest

from tests.handlers.web import ask, of

OFF = {"Identity": "ExchangeDefender", "Enabled": False}


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", **OFF)
    await service.look_after(tenant)
    return tenant


async def test_the_ledger_is_read_page_by_page(service, tenant):
    await service.sweep()
    target, ids = f"tenants/{tenant.tenant_id}/ledger?limit=1", []
    while target:
        page = await ask(service, "GET", target)
        ids += [entry["id"] for entry in of(page)]
        link = page.headers.get("Link", "")
        assert not link or link.endswith('; rel="next"')
        target = link[1:].partition(">")[0].removeprefix("/api/")
    assert len(ids) == 4  # first_look, drift_found, applying, corrected
    assert ids == [entry["id"] for entry in of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/ledger"))]


async def test_a_page_limit_of_thousands_of_digits_is_refused_like_any_other(service, tenant):
    refused = await ask(service, "GET", f"tenants/{tenant.tenant_id}/ledger?limit={'9' * 5000}")
    assert (refused.status_code, of(refused)["detail"][:6]) == (422, "limit:")
