"""Finding the tenant's region, and finding it again when it moves."""

import json
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest
import respx

from clients.entra.clouds import ENDPOINTS
from clients.entra.credentials import Credentials
from clients.errors import Forbidden, Redirected, Throttled, Unreachable, Unreadable
from clients.exchange.compliance import Compliance, regional_base
from clients.http import Http
from clients.restraint import Resting, Restraint, in_force
from domain.reading import Query, Seen, Unseen
from domain.rests import Rest
from domain.steps import Step
from tests.clients.conftest import Clock, Entra, allowed

TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
DOMAIN = "northwindlegal.onmicrosoft.com"
FRONT_DOOR = "ps.compliance.protection.outlook.com"
ALERTS = Query("compliance", "Get-ProtectionAlert")
DISABLE = Step("compliance", "Set-ProtectionAlert", {"Identity": "Phish", "Disabled": True})
CREATE = Step("compliance", "New-ProtectionAlert", {"Name": "Phish"})
FOUND: Mapping[str, object] = {"value": [{"Name": "Phish"}]}


@pytest.fixture
def compliance(http: Http, credentials: Credentials, clock: Clock) -> Compliance:
    return Compliance(http, credentials, ENDPOINTS["global"], now=clock)


def to_region(label: str) -> httpx.Response:
    location = f"https://{label}.admin.protection.outlook.com:446/adminapi/beta/{TENANT}/InvokeCommand"
    return httpx.Response(302, headers={"Location": location})


def front_door(router: respx.MockRouter, *answers: httpx.Response | Exception) -> respx.Route:
    return router.post(host=FRONT_DOOR).mock(side_effect=answers)


def region(router: respx.MockRouter, label: str, *answers: httpx.Response | Exception) -> respx.Route:
    route = router.post(host=f"{label}.{FRONT_DOOR}")
    return route.mock(side_effect=answers) if answers else route.respond(200, json=FOUND)


async def seen_by(compliance: Compliance) -> bool:
    fact = (await compliance.read(TENANT, [ALERTS], initial_domain=DOMAIN))[ALERTS]
    return isinstance(fact, Seen) and fact.rows == ({"Name": "Phish"},)


async def test_a_read_goes_where_the_front_door_sends_it(
    compliance: Compliance, router: respx.MockRouter, entra: Entra
) -> None:
    front_door(router, to_region("eur02b"))
    route = region(router, "eur02b")

    assert await seen_by(compliance)
    request = route.calls.last.request
    assert str(request.url) == f"https://eur02b.{FRONT_DOOR}/adminapi/beta/{TENANT}/InvokeCommand"
    anchor = f"UPN:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{DOMAIN}"
    assert request.headers["x-anchormailbox"] == anchor
    assert entra.asked[0]["scope"] == f"https://{FRONT_DOOR}/.default"


async def test_the_region_is_remembered_for_a_day(
    compliance: Compliance, router: respx.MockRouter, clock: Clock
) -> None:
    front = front_door(router, to_region("eur02b"), to_region("eur02b"))
    region(router, "eur02b")

    await seen_by(compliance)
    clock.advance(hours=23)
    await seen_by(compliance)
    assert front.call_count == 1
    clock.advance(hours=1)
    await seen_by(compliance)
    assert front.call_count == 2


async def test_a_front_door_that_answers_is_the_region(compliance: Compliance, router: respx.MockRouter) -> None:
    front = front_door(router, httpx.Response(200, json=FOUND))

    assert await seen_by(compliance)
    assert front.call_count == 1


MOVED = [
    pytest.param([to_region("nam12b")], id="redirect"),
    pytest.param([httpx.ConnectError("gone")] * 5, id="connect_failure"),
    pytest.param([httpx.Response(404, html="<html>no such path</html>")], id="404_of_a_web_server"),
    pytest.param([httpx.Response(404, json={"error": {"message": "Resource not found."}})], id="404_without_a_cmdlet"),
    pytest.param([httpx.Response(500)] * 5, id="500"),
    pytest.param([httpx.Response(503)] * 5, id="503"),
]


@pytest.mark.parametrize("answers", MOVED)
async def test_a_tenant_that_moved_is_found_again(
    compliance: Compliance, router: respx.MockRouter, answers: list[httpx.Response | Exception]
) -> None:
    front = front_door(router, to_region("eur02b"), to_region("nam12b"))
    region(router, "eur02b", httpx.Response(200, json=FOUND), *answers)
    region(router, "nam12b")

    assert await seen_by(compliance)
    assert await seen_by(compliance)
    assert await seen_by(compliance)
    assert front.call_count == 2


