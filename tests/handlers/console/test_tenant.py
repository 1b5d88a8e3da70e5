"""What people do by forms: their own page's, in their role, named in the ledger; what is answered is gone."""

import pytest

from tests.filters import locked_by_a_former_filter
from tests.handlers.console.browser import form_of
from tests.handlers.console.conftest import CONTROLS, FOREIGN

LOCK = "inbound-lockdown"


async def do(browser, tenant, action, query="", **fields):
    path = f"tenants/{tenant.tenant_id}/do/{action}"
    return await browser.send(path, f"{path}{query}", **fields)


async def test_an_approval_takes_the_plan_that_was_shown_and_names_the_person(service, browser, tenant):
    browser.sign_in("Approver")
    assert "Set-InboundConnector" in await browser.get(f"tenants/{tenant.tenant_id}/do/approve?control={LOCK}")
    answer = await do(browser, tenant, "approve", f"?control={LOCK}")
    assert (answer.status_code, answer.headers["location"][:24]) == (303, "/api/console/operations/")
    await service.work()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    approved = [each for each in await service.ledger(tenant, LOCK) if each.event == "approved"]
    assert [each.actor for each in approved] == ["ann@msp.example (oid-ann@msp.example)"]
    assert "Nothing waits" in await browser.get("inbox?kind=approval")


async def test_drift_is_accepted_until_a_day_and_no_longer(service, browser, tenant):
    browser.sign_in("Approver")
    day = "2026-12-10"
    await do(browser, tenant, "except", f"?control={LOCK}", reason="migration", owner="ann", until=day)
    kept = (await service.clients.storage.states.load(tenant.tenant_id)).exceptions
    assert kept[LOCK].until.isoformat() == f"{day}T23:59:59+00:00"
    await do(browser, tenant, "unexcept", f"?control={LOCK}")
    assert (await service.clients.storage.states.load(tenant.tenant_id)).exceptions == {}


async def test_the_steps_are_shown_before_they_are_taken(service, browser, tenant):
    browser.sign_in("Operator")
    shown = await do(browser, tenant, "reprovision", f"?control={LOCK}", dry_run="yes")
    written = len(tenant.writes)
    await service.work()
    operation = shown.headers["location"].removeprefix("/api/console/")
    assert "Set-InboundConnector" in await browser.get(operation)
    assert len(tenant.writes) == written
    await browser.send(f"tenants/{tenant.tenant_id}/do/reprovision", operation)
    await service.work()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_what_was_done_is_undone_by_the_entry_that_tells_of_it(service, browser, tenant):
    browser.sign_in("Admin")
    await do(browser, tenant, "approve", f"?control={LOCK}")
    await service.work()
    entry = next(each for each in await service.ledger(tenant, LOCK) if each.event == "corrected")
    # Beside a stranger's lock, taking off ours would have the filter's own mail refused.
    tenant.admin("Remove-InboundConnector", Identity=f"{FOREIGN}{CONTROLS}"[:64])
    await do(browser, tenant, "undo", f"?control={LOCK}&entry={entry.id}", reason="scanner", dry_run="no")
    await service.work()
    assert "undone" in {each.event for each in await service.ledger(tenant, LOCK)}


async def test_a_tenant_is_looked_at_now_and_opened(browser, tenant):
    browser.sign_in("Operator")
    assert (await do(browser, tenant, "check")).status_code == 303
    assert (await do(browser, tenant, "open", reason="mail stopped", until="2026-12-01")).status_code == 303
    listed = await browser.get("operations")
    assert "check" in listed
    assert "open" in listed


