"""Reads and writes of Exchange Online against a service that misbehaves in the ways others have met."""

import json

import httpx
import pytest
import respx

from clients.errors import AlreadyExists, Forbidden, NotFound, Throttled, Unreachable, Unreadable
from clients.exchange.exchange import Exchange
from domain.reading import Seen, Unseen
from domain.steps import Step
from tests.clients.conftest import allowed
from tests.clients.exchange.answers import (
    ARRIVED,
    INBOUND,
    INVOKE,
    NEW,
    RULES,
    SET,
    TENANT,
    Item,
    alone,
    asked_alone,
    batch,
    body,
    fine,
    named,
    rows,
    seen,
)


async def test_one_read_is_one_plain_call(exchange: Exchange, router: respx.MockRouter) -> None:
    route = alone(router, named)

    assert await exchange.read(TENANT, [INBOUND]) == {INBOUND: seen(INBOUND)}
    assert json.loads(route.calls.last.request.content) == {
        "CmdletInput": {"CmdletName": "Get-InboundConnector", "Parameters": {"ResultSize": "Unlimited"}}
    }
    headers = route.calls.last.request.headers
    anchor = f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{TENANT}"
    assert headers["authorization"] == "Bearer token-1"
    assert headers["x-anchormailbox"] == anchor
    assert headers["x-cmdletname"] == "Get-InboundConnector"
    assert headers["prefer"] == "odata.maxpagesize=1000"
    assert headers["accept-language"] == "en-US"
    assert headers["accept-encoding"] == "identity"
    assert headers["client-request-id"]


async def test_the_same_read_twice_is_asked_once(exchange: Exchange, router: respx.MockRouter) -> None:
    alone(router, named)

    assert await exchange.read(TENANT, [INBOUND, INBOUND]) == {INBOUND: seen(INBOUND)}
    assert asked_alone(router) == ["Get-InboundConnector"]


async def test_nothing_to_read_asks_nothing(exchange: Exchange, router: respx.MockRouter) -> None:
    assert await exchange.read(TENANT, []) == {}
    assert not router.calls


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.Response(200, json={"value": None}), id="value_null"),
        pytest.param(httpx.Response(200, json={"@adminapi.warnings": ["odd"]}), id="no_value"),
        pytest.param(httpx.Response(200, json=body(**{"@adminapi.errors": ["no"]})), id="errors_in_a_success"),
        pytest.param(httpx.Response(200, html="<html>"), id="html"),
        pytest.param(httpx.Response(200, content=b'{"value": [{"Name"'), id="truncated"),
        pytest.param(httpx.Response(204), id="no_content"),
        pytest.param(httpx.Response(302, headers={"Location": "https://elsewhere.test/"}), id="redirect"),
        pytest.param(httpx.Response(405), id="wrong_version"),
        pytest.param(httpx.Response(429), id="throttled_without_a_wait"),
        pytest.param(httpx.ReadTimeout("slow"), id="timeout"),
        pytest.param(httpx.ConnectError("refused"), id="refused"),
    ],
)
async def test_a_read_that_failed_or_is_odd_is_unseen_never_empty(
    exchange: Exchange, router: respx.MockRouter, answer: httpx.Response | Exception
) -> None:
    router.post(INVOKE).mock(side_effect=[answer] * 5)

    fact = (await exchange.read(TENANT, [INBOUND]))[INBOUND]

    assert isinstance(fact, Unseen)
    assert fact.at == ARRIVED
    assert fact.reason.startswith("Get-InboundConnector could not be read: ")


async def test_an_empty_answer_is_a_fact(exchange: Exchange, router: respx.MockRouter) -> None:
    alone(router, lambda _: rows())

    assert await exchange.read(TENANT, [INBOUND]) == {INBOUND: Seen((), ARRIVED)}


async def test_a_long_wait_is_raised_for_the_queue_to_keep(exchange: Exchange, router: respx.MockRouter) -> None:
    alone(router, lambda _: httpx.Response(429, headers={"Retry-After": "90"}))

    with pytest.raises(Throttled) as raised:
        await exchange.read(TENANT, [INBOUND])

    assert raised.value.retry_after_s == 90


