"""The console's pages: nothing without a session, one security policy, foreign text that only stands there."""

import re
from urllib.parse import urlencode

import pytest
from fastapi.routing import APIRoute

from domain.access import ROLES, Role, included
from handlers.api.app import CONSOLE_ROUTERS
from handlers.console.actions import DEEDS
from handlers.console.inbox import ANSWERS
from handlers.console.web import CONTENT_POLICY
from tests.handlers.web import ask

PAGES = ["", "fleet", "inbox", "ledger", "alerts", "alerts?every=true", "operations", "waves", "evidence", "health"]
OPEN = {"/console/sign-in", "/console/signed-in", "/console/signed-out", "/console/static/{name}"}
ROUTES = [
    (method, route.path)
    for router in CONSOLE_ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
]


def concrete(path: str) -> str:
    return re.sub(
        r"{\w+}", "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4", path.removeprefix("/console/").removeprefix("/console")
    )


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_answer_has_the_security_headers_and_none_a_page_without_a_session(browser, method, path):
    answer = await browser.ask(method, concrete(path))
    if path not in OPEN:
        assert answer.status_code in {303, 401}
        assert b"<" not in answer.get_body()
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_key_of_the_api_opens_no_page(service):
    assert (await ask(service, "GET", "console/fleet")).status_code == 303


@pytest.mark.parametrize("path", PAGES)
async def test_an_unknown_query_parameter_is_a_page_that_says_so(browser, path):
    browser.sign_in("Reader")
    separator = "&" if "?" in path else "?"
    assert "no_such" in await browser.get(f"{path}{separator}no_such=1", status=422)


async def test_no_page_is_cached_for_somebody_else(browser):
    browser.sign_in("Reader")
    answer = await browser.ask("GET", "fleet")
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", "Cookie")


async def test_a_static_file_is_kept_for_good_by_its_digest(browser):
    page = await browser.get("signed-out")
    [style] = re.findall(r'href="(/api/console/static/console.css[^"]+)"', page)
    assert "immutable" in (await browser.ask("GET", style)).headers["cache-control"]
    assert (await browser.ask("GET", "static/no-such.js")).status_code == 404


@pytest.mark.parametrize(
    "path", ["tenants/nonsense", "tenants/7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4", "operations/nonsense"]
)
async def test_what_is_not_there_is_a_page_that_says_so(browser, path):
    browser.sign_in("Reader")
    assert 'role="alert"' in await browser.get(path, status=404)


TENANT = "tenants/7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
CHOSEN = {"item": "approval|x|spf|p|"}
FORMS: list[tuple[str, dict[str, str], Role]] = [
    ("brake", {"engaged": "yes", "reason": "r"}, "Operator"),
    ("brake", {"engaged": "no", "reason": "r"}, "Admin"),
    ("radius/spf:dns", {"reason": "r"}, "Admin"),
    ("waves", {"reason": "r"}, "Admin"),
    ("waves/w1/pause", {"reason": "r"}, "Admin"),
    ("waves/w1/resume", {"reason": "r"}, "Admin"),
    (f"{TENANT}/config", {}, "Admin"),
    (f"{TENANT}/config/approve", {}, "Admin"),
    *((f"{TENANT}/do/{action}", {}, role) for action, (role, _) in DEEDS.items()),
    *(("inbox", CHOSEN | {"action": action}, role) for action, (role, _) in ANSWERS.items()),
]


@pytest.mark.parametrize(("path", "fields", "needed"), FORMS)
async def test_a_form_is_taken_from_whoever_has_its_role_and_from_nobody_else(browser, path, fields, needed):
    refused = set()
    for role in ROLES:
        browser.sign_in(role)
        token = browser.session.form_token(f"/api/console/{path}")
        sent = urlencode(fields | {"csrf": token}).encode()
        answer = await browser.ask("POST", path, sent, origin=browser.origin)
        if answer.status_code == 403:
            refused.add(role)
            assert b"this needs the role" in answer.get_body()
    assert refused == {role for role in ROLES if needed not in included([role])}


def test_every_form_has_its_role_in_the_table():
    forms = {path for method, path in ROUTES if method == "POST"}
    named = [
        re.compile(re.sub(r"{\w+}", r"[^/]+", path.removeprefix("/console/"))) for path in forms - {"/console/sign-out"}
    ]
    assert [each.pattern for each in named if not any(each.fullmatch(path) for path, _, _ in FORMS)] == []
