"""Azure DNS over ARM, with the bodies it sends."""

import json
from urllib.parse import parse_qs

import httpx
import pytest

from clients.dns_providers import RecordSet
from clients.dns_providers.azure_dns import AzureDns
from clients.errors import (
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

SUBSCRIPTION = "0b1f6480-1234-4c1d-9f7a-1f2e3d4c5b6a"
ZONES = (
    f"https://management.azure.com/subscriptions/{SUBSCRIPTION}/resourceGroups/dns/providers/Microsoft.Network/dnsZones"
)
ZONE = "contoso.com"
APEX = f"{ZONES}/{ZONE}/TXT/@"
DMARC = f"{ZONES}/{ZONE}/TXT/_dmarc"
SPF = Txt((b"v=spf1 include:spf.protection.outlook.com -all",))
TOKEN = Txt((b"MS=ms12345678",))
REPAIRED = Txt((b"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all",))
NONE = RecordSet()
POLICY = RecordSet((Txt((b"v=DMARC1; p=none",)),), 1800)

NO_SUCH_SET = httpx.Response(
    404,
    json={
        "code": "NotFound",
        "message": "The resource record '_dmarc' does not exist in resource group 'dns' of subscription "
        f"'{SUBSCRIPTION}'.",
    },
)
NO_SUCH_ZONE = httpx.Response(
    404,
    json={
        "error": {
            "code": "ParentResourceNotFound",
            "message": "Failed to perform 'read' on resource(s) of type 'dnszones/TXT', because the parent resource "
            f"'/subscriptions/{SUBSCRIPTION}/resourceGroups/dns/providers/Microsoft.Network/dnszones/contoso.com' "
            "could not be found.",
        }
    },
)
CHANGED = httpx.Response(
    412,
    json={
        "code": "PreconditionFailed",
        "message": "The condition 'a1b2' in the If-Match header was not satisfied. The current was 'c3d4'.",
    },
)


def record_set(properties, *, rtype="TXT", name="@"):
    return httpx.Response(
        200,
        json={
            "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/dns/providers/Microsoft.Network/dnszones/{ZONE}/{rtype}/{name}",
            "name": name,
            "type": f"Microsoft.Network/dnszones/{rtype}",
            "etag": "a1b2",
            "properties": {"fqdn": f"{ZONE}.", "targetResource": {}, "provisioningState": "Succeeded", **properties},
        },
    )


TEXTS = record_set(
    {
        "TTL": 900,
        "metadata": {"owner": "msp"},
        "TXTRecords": [{"value": ["MS=ms", "12345678"]}, {"value": [SPF.data.decode()]}],
    }
)
READ = RecordSet((TOKEN, SPF), 900)


@pytest.fixture
def provider(http):
    async def token():
        return "arm-token"

    return Permitted(AzureDns(http, token, subscription_id=SUBSCRIPTION, resource_group="dns"))


def body_of(route):
    return json.loads(route.calls.last.request.content)["properties"]


async def test_a_record_set_is_read_with_its_time_to_live(provider, router):
    route = router.get(APEX).mock(return_value=TEXTS)
    found = await provider.read(ZONE, ZONE, "TXT")
    assert (found.contents, found.ttl_s) == (READ.contents, 900)
    request = route.calls.last.request
    assert parse_qs(request.url.query.decode()) == {"api-version": ["2018-05-01"]}
    assert request.headers["authorization"] == "Bearer arm-token"


async def test_an_alias_is_read_as_its_target(provider, router):
    properties = {"TTL": 3600, "CNAMERecord": {"cname": "Selector1-contoso-com._domainkey.contoso.onmicrosoft.com."}}
    router.get(f"{ZONES}/{ZONE}/CNAME/selector1._domainkey").mock(return_value=record_set(properties, rtype="CNAME"))
    found = await provider.read(ZONE, f"selector1._domainkey.{ZONE}", "CNAME")
    assert found.values == ("selector1-contoso-com._domainkey.contoso.onmicrosoft.com",)


async def test_a_set_that_does_not_exist_is_empty(provider, router):
    router.get(DMARC).mock(return_value=NO_SUCH_SET)
    assert await provider.read(ZONE, f"_dmarc.{ZONE}", "TXT") == NONE


async def test_a_swap_writes_the_whole_set_held_to_what_was_read(provider, router):
    router.get(APEX).mock(return_value=TEXTS)
    put = router.put(APEX).mock(return_value=TEXTS)
    await provider.swap(ZONE, ZONE, "TXT", READ, RecordSet((TOKEN, REPAIRED)))
    assert put.calls.last.request.headers["if-match"] == "a1b2"
    assert body_of(put) == {
        "TTL": 900,
        "metadata": {"owner": "msp"},
        "TXTRecords": [{"value": ["MS=ms", "12345678"]}, {"value": [REPAIRED.data.decode()]}],
    }


async def test_a_long_text_is_cut_into_strings(provider, router):
    long = Txt((b"v=spf1 " + b"ip4:192.0.2.1 " * 30 + b"-all",))
    router.get(APEX).mock(return_value=TEXTS)
    put = router.put(APEX).mock(return_value=TEXTS)
    await provider.swap(ZONE, ZONE, "TXT", READ, RecordSet((TOKEN, long)))
    assert [len(string) for string in body_of(put)["TXTRecords"][1]["value"]] == [255, 176]


async def test_a_set_is_created_only_where_there_is_none(provider, router):
    router.get(DMARC).mock(return_value=NO_SUCH_SET)
    put = router.put(DMARC).mock(
        return_value=record_set({"TTL": 1800, "TXTRecords": [{"value": ["v=DMARC1; p=none"]}]})
    )
    await provider.swap(ZONE, f"_dmarc.{ZONE}", "TXT", NONE, POLICY)
    assert put.calls.last.request.headers["if-none-match"] == "*"
    assert "if-match" not in put.calls.last.request.headers
    assert body_of(put)["TTL"] == 1800


async def test_a_set_is_taken_back_only_as_it_was_read(provider, router):
    router.get(DMARC).mock(return_value=record_set({"TTL": 1800, "TXTRecords": [{"value": ["v=DMARC1; p=none"]}]}))
    delete = router.delete(DMARC).mock(return_value=httpx.Response(200))
    await provider.swap(ZONE, f"_dmarc.{ZONE}", "TXT", POLICY, NONE)
    assert delete.calls.last.request.headers["if-match"] == "a1b2"


async def test_a_set_that_changed_before_the_write_is_a_conflict_and_not_written(provider, router):
    router.get(APEX).mock(return_value=TEXTS)
    with pytest.raises(Conflict):
        await provider.swap(ZONE, ZONE, "TXT", RecordSet((SPF,)), RecordSet((REPAIRED,)))


@pytest.mark.parametrize("status", [412])
async def test_a_set_that_changed_during_the_write_is_a_conflict(provider, router, status):
    router.get(APEX).mock(return_value=TEXTS)
    router.put(APEX).mock(return_value=CHANGED)
    with pytest.raises(Conflict, match=f"{status}.*PreconditionFailed"):
        await provider.swap(ZONE, ZONE, "TXT", READ, RecordSet((TOKEN, REPAIRED)))


async def test_a_zone_under_a_lock_is_refused_and_not_taken_for_written(provider, router):
    router.get(APEX).mock(return_value=TEXTS)
    locked = {"error": {"code": "ScopeLocked", "message": "The scope cannot perform write operation: it is locked."}}
    router.put(APEX).mock(return_value=httpx.Response(409, json=locked))
    with pytest.raises(Forbidden, match="ScopeLocked") as refused:
        await provider.swap(ZONE, ZONE, "TXT", READ, RecordSet((TOKEN, REPAIRED)))
    assert "lock" in refused.value.remedy


async def test_a_change_that_is_never_made_is_not_sent(provider, router):
    with pytest.raises(Invalid):
        await provider.swap(ZONE, ZONE, "TXT", READ, RecordSet((REPAIRED,)))
    with pytest.raises(Invalid):
        await provider.read(ZONE, f"../{ZONE}", "TXT")
    assert not router.calls


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(NO_SUCH_ZONE, NotFound, id="no_such_zone"),
        pytest.param(httpx.Response(404, text="<html>"), NotFound, id="404_of_a_gateway"),
        pytest.param(
            httpx.Response(
                401,
                json={"error": {"code": "ExpiredAuthenticationToken", "message": "The access token expiry UTC time"}},
            ),
            Unauthorised,
            id="expired",
        ),
        pytest.param(
            httpx.Response(
                403,
                json={
                    "error": {
                        "code": "AuthorizationFailed",
                        "message": "The client 'x' with object id 'y' does not have authorization to perform action "
                        "'Microsoft.Network/dnsZones/TXT/read' over scope 'z'.",
                    }
                },
            ),
            Forbidden,
            id="no_role",
        ),
        pytest.param(
            httpx.Response(
                429,
                headers={"Retry-After": "400"},
                json={"error": {"code": "TooManyRequests", "message": "The request is being throttled."}},
            ),
            Throttled,
            id="throttled",
        ),
        pytest.param(
            httpx.Response(500, json={"error": {"code": "InternalError", "message": "x"}}), Unreachable, id="500"
        ),
        pytest.param(httpx.Response(200, json={"etag": "a"}), Unreadable, id="half"),
        pytest.param(httpx.Response(200, text="<html>"), Unreadable, id="html"),
        pytest.param(record_set({"TTL": 60, "ARecords": []}), Unreadable, id="another_type"),
        pytest.param(record_set({"TTL": 60, "TXTRecords": []}), Unreadable, id="empty"),
    ],
)
async def test_what_azure_refuses_is_an_error_of_the_tree_and_never_an_empty_set(provider, router, answer, error):
    router.get(APEX).mock(return_value=answer)
    with pytest.raises(error):
        await provider.read(ZONE, ZONE, "TXT")
