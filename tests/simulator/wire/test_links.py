from typing import Any

import httpx
import pytest

from tests.simulator.conftest import EXCHANGE, Caller, Clock, command

LISTING = command("Get-InboundConnector", ResultSize="Unlimited")


@pytest.fixture
def many(caller: Caller) -> Caller:
    """A caller to a tenant of five connectors, two on a page."""
    for number in range(4):
        caller.tenant.admin("New-InboundConnector", Name=f"service {number}", SenderDomains=["*"])
    caller.tenant.switches.page_size = 2
    return caller


async def first_link(caller: Caller) -> str:
    link: str = (await caller.post(caller.url(), LISTING)).json()["@odata.nextLink"]
    return link


async def test_posting_the_same_body_to_each_link_lists_everything_once(many: Caller) -> None:
    url: str | None = many.url()
    names: list[str] = []
    pages = 0
    while url:
        body = (await many.post(url, LISTING)).json()
        names += [row["Name"] for row in body["value"]]
        url = body.get("@odata.nextLink")
        pages += 1

    assert names == ["ExchangeDefender", "service 0", "service 1", "service 2", "service 3"]
    assert pages == 3


async def test_a_link_is_absolute_and_on_the_host_that_was_called(many: Caller) -> None:
    assert (await first_link(many)).startswith(f"{many.url()}?$skiptoken=")


async def test_the_caller_may_ask_for_smaller_pages(caller: Caller) -> None:
    caller.tenant.admin("New-InboundConnector", Name="Printer", SenderDomains=["*"])

    answer = await caller.post(caller.url(), LISTING, Prefer="odata.maxpagesize=1")

    assert len(answer.json()["value"]) == 1
    assert "@odata.nextLink" in answer.json()


async def test_a_page_that_holds_everything_has_no_link(caller: Caller) -> None:
    assert "@odata.nextLink" not in (await caller.post(caller.url(), LISTING)).json()


async def test_select_is_kept_by_the_link(many: Caller) -> None:
    first = await many.post(f"{many.url()}?$select=Name", LISTING)
    second = await many.post(first.json()["@odata.nextLink"], LISTING)

    assert [list(row) for row in second.json()["value"]] == [["Name"], ["Name"]]


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 400
    assert "pagination request" in answer.json()["error"]["message"]


async def test_a_link_cannot_be_got(many: Caller) -> None:
    answer = await many.http.get(await first_link(many), headers=await many.headers(EXCHANGE))

    assert answer.status_code == 405


async def test_a_link_ends_with_time(many: Caller, clock: Clock) -> None:
    link = await first_link(many)
    clock.forward(601)

    assert_refused(await many.post(link, LISTING))


async def test_a_link_ends_after_so_many_requests(many: Caller) -> None:
    many.tenant.switches.link_requests = 1
    link = await first_link(many)
    await many.run("Get-AcceptedDomain")

    assert_refused(await many.post(link, LISTING))


async def test_a_link_belongs_to_its_cmdlet_and_tenant(many: Caller, fresh: Caller) -> None:
    link = await first_link(many)

    assert_refused(await many.post(link, command("Get-AcceptedDomain")))
    assert_refused(await fresh.post(link.replace(many.tenant.tenant_id, fresh.tenant.tenant_id), LISTING))


async def test_where_the_switch_says_so_a_link_needs_an_anchor(many: Caller) -> None:
    many.tenant.switches.paging_needs_anchor = True
    link = await first_link(many)
    headers = await many.headers(EXCHANGE)
    anchor = headers.pop("X-AnchorMailbox")

    assert_refused(await many.http.post(link, json=LISTING, headers=headers))
    assert (await many.http.post(link, json=LISTING, headers=headers | {"X-AnchorMailbox": anchor})).status_code == 200


@pytest.mark.parametrize(("asked", "got"), [({"ResultSize": 2}, 2), ({"ResultSize": "Unlimited"}, 5), ({}, 5)])
async def test_result_size_cuts_the_listing_and_warns(caller: Caller, asked: dict[str, Any], got: int) -> None:
    for number in range(4):
        caller.tenant.admin("New-InboundConnector", Name=f"service {number}", SenderDomains=["*"])

    body = (await caller.run("Get-InboundConnector", **asked)).json()

    assert len(body["value"]) == got
    assert bool(body["@adminapi.warnings"]) is (got == 2)