async def test_findings_are_declared_and_removed_one_by_one(service, browser, tenant):
    browser.sign_in("Approver")
    found = [
        each
        for each in (await service.clients.storage.states.load(tenant.tenant_id)).findings.values()
        if not each.gone_at
    ]
    answer = await do(
        browser, tenant, "declare", f"?finding={found[0].id}", reason="copier", owner="ann", until="2026-12-10"
    )
    assert answer.status_code == 303
    config = await service.clients.storage.tenants.get(tenant.tenant_id)
    assert [each.finding for each in config.declared] == [found[0].id]
    shown = await do(browser, tenant, "remove", f"?finding={found[-1].id}", dry_run="yes")
    assert shown.status_code == 303
    await service.work()
    operation = shown.headers["location"].removeprefix("/api/console/")
    assert "<pre" in await browser.get(operation)
    taken = await browser.send(f"tenants/{tenant.tenant_id}/do/remove", operation)
    asked = await service.clients.storage.operations.get(taken.headers["location"].rpartition("/")[2])
    assert (asked.kind, asked.finding, asked.dry_run) == ("remove", found[-1].id, False)


async def test_a_removal_that_is_held_is_approved_by_the_steps_that_are_shown(service, browser):
    tenant = await locked_by_a_former_filter(service, "fabrikam.example")
    browser.sign_in("Approver")
    kept = (await service.clients.storage.states.load(tenant.tenant_id)).findings.values()
    [finding] = [each for each in kept if each.control == "lock-bypass"]
    await do(browser, tenant, "remove", f"?finding={finding.id}", reason="long gone", dry_run="no")
    await service.work()
    await service.sweep()
    where = f"?control=lock-bypass&finding={finding.id}"
    step = "Set-InboundConnector -Identity &#39;Old filter&#39; -Enabled $false"
    for page in (f"tenants/{tenant.tenant_id}", f"tenants/{tenant.tenant_id}/do/approve{where}"):
        assert step in await browser.get(page)
    assert f"do/approve{where}".replace("&", "&amp;") in await browser.get("inbox?kind=lock+not+proven")
    await do(browser, tenant, "approve", where, reason="no longer used", owner="ann", until="2026-12-10")
    await service.work()
    assert {row["Name"]: row["Enabled"] for row in tenant.admin("Get-InboundConnector")}["Old filter"] is False


@pytest.mark.parametrize(
    ("role", "action"), [("Reader", "check"), ("Reader", "approve"), ("Operator", "except"), ("Approver", "open")]
)
async def test_who_lacks_the_role_of_an_action_sees_no_form_of_it(browser, tenant, role, action):
    browser.sign_in(role)
    page = await browser.get(f"tenants/{tenant.tenant_id}/do/{action}?control={LOCK}")
    assert (f'/do/{action}"' in page, "This needs the role" in page) == (False, True)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://holdfast.example"])
async def test_a_form_from_elsewhere_is_refused(browser, tenant, origin):
    browser.sign_in("Admin")
    path = f"tenants/{tenant.tenant_id}/do/check"
    [(_, token)] = form_of(await browser.get(path), path)
    headers = {"origin": origin} if origin else {}
    answer = await browser.ask("POST", path, f"csrf={token}".encode(), **headers)
    assert answer.status_code == 403


async def test_the_token_of_one_form_is_good_for_no_other(browser, tenant):
    browser.sign_in("Admin")
    path = f"tenants/{tenant.tenant_id}/do/check"
    [(_, token)] = form_of(await browser.get(path), path)
    other = path.replace("check", "reprovision")
    assert (await browser.ask("POST", other, f"csrf={token}".encode(), origin=browser.origin)).status_code == 403


async def test_the_brake_is_engaged_by_an_operator_and_released_by_an_admin(service, browser):
    browser.sign_in("Operator")
    await browser.send("brake", "health", reason="incident 7")
    brake = await service.clients.storage.switches.brake()
    assert (brake.engaged, brake.by) == (True, "ann@msp.example (oid-ann@msp.example)")
    assert "Release the brake" not in await browser.get("health")
    browser.sign_in("Admin")
    await browser.send("brake", "health", reason="over")
    assert not (await service.clients.storage.switches.brake()).engaged
