import dns.rcode
import pytest

from domain.mail.answers import Absent, Present, Question, Txt, Unclear
from tests.clients.resolver.scripted import garbage, referring, says, serve, silent, truncating, wrong_id
from tests.clients.resolver.zones import (
    DIRECT,
    FILTERED,
    FIRST,
    FOUND,
    GOOD,
    MX,
    SOA,
    ask,
    given,
)


async def test_servers_that_contradict_each_other_are_unclear(zone, clock):
    async with zone(says(DIRECT)) as server:
        answer = await ask(server, clock)
        assert isinstance(answer, Unclear)
        assert answer.reason.startswith("servers disagree: ")
        assert "0 contoso-test.mail.protection.outlook.com at 127.0.0.2" in answer.reason


async def test_records_at_one_server_and_none_at_another_are_a_contradiction(zone, clock):
    async with zone(says(soa=SOA)) as server:
        assert "no such record at 127.0.0.2" in (await ask(server, clock)).reason


async def test_a_contradiction_over_a_text_does_not_repeat_the_text(zone, clock):
    spf = Question("contoso.test", "TXT")
    first, second = (says(f'contoso.test. 300 TXT "{text}"') for text in ("google-site-verification=abc", "MS=ms1"))
    async with zone(first, second) as server:
        reason = (await ask(server, clock, spf)).reason
    assert "a text of 28 bytes" in reason
    assert "verification" not in reason


async def test_where_a_text_is_cut_and_how_long_it_lives_is_no_contradiction(zone, clock):
    spf = Question("contoso.test", "TXT")
    first = says('contoso.test. 300 TXT "v=spf1 " "-all"')
    async with zone(first, says('contoso.test. 900 TXT "v=spf1 -all"')) as server:
        answer = await ask(server, clock, spf, every_server=True)
    assert answer == Present((Txt((b"v=spf1 -all",)),), 900, clock.time)


async def test_nxdomain_and_nodata_both_prove_absence(zone, clock):
    async with zone(says(rcode=dns.rcode.NXDOMAIN, soa=SOA), says(soa=SOA)) as server:
        assert isinstance(await ask(server, clock, every_server=True), Absent)


BROKEN = [
    pytest.param(says(FILTERED, aa=False), "is not authoritative", id="lame"),
    pytest.param(says(rcode=dns.rcode.SERVFAIL, aa=False), "SERVFAIL", id="servfail"),
    pytest.param(says(rcode=dns.rcode.REFUSED, aa=False), "REFUSED", id="refused"),
    pytest.param(silent, "no answer in time", id="silent"),
    pytest.param(garbage, "cannot be read", id="garbage"),
    pytest.param(wrong_id, "cannot be read", id="wrong_id"),
    pytest.param(truncating(), "a truncated reply over TCP", id="truncating_over_tcp_too"),
    pytest.param(says(FILTERED, rcode=dns.rcode.NXDOMAIN), "NXDOMAIN, with records", id="nxdomain_with_records"),
    pytest.param(truncating(silent), "no answer in time", id="truncating_without_tcp"),
    pytest.param(truncating(garbage), "cannot be read", id="truncating_with_garbage_over_tcp"),
]


@pytest.mark.parametrize("broken", [pytest.param(case.values[0], id=case.id) for case in BROKEN])
async def test_one_usable_answer_is_enough_for_a_scan(zone, clock, broken):
    async with zone(broken) as server:
        assert (await ask(server, clock)).values == FOUND


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
async def test_a_server_without_a_usable_answer_is_unclear_when_every_server_counts(zone, clock, broken, reason):
    async with zone(broken) as server:
        answer = await ask(server, clock, every_server=True)
    assert isinstance(answer, Unclear)
    assert answer.reason.startswith("127.0.0.2:")
    assert reason in answer.reason


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
async def test_no_usable_answer_at_all_is_never_an_absence(zone, clock, broken, reason):
    async with zone(broken, broken) as server:
        answer = await ask(server, clock)
    assert isinstance(answer, Unclear)
    assert reason in answer.reason


async def test_an_alias_at_the_apex_which_must_not_be_is_followed_where_all_servers_have_it(zone, clock):
    apex, target = "contoso.test. 30 CNAME www.contoso.test.", FILTERED.replace("contoso.test.", "www.contoso.test.", 1)
    odd = says(apex, target, soa=SOA)
    async with zone(odd, odd) as server:
        assert await ask(server, clock) == Present(FOUND, 30, clock.time)
    async with zone(odd) as server:
        answer = await ask(server, clock)
    assert isinstance(answer, Unclear)
    assert "an alias of www.contoso.test at 127.0.0.2" in answer.reason


async def test_an_answer_says_whether_every_server_gave_it(zone, clock):
    async with zone(GOOD) as server:
        assert (await ask(server, clock)).whole
    async with zone(silent) as server:
        assert not (await ask(server, clock)).whole


async def test_a_cache_proves_absence_with_the_zones_soa_only(clock):
    async with serve({FIRST: says(aa=False, soa=SOA)}) as server:
        assert isinstance((await given(server, clock).ask([MX]))[MX], Absent)
    async with serve({FIRST: referring("test. 300 NS a.nic.test.")}) as server:
        assert "refers to other servers" in (await given(server, clock).ask([MX]))[MX].reason
