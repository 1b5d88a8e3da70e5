"""Many answers at once: only what an answer fits, listed before it is given, and listed after with the way back."""

import re
from html import unescape
from urllib.parse import urlencode

from tests.handlers.console.browser import form_of


async def test_many_are_answered_with_one_confirmation_that_lists_them(service, browser):
    tenants = [service.world.add_tenant(f"c{number}.example", state="healthy") for number in range(3)]
    for tenant in tenants:
        await service.look_after(tenant, mode="approve")
    await service.sweep()
    for tenant in tenants:
        tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.sweep()
    browser.sign_in("Approver")
    page = await browser.get("inbox?kind=approval")
    chosen = [unescape(each) for each in re.findall(r'name="item" value="([^"]+)"', page)]
    other = await browser.send("inbox", "inbox?kind=approval", action="declare", item=chosen[:2])
    assert "2 of what you chose cannot be answered so" in other.get_body().decode()
    asked = await browser.send("inbox", "inbox?kind=approval", action="approve", item=chosen[:2])
    confirm = asked.get_body().decode()
    assert [value for name, value in form_of(confirm, "inbox") if name == "item"] == chosen[:2]
    sent = urlencode(form_of(confirm, "inbox")).encode()
    done = await browser.ask("POST", "inbox", sent, origin=browser.origin)
    followed = re.findall(r'href="/api/console/(operations/[^"]+)"', done.get_body().decode())
    assert (done.status_code, len(followed)) == (200, 2)
    await service.work()
    left = await browser.get("inbox?kind=approval")
    assert len(re.findall(r'name="item"', left)) == 1
    twice = await browser.ask("POST", "inbox", sent, origin=browser.origin)
    assert "Nothing was left to answer" in twice.get_body().decode()
    [undo] = re.findall(r'href="/api/console/(tenants/[^"]+/do/undo[^"]+)"', await browser.get(followed[0]))
    assert "Set-InboundConnector" in await browser.get(unescape(undo))
