"""What the pages show: to whom, of whom, how much; and that foreign text only stands there."""

import re

import pytest

from domain.evidence.period import month_before
from domain.incident import SERVICE
from domain.jobs import MakeEvidence
from handlers.monthly import make_evidence
from tests.handlers.console.conftest import CONTROLS, FOREIGN
from tests.handlers.web import ask, of

PAGES = ["", "fleet", "inbox", "ledger", "alerts", "alerts?every=true", "operations", "waves", "evidence", "health"]


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize("path", PAGES)
async def test_each_page_shows_itself_to_a_reader_with_a_link_to_its_data(browser, path):
    browser.sign_in("Reader")
    page = await browser.get(path)
    assert re.search(r'<link rel="alternate" type="application/json" href="/api/[^"]+">', page)
    assert "ann@msp.example" in page


async def test_foreign_text_stands_on_every_page_as_text(browser, tenant):
    browser.sign_in("Admin")
    seen = ""
    at = f"tenants/{tenant.tenant_id}"
    for path in [*PAGES, at, *(f"{at}/{each}" for each in ("config", "readiness", "evidence", "do/reprovision"))]:
        page = await browser.get(path)
        assert FOREIGN not in page
        assert not set(CONTROLS) & set(page)
        seen += page
    assert "&lt;img src=x" in seen


async def test_a_tenants_page_has_wanted_and_found_side_by_side_with_the_powershell(browser, tenant):
    browser.sign_in("Reader")
    page = await browser.get(f"tenants/{tenant.tenant_id}")
    assert re.search(r'<th scope="row">[^<]*Enabled</th><td class="wanted">yes</td><td class="found">no</td>', page)
    assert "Set-InboundConnector" in page
    assert "/do/approve" not in page


async def test_a_page_over_many_tenants_has_a_hundred_and_a_link_to_the_rest(service, browser):
    for tenant in service.world.add_tenants(101):
        await service.look_after(tenant)
    browser.sign_in("Reader")
    first = await browser.get("fleet?sort=name")
    assert first.count('<th scope="row">') == 100
    [following] = re.findall(r'<a rel="next" href="/api/console/([^"]+)"', first)
    assert (await browser.get(following.replace("&amp;", "&"))).count('<th scope="row">') == 1


async def test_the_first_view_is_under_100_kilobytes(service, browser):
    for tenant in service.world.add_tenants(101):
        await service.look_after(tenant)
    browser.sign_in("Reader")
    page = await browser.get("fleet")
    files = re.findall(r'(?:src|href)="(/api/console/static/[^"]+)"', page)
    parts = [len((await browser.ask("GET", each, accept_encoding="gzip")).get_body()) for each in files]
    assert len(page.encode()) + sum(parts) < 100_000


async def test_the_fleet_as_a_spreadsheet(browser, tenant):
    browser.sign_in("Reader")
    assert tenant.tenant_id in await browser.get("fleet.csv")
    assert tenant.tenant_id in await browser.get("ledger.csv?control=inbound-lockdown")
    assert tenant.tenant_id not in await browser.get("ledger.csv?since=2026-12-31T00:00:00Z")


async def test_health_says_how_the_objectives_stand_and_what_the_service_did(service, browser):
    browser.sign_in("Operator")
    await browser.send("brake", "health", reason="incident 7")
    page = await browser.get("health")
    assert re.search(r'<th scope="row">fast-seen</th><td>5.5 min</td><td>95 %</td>', page)
    assert re.search(r"brake engaged</b> by ann@msp\.example \(oid-ann@msp\.example\)[^<]*incident 7", page)
    cursor = await service.clients.storage.fleet.cursor()
    assert (f"{cursor[0].done:%Y-%m-%d}" if cursor else "never") in page


async def test_health_says_how_much_of_the_blast_radius_is_used(service, browser):
    browser.sign_in("Operator")
    broken = service.world.add_tenant("fabrikam.example", state="healthy")
    await service.look_after(broken)
    broken.admin("Set-OutboundConnector", Identity="Automatic Replies (Out of Office) Only", Enabled=False)
    await service.sweep()
    page = await browser.get("health")
    assert "oof-connector:Set-OutboundConnector: 1 of at most 10 tenants within the hour" in page


async def test_a_tenants_evidence_is_a_page_a_table_and_json(service, browser, tenant):
    browser.sign_in("Reader")
    at = f"tenants/{tenant.tenant_id}/evidence"
    month = f"{service.clients.now():%Y-%m}"
    assert f"{at}/{month}?format=csv" in await browser.get(at)
    assert at in await browser.get(f"tenants/{tenant.tenant_id}")
    shown = await browser.get(f"{at}/{month}")
    assert "<!doctype html" in shown.lower()
    assert FOREIGN not in shown
    assert f'"month": "{month}"' in await browser.get(f"{at}/{month}?format=json")
    await browser.get(f"{at}/2999-01", status=422)


async def test_the_months_of_all_tenants_are_listed_and_had_as_page_table_and_json(service, browser, tenant):
    browser.sign_in("Reader")
    last = month_before(service.clients.now())
    assert f"evidence/{last}?format=csv" in await browser.get("evidence")
    for each in (tenant.tenant_id, SERVICE):
        await make_evidence(MakeEvidence(tenant_id=each, month=last), service.clients)
    kept = await browser.get("evidence")
    assert (kept.count(f"evidence/{last}?format=csv"), "not kept" in kept) == (1, False)
    assert "<!doctype html" in (await browser.get(f"evidence/{last}")).lower()
    assert tenant.tenant_id in await browser.get(f"evidence/{last}?format=json")
    [listed] = of(await ask(service, "GET", "evidence"))
    assert (listed["month"], listed["sha256"]["html"] in kept) == (last, True)
