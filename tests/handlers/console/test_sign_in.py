"""In and out: to Entra and back, a session of an hour that renews itself, and nobody who has no role."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from simulator.people import CONSOLE_CLIENT, MSP_TENANT
from tests.handlers.console.browser import KEYS, Browser

ADMIN = "ada.admin@msp.example"
NOBODY = "nil.nobody@msp.example"


@pytest.fixture
def environment():
    return {
        "HOLDFAST_API_CLIENT_ID": CONSOLE_CLIENT,
        "HOLDFAST_API_AUDIENCE": CONSOLE_CLIENT,
        "HOLDFAST_API_TENANT_ID": MSP_TENANT,
        "HOLDFAST_SESSION_KEYS": ",".join(KEYS),
    }


async def sign_in(service, browser, wanted, login=ADMIN):
    """The last answer on the way from *wanted* by Entra and back."""
    asked = await browser.ask("GET", wanted)
    begun = await browser.ask("GET", asked.headers["location"])
    return await entra(service, browser, begun, login)


async def entra(service, browser, begun, login):
    url = begun.headers["location"]
    answer = await service.clients.web.get(f"{url}&login={login}" if login else url)
    back = urlsplit(answer.headers["location"])
    return await browser.ask("GET", f"{back.path}?{back.query}")


async def test_a_person_comes_back_to_the_page_they_asked_for_signed_in(service, browser):
    answer = await sign_in(service, browser, "inbox?kind=approval")
    assert (answer.status_code, answer.headers["location"]) == (303, "/api/console/inbox?kind=approval")
    assert ADMIN in await browser.get("inbox?kind=approval")
    assert list(browser.cookies) == ["__Host-holdfast"]


async def test_on_loopback_the_cookie_has_no_prefix(service):
    browser = Browser(service, "http://127.0.0.1:7071")
    await sign_in(service, browser, "fleet")
    assert list(browser.cookies) == ["holdfast"]
    assert ADMIN in await browser.get("fleet")


async def test_the_cookie_is_for_this_host_alone_and_no_script_reads_it(service, browser):
    answer = await sign_in(service, browser, "fleet")
    lines = [line for line in answer.headers.get_all("set-cookie") if line.startswith("__Host-holdfast=")]
    attributes = {part.strip().lower() for part in lines[0].split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= attributes
    assert not [each for each in attributes if each.startswith("domain")]


async def test_who_has_no_role_is_not_let_in(service, browser):
    answer = await sign_in(service, browser, "fleet", NOBODY)
    assert (answer.status_code, b"Holdfast.Read" in answer.get_body()) == (403, True)
    assert "__Host-holdfast" not in browser.cookies


async def test_somebody_of_another_tenant_is_not_let_in(service, browser):
    assert (await sign_in(service, browser, "fleet", "eve@other.example")).status_code == 403


async def test_a_session_renews_itself_without_asking_and_ends_after_an_hour_without_entra(service, browser):
    await sign_in(service, browser, "fleet")
    service.clock.advance(minutes=50)
    assert (await browser.ask("GET", "fleet", hx_request="true")).status_code == 200
    renewed = await browser.ask("GET", (await browser.ask("GET", "fleet")).headers["location"])
    assert dict(parse_qsl(urlsplit(renewed.headers["location"]).query))["prompt"] == "none"

    service.clock.advance(minutes=20)
    assert (await browser.ask("GET", "fleet", hx_request="true")).status_code == 401
    renewed = await browser.ask("GET", (await browser.ask("GET", "fleet")).headers["location"])
    service.clients.web.cookies.clear()
    unknown = await entra(service, browser, renewed, "")
    assert "ask=true" in unknown.headers["location"]


async def test_nobody_is_sent_elsewhere_after_signing_in(service, browser):
    for wanted in ("https://evil.example/", "//evil.example/api/console/", "/api/brake", "/api/console/\\evil"):
        begun = await browser.ask("GET", f"sign-in?next={wanted}")
        answer = await entra(service, browser, begun, ADMIN)
        assert answer.headers["location"] == "/api/console/"
        browser.cookies.clear()


async def test_an_answer_that_was_not_asked_for_is_refused(browser):
    assert (await browser.ask("GET", "signed-in?code=x&state=y")).status_code == 403


async def test_signing_out_ends_the_session_here(service, browser):
    await sign_in(service, browser, "fleet")
    answer = await browser.send("sign-out", "fleet")
    assert answer.headers["location"] == "/api/console/signed-out"
    assert browser.cookies == {}
    assert "logout" in await browser.get("signed-out")


async def test_a_session_that_was_tampered_with_or_sealed_by_a_stranger_is_none(service, browser):
    await sign_in(service, browser, "fleet")
    value = browser.cookies["__Host-holdfast"]
    for forged in (value[:-4] + "AAAA", "x", "", "gAAAAA"):
        browser.cookies["__Host-holdfast"] = forged
        assert (await browser.ask("GET", "fleet")).status_code == 303
