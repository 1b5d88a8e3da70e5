"""The delegation followed, the zone's servers compared, and everything that servers do wrong."""

import asyncio

import dns.rcode
import pytest

from clients.resolver import Patience, Resolver
from domain.mail.answers import Absent, Mx, Present, Question, Txt, Unclear
from tests.clients.resolver.scripted import garbage, over_tcp_only, referring, says, serve, silent, truncating, wrong_id

MACHINE, FIRST, SECOND = "127.0.0.9", "127.0.0.2", "127.0.0.3"
SOA = "contoso.test. 900 SOA ns1.contoso.test. hostmaster.contoso.test. 1 7200 900 1209600 60"
DELEGATION = (
    SOA,
    "contoso.test. 300 NS ns1.contoso.test.",
    "contoso.test. 300 NS ns2.contoso.test.",
    "ns1.contoso.test. 300 A 127.0.0.2",
    "ns2.contoso.test. 300 A 127.0.0.3",
)
MX = Question("contoso.test", "MX")
FILTERED = "contoso.test. 300 MX 10 inbound30.exchangedefender.com."
DIRECT = "contoso.test. 300 MX 0 contoso-test.mail.protection.outlook.com."
GOOD = says(FILTERED, soa=SOA)
FOUND = (Mx(10, "inbound30.exchangedefender.com"),)
QUICK = Patience(query_s=0.1, total_s=5)


def machine(*records):
    """The machine's own resolver: not authoritative, and it shows the SOA of the zone for names without their own."""
    return says(*records, aa=False, soa=SOA)


def resolver(server, clock, patience=QUICK):
    return Resolver((), clock, recursive=((MACHINE, server.port),), port=server.port, patience=patience)


async def ask(server, clock, question=MX, **how):
    return (await resolver(server, clock).ask([question], **how))[question]


@pytest.fixture
def zone():
    """Serves contoso.test from two servers, the first as told."""
    return lambda first, second=GOOD, known=DELEGATION: serve({MACHINE: machine(*known), FIRST: first, SECOND: second})


async def test_every_server_of_the_zone_is_asked_and_the_machines_resolver_only_for_the_way(zone, clock):
    async with zone(GOOD) as server:
        assert await ask(server, clock) == Present(FOUND, 300, clock.time)
    assert [server.asked[host, "contoso.test", "MX"] for host in (MACHINE, FIRST, SECOND)] == [0, 1, 1]
    assert server.wanted_recursion == {MACHINE}


async def test_a_name_below_the_zone_is_asked_of_the_zones_servers(zone, clock):
    async with zone(GOOD) as server:
        answer = await ask(server, clock, Question("_dmarc.contoso.test", "TXT"))
    assert answer == Absent(name_exists=True, ttl_s=60, at=clock.time)
    assert server.asked[SECOND, "_dmarc.contoso.test", "TXT"] == 1


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


@pytest.mark.parametrize("working", [truncating(GOOD), over_tcp_only(GOOD)], ids=["truncated", "udp_lost"])
async def test_tcp_is_tried_where_udp_does_not_do(zone, clock, working):
    async with zone(working) as server:
        assert (await ask(server, clock, every_server=True)).values == FOUND


async def test_a_forged_reply_does_not_keep_the_true_one_out(zone, clock):
    async with zone(GOOD) as server:
        server.forged = {FIRST, SECOND}
        shared = resolver(server, clock)
        assert (await shared.ask([MX], every_server=True))[MX].values == FOUND
    assert shared.queries == 6


async def test_a_name_server_whose_address_was_not_found_is_looked_for_again(zone, clock):
    async with zone(GOOD, known=DELEGATION[:-1]) as server:
        shared = resolver(server, clock)
        assert isinstance((await shared.ask([MX], every_server=True))[MX], Unclear)
        server.scripts[MACHINE] = machine(*DELEGATION)
        assert (await shared.ask([MX], every_server=True))[MX].values == FOUND
    assert server.asked[SECOND, "contoso.test", "MX"] == 1


async def test_a_name_server_without_an_address_counts_as_silent(zone, clock):
    async with zone(GOOD, known=DELEGATION[:-1]) as server:
        assert (await ask(server, clock)).values == FOUND
        assert "has no address" in (await ask(server, clock, every_server=True)).reason


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        pytest.param(says(rcode=dns.rcode.SERVFAIL), "SERVFAIL", id="servfail"),
        pytest.param(silent, "no answer in time", id="silent"),
        pytest.param(machine(SOA), "no name servers of contoso.test", id="no_name_servers"),
        pytest.param(says(), "shows no zone for contoso.test", id="no_soa"),
        pytest.param(
            machine(SOA, *(f"contoso.test. 300 NS ns{n}.contoso.test." for n in range(40))),
            "more than 32 name servers",
            id="too_many_servers",
        ),
    ],
)
async def test_a_zone_whose_servers_are_not_known_is_unclear(clock, known, reason):
    async with serve({MACHINE: known}) as server:
        answer = await ask(server, clock)
    assert isinstance(answer, Unclear)
    assert reason in answer.reason


