"""One page of a trace, and why there is none; each request is counted by whoever asks."""

import asyncio
from datetime import timedelta

import pytest

from clients.entra.clouds import ENDPOINTS
from clients.errors import Invalid, Throttled, Unreadable
from clients.graph.message_trace import MOST_ODD, MessageTrace, NotGranted
from simulator.faults import Fault


@pytest.fixture
def trace(http, credentials):
    return MessageTrace(http, credentials, ENDPOINTS["global"])


@pytest.fixture
def traced(tenant):
    tenant.access.permissions.add("ExchangeMessageTrace.Read.All")
    tenant.mail.principal = True
    return tenant


@pytest.fixture
def sent():
    return []


@pytest.fixture
def ask(trace, tenant, clock, sent):
    async def count():
        sent.append(clock())
        return asyncio.get_running_loop().time()

    async def page(link="", back=timedelta(days=10)):
        now = clock()
        return await trace.page(tenant.tenant_id, now - back, now, link=link, permit=count)

    return page


async def test_a_page_has_up_to_five_thousand_rows_and_leads_to_the_next(ask, traced, sent):
    for _ in range(5001):
        traced.mail.arrive("65.99.255.7", "kim@sender.example", "lee@contoso.example", ago=timedelta(hours=1))
    first = await ask()
    last = await ask(first.link)
    assert (len(first.rows), len(last.rows), last.link) == (5000, 1, "")
    assert (last.rows[0].from_ip, last.rows[0].sender_domain, len(sent)) == ("65.99.255.7", "sender.example", 2)


async def test_a_missing_permission_is_not_granted_and_says_how_to_grant_it(ask, sent):
    with pytest.raises(NotGranted) as refused:
        await ask()
    assert (refused.value.missing, len(sent)) == ("permission", 1)
    assert "ExchangeMessageTrace.Read.All" in refused.value.remedy


async def test_a_missing_principal_is_no_expired_token_so_no_fresh_one_is_asked_for(ask, traced, sent):
    traced.mail.principal = False
    with pytest.raises(NotGranted) as refused:
        await ask()
    assert (refused.value.missing, len(sent), traced.http_requests["login"]) == ("principal", 1, 1)
    assert "New-MgServicePrincipal" in refused.value.remedy


async def test_an_expired_token_is_renewed_once_and_both_requests_count(ask, traced, sent):
    await ask()
    traced.expire_tokens()
    await ask()
    assert len(sent) == 3


async def test_whoever_is_turned_away_is_told_for_how_long_and_asks_once(ask, traced, sent):
    traced.mail.another_tool_asks(100)
    with pytest.raises(Throttled) as refused:
        await ask()
    assert refused.value.retry_after_s == pytest.approx(300, abs=2)
    assert len(sent) == 1


@pytest.mark.parametrize("kind", ["html", "value_missing", "truncated", "foreign_next_link"])
async def test_an_answer_that_is_none_is_not_taken_for_an_empty_trace(ask, traced, kind):
    traced.faults.script(Fault(kind, service="graph", cmdlet="GET traces"))
    link = (await ask()).link if kind == "foreign_next_link" else ""
    with pytest.raises(Unreadable):
        await ask(link)


def arrive(traced, times):
    for _ in range(times):
        traced.mail.arrive("65.99.255.7", "kim@sender.example", "lee@contoso.example", ago=timedelta(hours=1))


async def test_an_odd_row_is_none_of_the_others(ask, traced):
    arrive(traced, 3)
    traced.mail.messages[1].row["status"] = None
    page = await ask()
    assert [each.why for each in page.odd] == ["row.status: Input should be a valid string"]
    assert len(page.rows) == 3


async def test_a_page_with_many_odd_rows_is_unreadable(ask, traced):
    """The service has changed what it answers: that is no matter of single messages."""
    arrive(traced, MOST_ODD + 2)
    for each in list(traced.mail.messages)[:MOST_ODD]:
        del each.row["fromIP"]
    assert len((await ask()).odd) == MOST_ODD
    del traced.mail.messages[MOST_ODD].row["fromIP"]
    with pytest.raises(Unreadable, match=r"21 odd rows of 22, the first: row\.fromIP: Field required"):
        await ask()


@pytest.mark.usefixtures("traced")
async def test_what_the_service_does_not_take_is_said(ask):
    with pytest.raises(Invalid):
        await ask(back=timedelta(days=11))
