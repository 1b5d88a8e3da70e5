"""Reads and writes of Exchange Online against a service that misbehaves in the ways others have met."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx
import pytest
import respx

from clients.errors import AlreadyExists, Forbidden, NotFound, Throttled, Unreachable, Unreadable
from clients.exchange.exchange import Exchange
from domain.facts import Query, Seen, Unseen
from domain.steps import Step, Value
from tests.clients.conftest import Entra, allowed

type Item = Mapping[str, object]
type Reply = Callable[[str], httpx.Response]

TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
OTHER = "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"
BASE = f"https://outlook.office365.com/adminapi/beta/{TENANT}"
INVOKE = f"{BASE}/InvokeCommand"
BATCH = f"{BASE}/$batch"
INBOUND = Query("exchange", "Get-InboundConnector", (("ResultSize", "Unlimited"),))
OUTBOUND = Query("exchange", "Get-OutboundConnector", (("IncludeTestModeConnectors", True),))
RULES = Query("exchange", "Get-TransportRule")
DOMAINS = Query("exchange", "Get-AcceptedDomain", never_empty=True)
ARRIVED = datetime(2026, 8, 11, 14, 2, 37, tzinfo=UTC)


def body(*rows: Item, **more: object) -> dict[str, object]:
    return {"@adminapi.warnings": [], "value": list(rows)} | more


def rows(*rows: Item) -> httpx.Response:
    return httpx.Response(200, json=body(*rows))


def cmdlet_of(request: httpx.Request) -> str:
    return str(json.loads(request.content)["CmdletInput"]["CmdletName"])


def asked_alone(router: respx.MockRouter) -> list[str]:
    return [cmdlet_of(call.request) for call in router.calls if call.request.url.path.endswith("/InvokeCommand")]


def batch(router: respx.MockRouter, answer: Callable[[str], Item | None], *, backwards: bool = False) -> respx.Route:
    """A `$batch` that answers each cmdlet with what *answer* gives for it: an item, or None to leave it out."""

    def serve(request: httpx.Request) -> httpx.Response:
        responses = []
        for item in json.loads(request.content)["requests"]:
            given = answer(item["body"]["CmdletInput"]["CmdletName"])
            if given is not None:
                responses.append({"id": item["id"], "headers": {}} | dict(given))
        return httpx.Response(200, json={"responses": responses[::-1] if backwards else responses})

    return router.post(BATCH).mock(side_effect=serve)


def alone(router: respx.MockRouter, answer: Reply) -> respx.Route:
    return router.post(INVOKE).mock(side_effect=lambda request: answer(cmdlet_of(request)))


def named(cmdlet: str) -> httpx.Response:
    return rows({"Name": cmdlet})


def fine(cmdlet: str) -> Item:
    return {"status": 200, "body": body({"Name": cmdlet})}


def seen(query: Query) -> Seen:
    return Seen(({"Name": query.cmdlet},), ARRIVED)


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


async def test_the_same_read_twice_is_asked_once(exchange: Exchange, router: respx.MockRouter) -> None:
    alone(router, named)

    assert await exchange.read(TENANT, [INBOUND, INBOUND]) == {INBOUND: seen(INBOUND)}
    assert asked_alone(router) == ["Get-InboundConnector"]


async def test_nothing_to_read_asks_nothing(exchange: Exchange, router: respx.MockRouter) -> None:
    assert await exchange.read(TENANT, []) == {}
    assert not router.calls


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
    assert all("Assign Global Reader" in fact.remedy for fact in found.values() if isinstance(fact, Unseen))
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


@pytest.mark.parametrize("queries", [[INBOUND], [INBOUND, RULES]], ids=["alone", "in_a_batch"])
async def test_every_page_is_read_by_posting_the_same_body_again(
    exchange: Exchange, router: respx.MockRouter, queries: list[Query]
) -> None:
    first = body({"Name": "a"}, **{"@odata.nextLink": f"{INVOKE}?$skiptoken=2"})
    batch(router, lambda _: {"status": 200, "body": first})
    pages = {
        "": first,
        "2": body({"Name": "b"}, **{"@odata.nextLink": f"{INVOKE}?$skiptoken=3"}),
        "3": body({"Name": "c"}),
    }
    router.post(INVOKE).mock(
        side_effect=lambda request: httpx.Response(200, json=pages[request.url.params.get("$skiptoken", "")])
    )

    found = await exchange.read(TENANT, queries)

    assert found == {query: Seen(({"Name": "a"}, {"Name": "b"}, {"Name": "c"}), ARRIVED) for query in queries}
    assert {call.request.method for call in router.calls} == {"POST"}
    assert set(asked_alone(router)) == {query.cmdlet for query in queries}


async def test_a_page_that_fails_fails_the_whole_read(exchange: Exchange, router: respx.MockRouter) -> None:
    first = body({"Name": "a"}, **{"@odata.nextLink": f"{INVOKE}?$skiptoken=2"})
    router.post(INVOKE).mock(
        side_effect=lambda request: (
            httpx.Response(400, text="The pagination request is expired or invalid.")
            if request.url.query
            else httpx.Response(200, json=first)
        )
    )

    fact = (await exchange.read(TENANT, [INBOUND]))[INBOUND]

    assert isinstance(fact, Unseen)
    assert "pagination" in fact.reason


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.test/adminapi/next",
        "https://outlook.office365.com.elsewhere.test/next",
        "http://outlook.office365.com/next",
        "https://outlook.office365.com:8443/next",
        "//elsewhere.test/next",
        "https://[::1",
        "https://xn--/next",
        "https://\x00/",
    ],
)
async def test_a_link_to_another_host_gets_no_token(exchange: Exchange, router: respx.MockRouter, link: str) -> None:
    alone(router, lambda _: httpx.Response(200, json=body({"Name": "a"}, **{"@odata.nextLink": link})))
    anywhere = router.route().respond(200, json=body())

    found = await exchange.read(TENANT, [INBOUND])

    assert isinstance(found[INBOUND], Unseen)
    assert not anywhere.called
    assert asked_alone(router) == ["Get-InboundConnector"]


async def test_links_in_a_circle_end(exchange: Exchange, router: respx.MockRouter) -> None:
    alone(router, lambda _: httpx.Response(200, json=body({"Name": "a"}, **{"@odata.nextLink": INVOKE})))

    assert isinstance((await exchange.read(TENANT, [INBOUND]))[INBOUND], Unseen)


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


async def test_an_empty_answer_to_what_every_tenant_has_is_not_a_fact(
    exchange: Exchange, router: respx.MockRouter
) -> None:
    alone(router, lambda _: rows())

    assert isinstance((await exchange.read(TENANT, [DOMAINS]))[DOMAINS], Unseen)


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


async def test_a_token_that_is_not_accepted_is_replaced_once(exchange: Exchange, router: respx.MockRouter) -> None:
    route = router.post(INVOKE).mock(side_effect=[httpx.Response(401), rows()])

    assert await exchange.read(TENANT, [INBOUND]) == {INBOUND: Seen((), ARRIVED)}
    assert [call.request.headers["authorization"] for call in route.calls] == ["Bearer token-1", "Bearer token-2"]


async def test_a_second_refusal_of_a_token_is_for_a_person(exchange: Exchange, router: respx.MockRouter) -> None:
    route = router.post(INVOKE).respond(401, headers={"WWW-Authenticate": 'Bearer client_id="00000002"'})

    fact = (await exchange.read(TENANT, [INBOUND]))[INBOUND]

    assert isinstance(fact, Unseen)
    assert f"{TENANT}/adminconsent?client_id=" in fact.remedy
    assert route.call_count == 2


async def test_a_refused_role_asks_for_a_new_token_next_time(exchange: Exchange, router: respx.MockRouter) -> None:
    route = router.post(INVOKE).mock(side_effect=[httpx.Response(403, content=b"\0" * 4096), rows()])

    fact = (await exchange.read(TENANT, [INBOUND]))[INBOUND]
    after_the_grant = await exchange.read(TENANT, [INBOUND])

    assert isinstance(fact, Unseen)
    assert "Assign Global Reader" in fact.remedy
    assert after_the_grant == {INBOUND: Seen((), ARRIVED)}
    assert [call.request.headers["authorization"] for call in route.calls] == ["Bearer token-1", "Bearer token-2"]


async def test_at_most_two_calls_of_a_tenant_run_at_once_and_tenants_do_not_wait_for_each_other(
    exchange: Exchange, router: respx.MockRouter
) -> None:
    running: dict[str, int] = {TENANT: 0, OTHER: 0}
    most: dict[str, int] = {TENANT: 0, OTHER: 0}
    together = 0

    async def serve(request: httpx.Request) -> httpx.Response:
        nonlocal together
        tenant = request.url.path.split("/")[3]
        running[tenant] += 1
        most[tenant] = max(most[tenant], running[tenant])
        together = max(together, sum(running.values()))
        for _ in range(5):
            await asyncio.sleep(0)
        running[tenant] -= 1
        return rows()

    router.post(path__regex=r"/InvokeCommand$").mock(side_effect=serve)
    queries = [Query("exchange", f"Get-Thing{number}") for number in range(5)]

    await asyncio.gather(*(exchange.read(tenant, [query]) for tenant in (TENANT, OTHER) for query in queries))

    assert most == {TENANT: 2, OTHER: 2}
    assert together > 2


def step(cmdlet: str, **parameters: Value) -> Step:
    return Step("exchange", cmdlet, parameters)


SET = step("Set-InboundConnector", Identity="ExchangeDefender", SenderIPAddresses=("65.99.255.0/24",), Confirm=False)
NEW = step("New-OutboundConnector", Name="ExchangeDefender OOF", UseMXRecord=True)


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
    assert warning in caplog.text


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


class StoppedError(Exception):
    """Somebody pulled the brake."""


async def stopped() -> None:
    raise StoppedError


@pytest.mark.parametrize("write", [SET, NEW], ids=["set", "new"])
async def test_a_write_that_is_not_permitted_is_not_sent(
    exchange: Exchange, router: respx.MockRouter, write: Step
) -> None:
    route = alone(router, lambda _: rows())

    with pytest.raises(StoppedError):
        await exchange.apply(TENANT, write, permit=stopped)

    assert not route.called


async def test_the_permit_is_asked_again_before_the_repeat_with_a_fresh_token(
    exchange: Exchange, router: respx.MockRouter, entra: Entra
) -> None:
    route = router.post(INVOKE).mock(side_effect=[httpx.Response(401), rows()])

    async def brake_pulled_while_a_fresh_token_is_bought() -> None:
        if len(entra.asked) > 1:
            raise StoppedError

    with pytest.raises(StoppedError):
        await exchange.apply(TENANT, SET, permit=brake_pulled_while_a_fresh_token_is_bought)

    assert route.call_count == 1


async def test_the_permit_is_asked_after_the_token_is_there(
    exchange: Exchange, router: respx.MockRouter, entra: Entra
) -> None:
    route = alone(router, lambda _: rows())

    async def brake_pulled_while_the_token_is_bought() -> None:
        if entra.asked:
            raise StoppedError

    with pytest.raises(StoppedError):
        await exchange.apply(TENANT, SET, permit=brake_pulled_while_the_token_is_bought)

    assert not route.called


async def test_the_permit_is_asked_after_the_wait_for_a_slot(exchange: Exchange, router: respx.MockRouter) -> None:
    order: list[str] = []
    both_slots_taken, answers = asyncio.Barrier(3), asyncio.Event()

    async def serve(request: httpx.Request) -> httpx.Response:
        if cmdlet_of(request).startswith("Get-"):
            await both_slots_taken.wait()
            await answers.wait()
        order.append(cmdlet_of(request))
        return rows()

    async def permit() -> None:
        order.append("permit")

    router.post(INVOKE).mock(side_effect=serve)
    async with asyncio.TaskGroup() as group:
        group.create_task(exchange.read(TENANT, [INBOUND]))
        group.create_task(exchange.read(TENANT, [OUTBOUND]))
        await both_slots_taken.wait()
        write = group.create_task(exchange.apply(TENANT, SET, permit=permit))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not write.done()
        assert order == []
        answers.set()

    assert order.index("permit") > 0
    assert order.index("Set-InboundConnector") == order.index("permit") + 1


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


async def test_a_forbidden_write_names_the_role_for_writing(exchange: Exchange, router: respx.MockRouter) -> None:
    alone(router, lambda _: httpx.Response(403, content=b"\0" * 4096, headers={"x-ms-diagnostics": "RBAC"}))

    with pytest.raises(Forbidden) as raised:
        await exchange.apply(TENANT, SET, permit=allowed)

    assert raised.value.remedy.startswith("Assign Exchange Administrator")


async def test_a_tenant_that_is_customised_already_is_a_success(exchange: Exchange, router: respx.MockRouter) -> None:
    text = "This operation is not required. Organization is already enabled for customization."
    detail = {"code": "Client", "message": f"Ex1|System.InvalidOperationException|{text}"}
    alone(router, lambda _: httpx.Response(400, json={"error": {"details": [detail]}}))

    assert (
        await exchange.apply(TENANT, step("Enable-OrganizationCustomization", Confirm=False), permit=allowed)
    ).warnings == (text,)


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
