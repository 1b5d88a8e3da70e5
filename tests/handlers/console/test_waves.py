"""The page of waves: everybody sees how far they are, an Admin begins, pauses and resumes one."""

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from handlers.loop.waves import go_on
from tests.filters import NEW, WIDER, deployed
from tests.handlers.console.live import chromium_of, served
from tests.handlers.harness import DEV_KEY


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


async def test_what_makes_no_sense_is_refused_in_a_sentence(service, browser, canary):
    domain = (await service.clients.storage.tenants.get(canary.tenant_id)).initial_domain
    browser.sign_in("Admin")
    answer = await browser.send("waves", "waves", target=f"exchangedefender {NEW}", canaries=f"{domain}x", reason="r")
    assert answer.status_code == 422
    assert "canaries: no tenant has the name" in answer.get_body().decode()
    assert f"the nearest is {domain}" in answer.get_body().decode()


@pytest.mark.parametrize("role", ["Reader", "Operator", "Approver"])
async def test_a_form_of_waves_is_refused_for_whoever_is_no_admin(browser, canary, role):
    wave = await begun(browser, canary)
    for path in ("waves", f"waves/{wave.id}/pause"):
        browser.sign_in(role)
        body = f"csrf={browser.session.form_token(f'/api/console/{path}')}&reason=r".encode()
        answer = await browser.ask("POST", f"/api/console/{path}", body, origin=browser.origin)
        assert answer.status_code == 403


async def test_in_a_browser_a_wave_is_begun_by_a_name_seen_paused_and_resumed(service, canary):
    name = (await service.clients.storage.tenants.get(canary.tenant_id)).name
    async with served(service) as url, chromium_of(url, service, "Admin") as (page, complaints):
        await page.goto(f"{url}/api/console/waves")
        await page.get_by_label("Profile and version").select_option(f"exchangedefender {NEW}")
        await page.get_by_label("Canaries").fill(name)
        await page.get_by_label("Reason").fill("a new range")
        await page.get_by_role("button", name="Begin").click()
        await page.get_by_text("The next tick moves the first tenants.").wait_for()
        service.clock.advance(minutes=1)
        await go_on(service.clients)
        await page.reload()
        assert (
            await page.get_by_role("region", name="Stages of wave").locator("tbody th").first.inner_text() == "canaries"
        )
        for decision, state in (("Pause", "Paused"), ("Resume, past what has failed", "Running")):
            form = page.locator("form").filter(has=page.get_by_role("button", name=decision))
            await form.get_by_label("Reason").fill("a look first")
            await form.get_by_role("button", name=decision).click()
            await page.get_by_text(state, exact=True).wait_for()
        assert complaints == []


async def holdfast(url: str, *words: str) -> tuple[int, Any]:
    about = os.environ | {"HOLDFAST_API_URL": url, "HOLDFAST_API_KEY": DEV_KEY}
    command = [sys.executable, "-m", "cli", "--json", "waves", *words]
    run = await asyncio.create_subprocess_exec(*command, env=about, stdout=asyncio.subprocess.PIPE)
    out, _ = await run.communicate()
    return run.returncode or 0, json.loads(out)


async def test_the_command_line_begins_lists_pauses_and_resumes_a_wave(service, canary):
    async with served(service) as url:
        _, begun = await holdfast(url, "start", NEW, canary.tenant_id, "--reason", "a new range")
        assert (await holdfast(url, "list"))[0] == 0
        _, paused = await holdfast(url, "pause", begun["id"], "--reason", "a look first")
        assert (paused["state"], (await holdfast(url, "list"))[0]) == ("paused", 1)
        _, resumed = await holdfast(url, "resume", begun["id"], "--reason", "looked")
    assert (resumed["state"], resumed["canaries"]) == ("running", [canary.tenant_id])
