"""Cloudflare v4, with the envelopes it sends."""

import json

import httpx
import pytest

from clients import restraint
from clients.dns_providers import RecordSet
from clients.dns_providers.cloudflare import Cloudflare
from clients.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Throttled,
    Unauthorised,
    Unreachable,
    Unreadable,
)
from domain.mail.answers import Txt
from tests.clients.dns_providers.conftest import Permitted

API = "https://api.cloudflare.com/client/v4"
ZONE, ZONE_ID = "contoso.com", "023e105f4ecef8ad9ca31a8372d0c353"
RECORDS = f"{API}/zones/{ZONE_ID}/dns_records"
SPF_TEXT = "v=spf1 include:spf.protection.outlook.com -all"
SPF, TOKEN = Txt((SPF_TEXT.encode(),)), Txt((b"MS=ms12345678",))
REPAIRED = Txt((b"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all",))
READ, WANTED = RecordSet((TOKEN, SPF)), RecordSet((TOKEN, REPAIRED))
NONE = RecordSet()
TARGET = "selector1-contoso-com._domainkey.contoso.onmicrosoft.com"


def fine(result):
    info = {"page": 1, "per_page": 100, "count": 1, "total_count": 1, "total_pages": 1}
    return httpx.Response(
        200, json={"result": result, "success": True, "errors": [], "messages": [], "result_info": info}
    )


def failed(status, code, message, **headers):
    body = {"result": None, "success": False, "errors": [{"code": code, "message": message}], "messages": []}
    return httpx.Response(status, json=body, headers=headers)


def record(number, content, *, name=ZONE, rtype="TXT", ttl=900):
    return {
        "id": f"record{number}",
        "name": name,
        "type": rtype,
        "content": content,
        "proxiable": False,
        "proxied": False,
        "ttl": ttl,
        "settings": {},
        "meta": {},
        "comment": None,
        "tags": [],
        "created_on": "2026-01-02T03:04:05.123456Z",
        "modified_on": "2026-01-02T03:04:05.123456Z",
    }


TEXTS = fine([record(1, '"MS=ms12345678"'), record(2, f'"{SPF_TEXT}"')])


@pytest.fixture
def provider(http):
    return Permitted(Cloudflare(http, "zone-token"))


@pytest.fixture
def zone(router):
    return router.get(f"{API}/zones", params={"name": ZONE}).mock(
        return_value=fine([{"id": ZONE_ID, "name": ZONE, "status": "active"}])
    )


def holds(router, answer, name=ZONE, rtype="TXT"):
    return router.get(RECORDS, params={"type": rtype, "name": name}).mock(return_value=answer)


def sent(route):
    return json.loads(route.calls.last.request.content)


@pytest.mark.usefixtures("zone")
async def test_records_are_read_with_their_time_to_live(provider, router):
    route = holds(router, TEXTS)
    found = await provider.read(ZONE, ZONE, "TXT")
    assert (found.contents, found.ttl_s) == (READ.contents, 900)
    assert route.calls.last.request.headers["authorization"] == "Bearer zone-token"


@pytest.mark.parametrize(
    ("content", "data"),
    [
        ('"v=spf1 " "-all"', b"v=spf1 -all"),
        ("v=spf1 -all", b"v=spf1 -all"),
        (r'"say \"hi\" \\ \195\169"', b'say "hi" \\ \xc3\xa9'),
        ('"never closed', b'"never closed'),
        ('"é"', "é".encode()),
        ('""', b""),
        ("", b""),
        ("x" * 300, b"x" * 300),
    ],
)
@pytest.mark.usefixtures("zone")
async def test_a_text_is_the_same_however_it_is_quoted(provider, router, content, data):
    holds(router, fine([record(1, content)]))
    assert (await provider.read(ZONE, ZONE, "TXT")).contents == {data}


@pytest.mark.usefixtures("zone")
async def test_an_automatic_time_to_live_is_five_minutes(provider, router):
    holds(router, fine([record(1, "x", ttl=1)]))
    assert (await provider.read(ZONE, ZONE, "TXT")).ttl_s == 300


@pytest.mark.usefixtures("zone")
async def test_records_of_other_names_are_not_taken_for_this_name(provider, router):
    holds(router, fine([record(1, "x", name=f"www.{ZONE}"), record(2, "y", rtype="SPF")]))
    assert await provider.read(ZONE, ZONE, "TXT") == NONE


@pytest.mark.usefixtures("zone")
async def test_a_swap_touches_the_one_record_and_nothing_else_of_it(provider, router):
    holds(router, TEXTS)
    patch = router.patch(f"{RECORDS}/record2").mock(return_value=fine(record(2, "x")))
    await provider.swap(ZONE, ZONE, "TXT", READ, WANTED)
    assert sent(patch) == {"content": f'"{REPAIRED.data.decode()}"'}


@pytest.mark.usefixtures("zone")
async def test_a_long_text_is_sent_in_quoted_strings(provider, router):
    long = b"v=spf1 " + b"ip4:192.0.2.1 " * 30 + b"-all"
    holds(router, TEXTS)
    patch = router.patch(f"{RECORDS}/record2").mock(return_value=fine(record(2, "x")))
    await provider.swap(ZONE, ZONE, "TXT", READ, RecordSet((TOKEN, Txt((long,)))))
    assert sent(patch)["content"] == f'"{long[:255].decode()}" "{long[255:].decode()}"'


