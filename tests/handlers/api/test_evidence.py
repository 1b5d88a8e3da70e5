"""The monthly evidence over HTTP: JSON by a published schema, a page, a table; kept once the month is over."""

import json
from datetime import timedelta

import pytest

from tests.handlers.test_monthly import DECEMBER, NOVEMBER
from tests.handlers.web import ask, of


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant, name="Contoso")
    return tenant


async def test_people_ask_for_it_as_a_page_a_table_and_json_by_the_published_schema(service, tenant):
    await service.sweep()
    path = f"tenants/{tenant.tenant_id}/evidence"
    page = await ask(service, "GET", f"{path}/{NOVEMBER}?format=html")
    assert page.mimetype.startswith("text/html")
    assert b"Contoso" in page.get_body()
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert (await ask(service, "GET", f"{path}/{NOVEMBER}?format=csv")).get_body().startswith(b"tenant,name,month")
    schema = of(await ask(service, "GET", "evidence/schema"))
    assert set(of(await ask(service, "GET", f"{path}/{NOVEMBER}"))) == set(schema["properties"])
    assert (await ask(service, "POST", path, {"month": NOVEMBER})).status_code == 422  # it is not over
    assert (await ask(service, "GET", f"{path}/2027-01")).status_code == 422  # it has not begun
    assert of(await ask(service, "GET", path)) == []
    service.clock.time = DECEMBER + timedelta(days=3)
    answer = await ask(service, "POST", path, {"month": NOVEMBER})
    assert (answer.status_code, of(await ask(service, "GET", path))) == (201, [of(answer)])
    assert (await ask(service, "GET", f"evidence/{NOVEMBER}?format=csv")).get_body().count(b"\r\n") == 2


class TestBranded:
    """The MSP's name and logo come from a setting."""

    LOGO = "data:image/png;base64,iVBORw0KGgo="

    @pytest.fixture
    def environment(self):
        return {"HOLDFAST_BRAND": json.dumps({"name": "Northwind & Sons", "logo": self.LOGO})}

    async def test_the_page_of_a_tenant_and_that_of_all_carry_the_msps_name_and_logo(self, service, tenant):
        for path in (f"tenants/{tenant.tenant_id}/evidence/{NOVEMBER}", f"evidence/{NOVEMBER}"):
            page = await ask(service, "GET", f"{path}?format=html")
            shown = page.get_body().decode()
            assert f'<img src="{self.LOGO}" alt="Northwind &amp; Sons">' in shown
            assert "Northwind &amp; Sons</p><h1>" in shown
            assert "img-src data:" in page.headers["content-security-policy"]
