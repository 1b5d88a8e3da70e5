import json

import httpx
import pytest
import respx

from clients.exchange.exchange import Exchange
from domain.reading import Query, Unseen
from tests.clients.exchange.answers import (
    BATCH,
    INBOUND,
    INVOKE,
    OUTBOUND,
    RULES,
    TENANT,
    Item,
    alone,
    asked_alone,
    batch,
    body,
    fine,
    named,
    seen,
)


async def test_several_reads_are_one_batch(exchange: Exchange, router: respx.MockRouter) -> None:
    route = batch(router, fine)

    found = await exchange.read(TENANT, [INBOUND, OUTBOUND, RULES])

    assert found == {query: seen(query) for query in (INBOUND, OUTBOUND, RULES)}
    assert route.call_count == 1
    outer = route.calls.last.request
    assert outer.headers["prefer"] == "odata.continue-on-error"
    item = json.loads(outer.content)["requests"][1]
    assert item["id"] == "1"
    assert item["method"] == "POST"
    assert item["url"] == INVOKE
    assert item["body"]["CmdletInput"]["Parameters"] == {"IncludeTestModeConnectors": True}
    assert item["headers"]["Authorization"] == "Bearer token-1"
    assert item["headers"]["Prefer"] == "odata.maxpagesize=1000;odata.continue-on-error"


async def test_no_batch_holds_more_than_ten(exchange: Exchange, router: respx.MockRouter) -> None:
    queries = [Query("exchange", f"Get-Thing{number}") for number in range(21)]
    route = batch(router, fine)
    alone(router, named)

    found = await exchange.read(TENANT, queries)

    assert found == {query: seen(query) for query in queries}
    assert [len(json.loads(call.request.content)["requests"]) for call in route.calls] == [10, 10]
    assert asked_alone(router) == ["Get-Thing20"]


async def test_items_are_told_apart_by_id_in_any_order(exchange: Exchange, router: respx.MockRouter) -> None:
    batch(router, fine, backwards=True)

    assert await exchange.read(TENANT, [INBOUND, OUTBOUND]) == {INBOUND: seen(INBOUND), OUTBOUND: seen(OUTBOUND)}


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(None, id="left_out"),
        pytest.param({"status": 404, "body": {"error": {"message": "no"}}}, id="failed"),
        pytest.param({"status": 429, "headers": {"Retry-After": "3"}, "body": None}, id="throttled"),
        pytest.param({"status": 503, "body": "busy"}, id="busy"),
        pytest.param({"status": 403, "headers": None, "body": ""}, id="forbidden"),
        pytest.param({"status": "200", "body": body()}, id="odd_status"),
        pytest.param({"status": 200, "body": "text"}, id="odd_body"),
        pytest.param({"status": 200, "body": {"value": None}}, id="no_value"),
        pytest.param({"status": 200, "body": body(), "id": "0"}, id="id_of_another"),
    ],
)
async def test_what_failed_in_a_batch_is_asked_again_alone(
    exchange: Exchange, router: respx.MockRouter, item: Item | None
) -> None:
    batch(router, lambda cmdlet: item if cmdlet == "Get-TransportRule" else fine(cmdlet))
    alone(router, named)

    found = await exchange.read(TENANT, [INBOUND, OUTBOUND, RULES])

    assert found == {query: seen(query) for query in (INBOUND, OUTBOUND, RULES)}
    assert "Get-TransportRule" in asked_alone(router)
    assert "Get-OutboundConnector" not in asked_alone(router)


async def test_an_item_that_keeps_failing_leaves_the_others_seen(exchange: Exchange, router: respx.MockRouter) -> None:
    batch(router, lambda cmdlet: {"status": 503, "body": ""} if cmdlet == "Get-TransportRule" else fine(cmdlet))
    alone(router, lambda _: httpx.Response(503))

    found = await exchange.read(TENANT, [INBOUND, RULES])

    assert found[INBOUND] == seen(INBOUND)
    assert isinstance(found[RULES], Unseen)


async def test_a_batch_that_fails_leaves_all_unseen(exchange: Exchange, router: respx.MockRouter) -> None:
    router.post(BATCH).respond(500)

    found = await exchange.read(TENANT, [INBOUND, RULES])

    assert all(isinstance(fact, Unseen) for fact in found.values())
    assert list(found) == [INBOUND, RULES]


@pytest.mark.parametrize("answer", [{"responses": None}, {}, [], {"value": []}])
async def test_an_odd_batch_answer_proves_nothing(exchange: Exchange, router: respx.MockRouter, answer: object) -> None:
    router.post(BATCH).respond(200, json=answer)

    found = await exchange.read(TENANT, [INBOUND, RULES])

    assert all(isinstance(fact, Unseen) for fact in found.values())


async def test_an_empty_batch_answer_is_asked_again_item_by_item(exchange: Exchange, router: respx.MockRouter) -> None:
    batch(router, lambda _: None)
    alone(router, named)

    assert await exchange.read(TENANT, [INBOUND, RULES]) == {INBOUND: seen(INBOUND), RULES: seen(RULES)}


async def test_when_every_item_is_forbidden_none_is_asked_again(exchange: Exchange, router: respx.MockRouter) -> None:
    route = batch(router, lambda _: {"status": 403, "headers": {"x-ms-diagnostics": "RBAC"}, "body": None})

    found = await exchange.read(TENANT, [INBOUND, OUTBOUND, RULES])

    assert {type(fact) for fact in found.values()} == {Unseen}
    assert all("or Global Reader to the app" in fact.remedy for fact in found.values() if isinstance(fact, Unseen))
    assert route.call_count == 1
    assert asked_alone(router) == []


async def test_when_every_item_is_unauthorised_the_batch_is_sent_once_with_a_fresh_token(
    exchange: Exchange, router: respx.MockRouter
) -> None:
    route = batch(router, lambda _: {"status": 401, "body": None})

    found = await exchange.read(TENANT, [INBOUND, RULES])

    assert {type(fact) for fact in found.values()} == {Unseen}
    assert [call.request.headers["authorization"] for call in route.calls] == ["Bearer token-1", "Bearer token-2"]
    assert asked_alone(router) == []
