"""A key is fetched only where a body of this very connection may say it is, seldom, and for all who need it at once."""

import asyncio

import httpx
import pytest

from clients.errors import Throttled, Unreachable
from clients.psa.connections import ConnectWiseConnection
from clients.psa.signing_keys import ASKED_AGAIN, FETCHES_A_MINUTE, SigningKeys
from domain.psa.delivery import KeyPlace

HOST = "https://na.myconnectwise.net"
URL = f"{HOST}/v1//system/callbackkey/index.rails?companyName=northwind&id=1"
CONNECTION = ConnectWiseConnection.model_validate(
    {"site": HOST, "company": "northwind", "product_instance": "instance-1"}
    | dict.fromkeys(("public_key", "private_key", "client_id"), "x")
)


@pytest.fixture
def keys(client, clock):
    return SigningKeys(client, CONNECTION, now=clock)


@pytest.fixture
def served(router):
    """The route that gives the key; the simulated systems stand behind it."""
    route = router.get(url__startswith=f"{HOST}/v1").respond(json={"signing_key": "one"})
    router.routes._routes.insert(0, router.routes._routes.pop())  # noqa: SLF001 - respx takes the first that fits
    return route


def place(url=URL, company="northwind", instance="instance-1"):
    return KeyPlace(url, company, instance)


def test_a_key_of_this_connection_is_trusted(keys):
    assert keys.trusts(place())
    assert keys.trusts(place(URL.replace("//na.", "//api-na.")))


@pytest.mark.parametrize(
    "elsewhere",
    [
        place(URL.replace("https", "http")),
        place(URL.replace("myconnectwise.net", "myconnectwise.net.example")),
        place(URL.replace("northwind", "fabrikam")),
        place(f"{URL}&CompanyName=fabrikam"),
        place(f"{URL}#x"),
        place(URL.replace("/system/callbackkey/index.rails", "/attachments/1")),
        place(URL.replace("index.rails", "index.rails/../../../attachments/1")),
        place(URL.replace("/v1/", "/v1/..%2f")),
        place(URL.replace("/v1/", "/x/v1/")),
        place(company="fabrikam"),
        place(instance="instance-2"),
    ],
)
def test_a_key_of_anybody_else_is_not(keys, elsewhere):
    assert not keys.trusts(elsewhere)


async def test_a_key_is_fetched_once_for_all_who_need_it_and_kept(keys, served, clock):
    async def slowly(_):
        await asyncio.sleep(0.01)
        return httpx.Response(200, json={"signing_key": "one"})

    served.mock(side_effect=slowly)
    assert await asyncio.gather(*(keys.at(URL) for _ in range(5))) == ["one"] * 5
    clock.advance(seconds=599)
    assert await keys.at(URL) == "one"
    assert served.call_count == 1
    clock.advance(seconds=1)
    assert await keys.at(URL) == "one"
    assert served.call_count == 2


async def test_a_key_that_did_not_fit_is_asked_for_again_once_a_minute(keys, served, clock):
    assert await keys.at(URL) == "one"
    served.respond(json={"signing_key": "two"})
    assert await keys.at(URL, instead_of="one") == "one"
    clock.advance(seconds=ASKED_AGAIN.total_seconds())
    assert await keys.at(URL, instead_of="one") == "two"


async def test_however_many_keys_are_named_only_so_many_are_fetched(keys, served):
    for number in range(FETCHES_A_MINUTE):
        await keys.at(f"{URL}{number}")
    with pytest.raises(Throttled):
        await keys.at(f"{URL}x")
    assert served.call_count == FETCHES_A_MINUTE


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(302, headers={"Location": "https://example.net"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"signing_key": ""}),
        httpx.Response(200, json=["one"]),
        httpx.Response(200, content=b'{"signing_key": "one"}' + b" " * 65_536),
    ],
)
async def test_what_is_no_key_is_none(keys, served, answer):
    served.mock(return_value=answer)
    assert await keys.at(URL) is None


@pytest.mark.parametrize("trouble", [httpx.Response(503), httpx.Response(429), httpx.ReadTimeout("late")])
async def test_a_key_that_cannot_be_had_now_is_asked_for_again(keys, served, trouble):
    served.mock(side_effect=[trouble, httpx.Response(200, json={"signing_key": "one"})])
    with pytest.raises(Unreachable):
        await keys.at(URL)
    assert await keys.at(URL) == "one"
