import asyncio
from contextlib import suppress

import httpx
import pytest
import respx

from clients.exchange.exchange import Exchange
from domain.reading import Query, Seen, Unseen
from domain.steps import Step
from tests.clients.conftest import Entra, allowed
from tests.clients.exchange.answers import (
    ARRIVED,
    DOMAINS,
    INBOUND,
    INVOKE,
    NEW,
    OTHER,
    OUTBOUND,
    RULES,
    SET,
    TENANT,
    alone,
    asked_alone,
    batch,
    body,
    cmdlet_of,
    rows,
    step,
)


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


@pytest.mark.parametrize(("count", "is_whole"), [(999, True), (1000, False), (1001, True)])
async def test_a_list_that_ends_where_the_service_cuts_lists_is_not_taken_for_whole(
    exchange: Exchange, router: respx.MockRouter, count: int, *, is_whole: bool
) -> None:
    alone(router, lambda _: rows(*({"Name": str(n)} for n in range(count))))

    [found] = (await exchange.read(TENANT, [INBOUND])).values()

    assert isinstance(found, Seen if is_whole else Unseen)
    assert is_whole or "exactly 1000 came back" in str(found)


async def test_a_full_allow_list_which_no_parameter_cuts_is_whole(exchange: Exchange, router: respx.MockRouter) -> None:
    alone(router, lambda _: rows(*({"Identity": str(n)} for n in range(1000))))
    senders = Query("exchange", "Get-TenantAllowBlockListItems", (("ListType", "Sender"), ("Allow", True)))

    [found] = (await exchange.read(TENANT, [senders])).values()

    assert isinstance(found, Seen)


async def test_two_full_pages_are_whole(exchange: Exchange, router: respx.MockRouter) -> None:
    full = [{"Name": str(n)} for n in range(1000)]
    last, link = body(*full), {"@odata.nextLink": f"{INVOKE}?$skiptoken=2"}
    router.post(INVOKE, params={"$skiptoken": "2"}).respond(json=last)
    router.post(INVOKE).respond(json=body(*full, **link))

    [found] = (await exchange.read(TENANT, [INBOUND])).values()

    assert isinstance(found, Seen)
    assert len(found.rows) == 2000


@pytest.mark.parametrize(
    "warning",
    [
        "There are more results available than are currently displayed. Increase the value for ResultSize to view them.",
        "By default, only the first 1000 items are returned. Use the ResultSize parameter to specify the number.",
    ],
)
async def test_a_list_of_which_the_service_says_that_there_is_more_is_unknown(
    exchange: Exchange, router: respx.MockRouter, warning: str
) -> None:
    alone(router, lambda _: httpx.Response(200, json=body({"Name": "a"}, **{"@adminapi.warnings": [warning]})))

    [found] = (await exchange.read(TENANT, [RULES])).values()

    assert isinstance(found, Unseen)
    assert "only a part of the list" in found.reason


async def test_a_warning_of_another_kind_makes_no_list_unknown(exchange: Exchange, router: respx.MockRouter) -> None:
    alone(router, lambda _: httpx.Response(200, json=body({"Name": "a"}, **{"@adminapi.warnings": ["be careful"]})))

    assert isinstance((await exchange.read(TENANT, [RULES]))[RULES], Seen)


async def test_an_empty_answer_to_what_every_tenant_has_is_not_a_fact(
    exchange: Exchange, router: respx.MockRouter
) -> None:
    alone(router, lambda _: rows())

    assert isinstance((await exchange.read(TENANT, [DOMAINS]))[DOMAINS], Unseen)


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
    assert "Assign the Exchange role 'View-Only Configuration' (role group Holdfast" in fact.remedy
    assert after_the_grant == {INBOUND: Seen((), ARRIVED)}
    assert [call.request.headers["authorization"] for call in route.calls] == ["Bearer token-1", "Bearer token-2"]


async def test_at_most_two_calls_of_a_tenant_run_at_once_and_tenants_do_not_wait_for_each_other(
    exchange: Exchange, router: respx.MockRouter
) -> None:
    running: dict[str, int] = {TENANT: 0, OTHER: 0}
    most: dict[str, int] = {TENANT: 0, OTHER: 0}
    together, all_there = 0, asyncio.Event()

    async def serve(request: httpx.Request) -> httpx.Response:
        nonlocal together
        tenant = request.url.path.split("/")[3]
        running[tenant] += 1
        most[tenant] = max(most[tenant], running[tenant])
        together = max(together, sum(running.values()))
        if together == 4:
            all_there.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(all_there.wait(), 5)
        running[tenant] -= 1
        return rows()

    router.post(path__regex=r"/InvokeCommand$").mock(side_effect=serve)
    queries = [Query("exchange", f"Get-Thing{number}") for number in range(5)]

    await asyncio.gather(*(exchange.read(tenant, [query]) for tenant in (TENANT, OTHER) for query in queries))

    assert most == {TENANT: 2, OTHER: 2}
    assert together == 4


class StoppedError(Exception):
    """Somebody pulled the brake."""


async def stopped() -> float:
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

    async def brake_pulled_while_a_fresh_token_is_bought() -> float:
        if len(entra.asked) > 1:
            raise StoppedError
        return await allowed()

    with pytest.raises(StoppedError):
        await exchange.apply(TENANT, SET, permit=brake_pulled_while_a_fresh_token_is_bought)

    assert route.call_count == 1


async def test_the_permit_is_asked_after_the_token_is_there(
    exchange: Exchange, router: respx.MockRouter, entra: Entra
) -> None:
    route = alone(router, lambda _: rows())

    async def brake_pulled_while_the_token_is_bought() -> float:
        if entra.asked:
            raise StoppedError
        return await allowed()

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

    async def permit() -> float:
        order.append("permit")
        return await allowed()

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


async def test_a_tenant_that_is_customised_already_is_a_success(exchange: Exchange, router: respx.MockRouter) -> None:
    text = "This operation is not required. Organization is already enabled for customization."
    detail = {"code": "Client", "message": f"Ex1|System.InvalidOperationException|{text}"}
    alone(router, lambda _: httpx.Response(400, json={"error": {"details": [detail]}}))

    assert (
        await exchange.apply(TENANT, step("Enable-OrganizationCustomization", Confirm=False), permit=allowed)
    ).warnings == (text,)