async def test_a_tenant_that_moved_and_rests_for_it_is_found_again_after_its_rest(
    compliance: Compliance, router: respx.MockRouter, clock: Clock
) -> None:
    front = front_door(router, to_region("eur02b"), to_region("nam12b"))
    region(router, "eur02b", httpx.Response(200, json=FOUND), *[httpx.Response(502)] * 5)
    region(router, "nam12b")
    assert await seen_by(compliance)
    with in_force(Restraint(TENANT, {"compliance": Rest(until=clock(), times=0, silent=True)})), pytest.raises(Resting):
        await seen_by(compliance)
    assert await seen_by(compliance)
    assert front.call_count == 2


async def test_a_region_that_keeps_redirecting_is_given_up(compliance: Compliance, router: respx.MockRouter) -> None:
    front = front_door(router, to_region("eur02b"), to_region("eur02b"))
    regional = region(router, "eur02b", to_region("eur02b"), to_region("eur02b"))

    assert not await seen_by(compliance)
    assert (front.call_count, regional.call_count) == (1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            httpx.Response(404, json={"error": {"details": [{"message": "Ex1|X.Y|No rule"}]}}), id="not_found"
        ),
        pytest.param(httpx.Response(403, json={"error": {"message": "unknown cmdlet"}}), id="forbidden"),
        pytest.param(httpx.ReadTimeout("slow"), id="timeout"),
    ],
)
async def test_a_region_that_answers_for_itself_is_kept(
    compliance: Compliance, router: respx.MockRouter, answer: httpx.Response | Exception
) -> None:
    front = front_door(router, to_region("eur02b"))
    region(router, "eur02b", httpx.Response(200, json=FOUND), *[answer] * 5, httpx.Response(200, json=FOUND))

    await seen_by(compliance)
    assert not await seen_by(compliance)
    assert front.call_count == 1


@pytest.mark.parametrize("write", [DISABLE, CREATE], ids=["set", "new"])
@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([to_region("nam12b")], id="redirect"),
        pytest.param([httpx.ConnectError("gone")] * 5, id="connect_failure"),
        pytest.param([httpx.Response(404)], id="404_without_a_cmdlet"),
    ],
)
async def test_a_write_that_was_not_done_follows_the_tenant(
    compliance: Compliance, router: respx.MockRouter, answers: list[httpx.Response | Exception], write: Step
) -> None:
    front_door(router, to_region("eur02b"), to_region("nam12b"))
    region(router, "eur02b", httpx.Response(200, json=FOUND), *answers)
    moved = region(router, "nam12b")
    await seen_by(compliance)

    await compliance.apply(TENANT, write, initial_domain=DOMAIN, permit=allowed)

    assert moved.call_count == 1


class StoppedError(Exception):
    """Somebody pulled the brake."""


async def test_the_permit_is_asked_again_before_a_write_follows_the_tenant(
    compliance: Compliance, router: respx.MockRouter
) -> None:
    front = front_door(router, to_region("eur02b"), to_region("nam12b"))
    old = region(router, "eur02b", httpx.Response(200, json=FOUND), to_region("nam12b"))
    new = region(router, "nam12b")
    await seen_by(compliance)

    async def brake_pulled_after_the_first_redirect() -> float:
        if old.call_count > 1:
            raise StoppedError
        return await allowed()

    with pytest.raises(StoppedError):
        await compliance.apply(TENANT, DISABLE, initial_domain=DOMAIN, permit=brake_pulled_after_the_first_redirect)

    assert (front.call_count, old.call_count, new.call_count) == (1, 2, 0)


@pytest.mark.parametrize("write", [DISABLE, CREATE], ids=["set", "new"])
@pytest.mark.parametrize("status", [500, 503])
async def test_a_write_whose_answer_was_lost_follows_nobody(
    compliance: Compliance, router: respx.MockRouter, status: int, write: Step
) -> None:
    front = front_door(router, to_region("eur02b"), to_region("nam12b"))
    region(router, "eur02b", httpx.Response(200, json=FOUND), httpx.Response(status))
    moved = region(router, "nam12b")
    await seen_by(compliance)

    with pytest.raises(Unreachable) as raised:
        await compliance.apply(TENANT, write, initial_domain=DOMAIN, permit=allowed)

    assert raised.value.sent
    assert front.call_count == 1
    assert not moved.called
    assert await seen_by(compliance)
    assert moved.called


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.test/adminapi/beta",
        "https://eur02b.admin.protection.outlook.com.elsewhere.test:446/",
        "https://a.b.admin.protection.outlook.com:446/",
        "https://ps.compliance.protection.outlook.com.elsewhere.test/",
        "https://eur_02b.admin.protection.outlook.com/",
        "http://ps.compliance.protection.outlook.com/adminapi",
        "https://[::1",
        "https://xn--/next",
        "https://admin.protection.outlook.com/",
    ],
)
async def test_a_redirect_to_anybody_else_gets_no_token(
    compliance: Compliance, router: respx.MockRouter, location: str
) -> None:
    front_door(router, *[httpx.Response(302, headers={"Location": location})] * 5)
    anywhere = router.route().respond(200, json=FOUND)

    fact = (await compliance.read(TENANT, [ALERTS], initial_domain=DOMAIN))[ALERTS]

    assert isinstance(fact, Unseen)
    assert all(call.request.url.host == "login.microsoftonline.com" for call in anywhere.calls)