async def test_a_long_wait_of_one_item_is_raised_without_asking_it_again(
    exchange: Exchange, router: respx.MockRouter
) -> None:
    throttled: Item = {"status": 429, "headers": {"Retry-After": "90"}, "body": None}
    batch(router, lambda cmdlet: throttled if cmdlet == "Get-TransportRule" else fine(cmdlet))
    route = alone(router, named)

    with pytest.raises(Throttled) as raised:
        await exchange.read(TENANT, [INBOUND, RULES])

    assert raised.value.retry_after_s == 90
    assert not route.called


async def test_a_write_is_sent_as_an_admin_would_type_it(exchange: Exchange, router: respx.MockRouter) -> None:
    route = alone(router, lambda _: rows())

    applied = await exchange.apply(TENANT, SET, permit=allowed)

    assert applied.rows == ()
    assert json.loads(route.calls.last.request.content) == {
        "CmdletInput": {
            "CmdletName": "Set-InboundConnector",
            "Parameters": {
                "Identity": "ExchangeDefender",
                "SenderIPAddresses": ["65.99.255.0/24"],
                "Confirm": False,
            },
        }
    }


async def test_a_writes_warnings_are_handed_back(
    exchange: Exchange, router: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    warning = "The command completed successfully but no settings of 'X' have been modified."
    alone(router, lambda _: httpx.Response(200, json=body(**{"@adminapi.warnings": [warning]})))

    assert (await exchange.apply(TENANT, SET, permit=allowed)).warnings == (warning,)
    assert "but no settings of" in caplog.text


@pytest.mark.parametrize("write", [SET, NEW], ids=["set", "new"])
async def test_a_write_whose_answer_is_lost_is_not_sent_again(
    exchange: Exchange, router: respx.MockRouter, write: Step
) -> None:
    route = router.post(INVOKE).mock(side_effect=[httpx.RemoteProtocolError("cut"), rows()])

    with pytest.raises(Unreachable) as raised:
        await exchange.apply(TENANT, write, permit=allowed)

    assert raised.value.sent
    assert route.call_count == 1


@pytest.mark.parametrize("write", [SET, NEW], ids=["set", "new"])
async def test_a_write_is_sent_again_with_a_fresh_token(
    exchange: Exchange, router: respx.MockRouter, write: Step
) -> None:
    route = router.post(INVOKE).mock(side_effect=[httpx.Response(401), rows()])

    await exchange.apply(TENANT, write, permit=allowed)

    assert route.call_count == 2


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (404, "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException", NotFound),
        (400, "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException", AlreadyExists),
    ],
)
async def test_a_refused_write_says_why(
    exchange: Exchange, router: respx.MockRouter, status: int, kind: str, error: type[Exception]
) -> None:
    detail = {"code": "Client", "target": "", "message": f"Ex1|{kind}|The reason."}
    alone(router, lambda _: httpx.Response(status, json={"error": {"details": [detail]}}))

    with pytest.raises(error, match=r"The reason\."):
        await exchange.apply(TENANT, SET, permit=allowed)


async def test_a_forbidden_write_names_the_role_and_the_group_that_give_it(
    exchange: Exchange, router: respx.MockRouter
) -> None:
    alone(router, lambda _: httpx.Response(403, content=b"\0" * 4096, headers={"x-ms-diagnostics": "RBAC"}))

    with pytest.raises(Forbidden) as raised:
        await exchange.apply(TENANT, SET, permit=allowed)

    assert raised.value.remedy.startswith(
        "Assign the Exchange role 'Remote and Accepted Domains' (role group Holdfast; readiness prints the commands)"
    )
    assert "Administrator" not in raised.value.remedy


async def test_an_unreadable_answer_to_a_write_is_not_a_success(exchange: Exchange, router: respx.MockRouter) -> None:
    alone(router, lambda _: httpx.Response(200, html="<html>gateway</html>"))

    with pytest.raises(Unreadable):
        await exchange.apply(TENANT, SET, permit=allowed)


async def test_no_token_and_no_body_reaches_the_log(
    exchange: Exchange, router: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="holdfast")
    batch(router, lambda _: {"status": 500, "body": {"error": {"message": "Bearer token-1 was bad"}}})
    alone(router, lambda _: httpx.Response(400, text="Authorization: Bearer token-1"))

    await exchange.read(TENANT, [INBOUND, RULES])

    assert caplog.records
    assert "token-1" not in caplog.text
    assert "s3cret" not in caplog.text