@pytest.mark.usefixtures("zone")
async def test_an_alias_is_created_and_not_proxied(provider, router):
    name = f"selector1._domainkey.{ZONE}"
    holds(router, fine([]), name, "CNAME")
    post = router.post(RECORDS).mock(return_value=fine(record(3, TARGET)))
    await provider.swap(ZONE, name, "CNAME", NONE, RecordSet((TARGET,), 30))
    assert sent(post) == {"type": "CNAME", "name": name, "content": TARGET, "ttl": 60, "proxied": False}


@pytest.mark.usefixtures("zone")
async def test_what_was_created_can_be_taken_back(provider, router):
    name = f"selector1._domainkey.{ZONE}"
    holds(router, fine([record(3, f"{TARGET.upper()}.", name=name, rtype="CNAME")]), name, "CNAME")
    delete = router.delete(f"{RECORDS}/record3").mock(return_value=fine({"id": "record3"}))
    await provider.swap(ZONE, name, "CNAME", RecordSet((TARGET,)), NONE)
    assert delete.called


@pytest.mark.usefixtures("zone")
async def test_records_that_changed_are_a_conflict_and_not_written(provider, router):
    holds(router, fine([record(1, '"MS=ms12345678"'), record(2, '"v=spf1 mx -all"')]))
    with pytest.raises(Conflict):
        await provider.swap(ZONE, ZONE, "TXT", READ, WANTED)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(failed(404, 81044, "Record does not exist."), Conflict, id="gone_meanwhile"),
        pytest.param(failed(400, 81057, "The record already exists."), AlreadyExists, id="exists"),
        pytest.param(failed(400, 81058, "An identical record already exists."), AlreadyExists, id="identical"),
        pytest.param(failed(400, 1004, "DNS Validation Error"), Invalid, id="invalid"),
        pytest.param(httpx.Response(502, text="<html>Bad gateway</html>"), Unreachable, id="gateway"),
        pytest.param(httpx.ReadTimeout("slow"), Unreachable, id="lost"),
    ],
)
@pytest.mark.usefixtures("zone")
async def test_a_write_that_fails_is_an_error_of_the_tree(provider, router, answer, error):
    holds(router, TEXTS)
    router.patch(f"{RECORDS}/record2").mock(side_effect=[answer])
    with pytest.raises(error):
        await provider.swap(ZONE, ZONE, "TXT", READ, WANTED)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(failed(400, 6003, "Invalid request headers"), Unauthorised, id="malformed_token"),
        pytest.param(failed(403, 9109, "Invalid access token"), Unauthorised, id="wrong_token"),
        pytest.param(failed(403, 10000, "Authentication error"), Unauthorised, id="token_without_the_right"),
        pytest.param(failed(403, 7003, "No permission"), Forbidden, id="forbidden"),
        pytest.param(
            failed(429, 971, "Please wait and consider throttling your request speed", **{"Retry-After": "300"}),
            Throttled,
            id="throttled",
        ),
        pytest.param(
            httpx.Response(200, json={"result": [], "success": False, "errors": [{"code": 1, "message": "odd"}]}),
            Unreadable,
            id="200_without_success",
        ),
        pytest.param(fine([]), NotFound, id="no_such_zone"),
        pytest.param(fine({"id": "x"}), Unreadable, id="another_shape"),
        pytest.param(httpx.Response(200, text="<html>"), Unreadable, id="html"),
        pytest.param(httpx.Response(403, text="<html>blocked</html>"), Forbidden, id="403_of_a_gateway"),
    ],
)
async def test_what_cloudflare_refuses_is_an_error_of_the_tree_and_never_an_empty_set(provider, router, answer, error):
    router.get(f"{API}/zones").mock(return_value=answer)
    with pytest.raises(error):
        await provider.read(ZONE, ZONE, "TXT")


@pytest.mark.usefixtures("zone")
async def test_more_records_than_one_page_are_not_taken_for_all(provider, router):
    holds(router, fine([record(number, f'"{number}"') for number in range(100)]))
    with pytest.raises(Unreadable):
        await provider.read(ZONE, ZONE, "TXT")


async def test_while_it_asks_to_come_back_later_a_tenants_domains_cost_a_few_requests_together(provider, router):
    zones = router.get(f"{API}/zones").mock(return_value=failed(429, 971, "Please wait"))
    spared = restraint.Restraint("a tenant", {})
    with restraint.in_force(spared):
        for zone in (ZONE, "fabrikam.com", "tailspin.com"):
            with pytest.raises(Throttled):
                await provider.read(zone, zone, "TXT")
    assert zones.call_count <= restraint.MOST_REQUESTS
    assert list(spared.begun) == ["cloudflare"]


async def test_a_change_that_is_never_made_is_not_sent(provider, router):
    with pytest.raises(Invalid):
        await provider.swap(ZONE, ZONE, "TXT", READ, RecordSet((REPAIRED,)))
    with pytest.raises(Invalid):
        await provider.read(ZONE, f"_acme-challenge.{ZONE}", "TXT")
    assert not router.calls
