"""The page of waves: everybody sees how far they are, an Admin begins, pauses and resumes one."""

import pytest

from handlers.loop.waves import go_on
from tests.filters import NEW, WIDER, deployed


@pytest.fixture
async def canary(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    service.clients = deployed(service.clients, WIDER)
    return tenant


async def begun(browser, canary):
    browser.sign_in("Admin")
    target = f"exchangedefender {NEW}"
    answer = await browser.send("waves", "waves", target=target, canaries=canary.tenant_id, reason="a new range")
    assert answer.status_code == 303
    [wave] = await browser.service.clients.storage.waves.all()
    return wave


async def test_an_admin_begins_pauses_and_resumes_a_wave_and_the_ledger_names_them(service, browser, canary):
    wave = await begun(browser, canary)
    assert (wave.version, wave.canaries, wave.state) == (NEW, (canary.tenant_id,), "running")
    for decision, state in (("pause", "paused"), ("resume", "running")):
        await browser.send(f"waves/{wave.id}/{decision}", "waves", reason=f"to {decision}")
        [wave] = await service.clients.storage.waves.all()
        assert wave.state == state
    told = reversed(await service.clients.storage.ledger.page("service", limit=100))
    ann = "ann@msp.example (oid-ann@msp.example)"
    assert [(each.event, each.reason, each.actor) for each in told if each.event.startswith("wave")] == [
        ("wave_begun", "a new range", ann),
        ("wave_paused", "to pause", ann),
        ("wave_resumed", "to resume", ann),
    ]


async def test_a_reader_sees_how_far_it_is_and_has_no_form(service, browser, canary):
    await begun(browser, canary)
    assert "The next tick moves" in await browser.get("waves")
    service.clock.advance(minutes=1)
    await go_on(service.clients)
    browser.sign_in("Reader")
    page = await browser.get("waves")
    assert f"exchangedefender to version {NEW}" in page
    assert ">canaries<" in page
    assert "<form" not in page.partition("<main")[2]


@pytest.mark.usefixtures("canary")
async def test_what_makes_no_sense_is_refused_in_a_sentence(browser):
    browser.sign_in("Admin")
    answer = await browser.send("waves", "waves", target=f"exchangedefender {NEW}", canaries="nobody", reason="r")
    assert answer.status_code == 422
    assert "canaries" in answer.get_body().decode()


@pytest.mark.parametrize("role", ["Reader", "Operator", "Approver"])
async def test_a_form_of_waves_is_refused_for_whoever_is_no_admin(browser, canary, role):
    wave = await begun(browser, canary)
    for path in ("waves", f"waves/{wave.id}/pause"):
        browser.sign_in(role)
        body = f"csrf={browser.session.form_token(f'/api/console/{path}')}&reason=r".encode()
        answer = await browser.ask("POST", f"/api/console/{path}", body, origin=browser.origin)
        assert answer.status_code == 403