MICROSOFT = "https://eur02b.admin.protection.outlook.com:446/adminapi/beta/x/InvokeCommand"


@pytest.mark.parametrize(
    ("base", "location", "expected"),
    [
        pytest.param(
            f"https://{FRONT_DOOR}", MICROSOFT, f"https://eur02b.{FRONT_DOOR}", id="port_446_is_not_for_clients"
        ),
        pytest.param(
            "https://ps.compliance.protection.office365.us",
            "https://gcc02b.admin.protection.office365.us:446/adminapi",
            "https://gcc02b.ps.compliance.protection.office365.us",
            id="another_cloud",
        ),
        pytest.param(
            "https://127.0.0.1:8443/front",
            "https://127.0.0.1:8444/eur02b/adminapi/beta/x/InvokeCommand",
            "https://127.0.0.1:8444/eur02b",
            id="own_host_another_port_and_path",
        ),
        pytest.param("https://sim.test/front", "/eur02b/adminapi/beta/x", "https://sim.test/eur02b", id="relative"),
        pytest.param("https://sim.test:8443", "https://sim.test:8443/", "https://sim.test:8443", id="root"),
        pytest.param(
            "https://sim.test", "https://sim.test:666/x/adminapi", "https://sim.test/x", id="port_is_not_kept"
        ),
        pytest.param("https://sim.test", "https://me:pw@sim.test/x/adminapi", "https://sim.test/x", id="nor_userinfo"),
        pytest.param("https://sim.test", "https://sim.test/x?a=/adminapi#b", "https://sim.test/x", id="nor_query"),
        pytest.param("https://127.0.0.1:8443", MICROSOFT, "https://127.0.0.1:8443", id="address_stays"),
        pytest.param("http://[::1]:8080", MICROSOFT, "http://[::1]:8080", id="address_of_six_stays"),
        pytest.param("http://localhost:8080", MICROSOFT, "http://localhost:8080", id="localhost_stays"),
        pytest.param("https://front.sim.test:8443", MICROSOFT, "https://eur02b.front.sim.test:8443", id="named"),
    ],
)
def test_the_region_is_always_below_the_front_door(base: str, location: str, expected: str) -> None:
    assert regional_base(base, Redirected("", location=location)) == expected


def test_a_front_door_on_this_machine_is_not_left_for_a_stranger() -> None:
    with pytest.raises(Unreadable):
        regional_base("https://127.0.0.1:8443", Redirected("", location="https://elsewhere.test/adminapi"))


async def test_a_front_door_at_another_address_keeps_the_scope(
    http: Http, credentials: Credentials, clock: Clock, router: respx.MockRouter, entra: Entra
) -> None:
    endpoints = replace(ENDPOINTS["global"], compliance="https://127.0.0.1:8443/compliance")
    router.post("https://127.0.0.1:8443/compliance/adminapi/beta/" + TENANT + "/InvokeCommand").respond(json=FOUND)

    assert await seen_by(Compliance(http, credentials, endpoints, now=clock))
    assert entra.asked[0]["scope"] == f"https://{FRONT_DOOR}/.default"


async def test_each_query_is_a_call_of_its_own(compliance: Compliance, router: respx.MockRouter) -> None:
    second = Query("compliance", "Get-ActivityAlert")
    route = router.post(host=FRONT_DOOR).respond(200, json=FOUND)

    found = await compliance.read(TENANT, [ALERTS, second], initial_domain=DOMAIN)

    asked = {json.loads(call.request.content)["CmdletInput"]["CmdletName"] for call in route.calls}
    assert asked == {"Get-ProtectionAlert", "Get-ActivityAlert"}
    assert set(found) == {ALERTS, second}


async def test_a_long_wait_is_raised_for_the_queue_to_keep(compliance: Compliance, router: respx.MockRouter) -> None:
    front_door(router, httpx.Response(429, headers={"Retry-After": "90"}))

    with pytest.raises(Throttled) as raised:
        await compliance.read(TENANT, [ALERTS, Query("compliance", "Get-ActivityAlert")], initial_domain=DOMAIN)

    assert raised.value.retry_after_s == 90


async def test_a_forbidden_write_names_the_roles_for_writing(compliance: Compliance, router: respx.MockRouter) -> None:
    front_door(router, httpx.Response(403, json={"error": {"message": "not for you"}}))

    with pytest.raises(Forbidden) as raised:
        await compliance.apply(TENANT, DISABLE, initial_domain=DOMAIN, permit=allowed)

    assert raised.value.remedy.startswith("Assign Security Administrator or Compliance Administrator")