async def test_an_alias_leads_to_the_servers_of_its_target(clock):
    alias, target = "www.fabrikam.test. 30 CNAME www.contoso.test.", "www.contoso.test. 60 A 192.0.2.1"
    fabrikam = "fabrikam.test. 900 SOA ns1.fabrikam.test. h.fabrikam.test. 1 7200 900 1209600 60"
    known = (
        alias,
        fabrikam,
        "fabrikam.test. 300 NS ns1.fabrikam.test.",
        "ns1.fabrikam.test. 300 A 127.0.0.4",
        *DELEGATION,
    )
    scripts = {MACHINE: machine(*known), FIRST: says(target), SECOND: says(target), "127.0.0.4": says(alias)}
    question = Question("www.fabrikam.test", "A")
    async with serve(scripts) as server:
        assert await ask(server, clock, question) == Present(("192.0.2.1",), 30, clock.time)
    assert server.asked["127.0.0.4", "www.fabrikam.test", "A"] == 1
    assert server.asked[FIRST, "www.contoso.test", "A"] == 1


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


async def test_the_total_time_is_a_hard_limit(zone, clock):
    async with zone(silent, silent) as server:
        found = await resolver(server, clock, Patience(query_s=60, total_s=0.1)).ask([MX])
    assert found == {MX: Unclear("no answer in 0.1 seconds", clock.time)}


# --- given servers ---------------------------------------------------------------------------------------------------


def given(server, clock):
    return Resolver(server.servers(), clock, patience=QUICK)


async def test_given_servers_are_asked_instead_and_may_be_caches(clock):
    async with serve({FIRST: says(FILTERED, aa=False), SECOND: GOOD}) as server:
        assert (await given(server, clock).ask([MX], every_server=True))[MX].values == FOUND
    assert server.asked.total() == 2
    assert server.wanted_recursion == {FIRST, SECOND}


async def test_given_servers_are_compared(clock):
    async with serve({FIRST: says(DIRECT, aa=False), SECOND: GOOD}) as server:
        assert "servers disagree" in (await given(server, clock).ask([MX]))[MX].reason


async def test_a_cache_proves_absence_with_the_zones_soa_only(clock):
    async with serve({FIRST: says(aa=False, soa=SOA)}) as server:
        assert isinstance((await given(server, clock).ask([MX]))[MX], Absent)
    async with serve({FIRST: referring("test. 300 NS a.nic.test.")}) as server:
        assert "refers to other servers" in (await given(server, clock).ask([MX]))[MX].reason


# --- kept answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [GOOD, says(soa=SOA)], ids=["records", "absence"])
async def test_an_answer_is_kept_for_its_time_to_live(clock, script):
    async with serve({FIRST: script}) as server:
        resolver = given(server, clock)
        before = (await resolver.ask([MX]))[MX]
        clock.advance(20)
        kept = (await resolver.ask([MX]))[MX]
        assert resolver.queries == 1
        assert (kept.ttl_s, kept.at) == (before.ttl_s - 20, before.at)
        clock.advance(before.ttl_s)
        await resolver.ask([MX])
        assert resolver.queries == 2


async def test_no_answer_is_kept_longer_than_between_two_sweeps(clock):
    async with serve({FIRST: says("contoso.test. 86400 MX 0 .")}) as server:
        resolver = given(server, clock)
        await resolver.ask([MX])
        clock.advance(601)
        await resolver.ask([MX])
        assert resolver.queries == 2


async def test_an_unclear_answer_is_not_kept(clock):
    async with serve({FIRST: says(rcode=dns.rcode.SERVFAIL)}) as server:
        resolver = given(server, clock)
        await resolver.ask([MX])
        server.scripts[FIRST] = GOOD
        assert (await resolver.ask([MX]))[MX].values == FOUND


async def test_a_fresh_look_passes_by_what_is_kept_and_replaces_it(clock):
    async with serve({FIRST: says(DIRECT)}) as server:
        resolver = given(server, clock)
        await resolver.ask([MX])
        server.scripts[FIRST] = GOOD
        assert (await resolver.ask([MX], fresh=True))[MX].values == FOUND
        assert (await resolver.ask([MX]))[MX].values == FOUND
        assert resolver.queries == 2


async def test_what_one_server_said_does_not_count_as_what_all_said(clock):
    async with serve({FIRST: GOOD, SECOND: silent}) as server:
        resolver = given(server, clock)
        assert isinstance((await resolver.ask([MX]))[MX], Present)
        assert isinstance((await resolver.ask([MX], every_server=True))[MX], Unclear)


async def test_the_same_question_from_many_at_once_is_asked_once(zone, clock):
    async with zone(GOOD) as server:
        shared = resolver(server, clock)
        answers = await asyncio.gather(*(shared.ask([MX, Question("contoso.test", "TXT")]) for _ in range(10)))
        assert all(answer == answers[0] for answer in answers)
    assert shared.queries == server.asked.total() == 8
    assert max(server.asked.values()) == 1


async def test_one_who_gives_up_ends_the_look_up_for_nobody_else(zone, clock):
    async with zone(over_tcp_only(GOOD)) as server:
        shared = resolver(server, clock)
        impatient, patient = asyncio.create_task(shared.ask([MX])), asyncio.create_task(shared.ask([MX]))
        while not shared.queries:
            await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient)[MX].values == FOUND


async def test_the_way_to_a_zone_is_kept_for_its_other_names(zone, clock):
    async with zone(GOOD) as server:
        shared = resolver(server, clock)
        await shared.ask([MX])
        before = server.asked[MACHINE, "contoso.test", "NS"]
        await shared.ask([Question("_dmarc.contoso.test", "TXT")])
        assert server.asked[MACHINE, "contoso.test", "NS"] == before == 1
