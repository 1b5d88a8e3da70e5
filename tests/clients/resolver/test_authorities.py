import dns.rcode
import pytest

from clients.resolver import Timeouts
from domain.mail.answers import Absent, Present, Question, Unclear
from tests.clients.resolver.scripted import refers, says, serve, silent
from tests.clients.resolver.zones import (
    ABOVE,
    DELEGATION,
    DIRECT,
    FILTERED,
    FIRST,
    FOUND,
    GOOD,
    MACHINE,
    MX,
    NAMED_ABOVE,
    PARENT,
    SECOND,
    SOA,
    ask,
    machine,
    resolver,
)


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


async def test_a_name_server_whose_address_was_not_found_is_looked_for_again(zone, clock):
    async with zone(GOOD, known=DELEGATION[:-1]) as server:
        shared = resolver(server, clock)
        assert isinstance((await shared.ask([MX], every_server=True))[MX], Unclear)
        server.scripts[MACHINE] = machine(*DELEGATION, *ABOVE)
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


async def test_the_way_to_a_zone_is_kept_for_its_other_names(zone, clock):
    async with zone(GOOD) as server:
        shared = resolver(server, clock)
        await shared.ask([MX])
        before = server.asked[MACHINE, "contoso.test", "NS"]
        await shared.ask([Question("_dmarc.contoso.test", "TXT")])
        assert server.asked[MACHINE, "contoso.test", "NS"] == before == 1


DIRECTLY = DIRECT.split()[-1].rstrip(".")


def hosts_of(answer):
    """What single servers showed where there was no one answer."""
    return {value.host for shown in answer.shown for value in shown.values}


ONE = tuple(record for record in DELEGATION if "NS ns2" not in record)
"""The zone names its first server only."""
NS = Question("contoso.test", "NS")


def delegated(first, second, parent):
    return serve({MACHINE: machine(*ONE, *ABOVE), FIRST: first, SECOND: second, PARENT: parent})


async def test_a_server_that_only_the_parent_names_is_asked_as_well(clock):
    async with delegated(GOOD, says(DIRECT), refers(*NAMED_ABOVE)) as server:
        answer = await ask(server, clock)
    assert isinstance(answer, Unclear)
    assert "servers disagree" in answer.reason
    assert hosts_of(answer) == {FOUND[0].host, DIRECTLY}


async def test_the_servers_of_a_zone_are_those_it_names_and_those_its_parent_does(clock):
    own = says("contoso.test. 300 NS ns1.contoso.test.", soa=SOA)
    async with delegated(own, own, refers(*NAMED_ABOVE)) as server:
        answer = await ask(server, clock, NS)
    assert answer.values == ("ns1.contoso.test", "ns2.contoso.test")
    assert (answer.ttl_s, answer.longest_s) == (300, 172_800)


SAYS_NOTHING = {
    "silent": silent,
    "refuses": says(rcode=dns.rcode.REFUSED),
    "fails": says(rcode=dns.rcode.SERVFAIL, soa=ABOVE[0]),
    "refers up": refers(". 300 NS a.root-servers.net."),
    "is empty": says(),
    "is no authority": says(aa=False, soa=ABOVE[0]),
}
ALONE = "contoso.test. 300 NS ns1.contoso.test."


@pytest.fixture(params=list(SAYS_NOTHING))
def mute(request):
    """A server of the parent that does not say whom it names."""
    return SAYS_NOTHING[request.param]


async def test_where_the_parent_does_not_say_the_zones_servers_are_unclear(clock, mute):
    own = says(ALONE, soa=SOA)
    async with delegated(own, own, mute) as server:
        answer = await ask(server, clock, NS)
    assert isinstance(answer, Unclear)
    assert "which servers the parent of contoso.test names is unknown (the servers of test: ns.test: " in answer.reason


async def test_where_the_way_to_the_parent_is_not_found_they_are_unclear_too(clock):
    own = says(ALONE, soa=SOA)
    async with serve({MACHINE: machine(*ONE), FIRST: own}) as server:
        answer = await ask(server, clock, NS)
    assert isinstance(answer, Unclear)
    assert "shows no zone for test" in answer.reason


async def test_where_the_parent_does_not_say_not_every_server_was_asked(clock, mute):
    async with delegated(GOOD, silent, mute) as server:
        answer = await ask(server, clock, every_server=True)
        assert isinstance(answer, Unclear)
        assert "which servers the parent of contoso.test names is unknown" in answer.reason
        assert answer.shown == (Present(FOUND, 300, clock.time),)
        enough = await ask(server, clock)
        assert (enough.values, enough.whole) == (FOUND, False)


async def test_a_silent_parent_leaves_time_for_the_zones_own_servers(clock):
    async with delegated(GOOD, silent, silent) as server:
        shared = resolver(server, clock, Timeouts(query_s=60, total_s=4))
        assert "(no answer in 3 seconds)" in (await shared.ask([NS]))[NS].reason


async def test_a_parent_that_says_again_is_heard_at_the_next_question(clock, mute):
    own = says(ALONE, FILTERED, soa=SOA)
    async with delegated(own, own, mute) as server:
        shared = resolver(server, clock)
        await shared.ask([MX])
        server.scripts[PARENT] = refers(*NAMED_ABOVE)
        assert (await shared.ask([NS]))[NS].values == ("ns1.contoso.test", "ns2.contoso.test")


@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN])
async def test_a_parent_that_proves_that_it_delegates_nothing_names_nobody(clock, rcode):
    own = says(ALONE, FILTERED, soa=SOA)
    async with delegated(own, own, says(rcode=rcode, soa=ABOVE[0])) as server:
        assert (await ask(server, clock, NS)).values == ("ns1.contoso.test",)
        assert (await ask(server, clock, every_server=True)).whole


async def test_the_parent_of_a_top_level_domain_is_the_root(clock):
    root = (". 900 SOA a.root. h.root. 1 7200 900 1209600 60", ". 300 NS a.root.", f"a.root. 300 A {SECOND}")
    top, question = says(*ABOVE), Question("test", "NS")
    async with serve({MACHINE: machine(*ABOVE, *root), PARENT: top, SECOND: refers("test. 900 NS b.test.")}) as server:
        assert (await ask(server, clock, question)).values == ("b.test", "ns.test")


async def test_a_fresh_look_goes_by_the_delegation_of_this_moment(clock):
    own = says(ALONE, FILTERED, soa=SOA)
    async with delegated(own, own, refers(NAMED_ABOVE[0])) as server:
        shared = resolver(server, clock)
        await shared.ask([MX])
        server.scripts |= {PARENT: refers(NAMED_ABOVE[1]), SECOND: says(DIRECT)}
        clock.advance(1)
        answers = await shared.ask([MX, NS], every_server=True, fresh=True)
    assert "servers disagree" in answers[MX].reason
    assert server.asked[PARENT, "contoso.test", "NS"] == 2


async def test_a_zones_servers_that_disagree_on_who_they_are_are_unclear(clock):
    first, second = (says(f"contoso.test. 300 NS ns{n}.contoso.test.", soa=SOA) for n in (1, 2))
    async with delegated(first, second, refers(*NAMED_ABOVE)) as server:
        assert isinstance(await ask(server, clock, NS), Unclear)


async def test_behind_an_alias_an_answer_may_be_believed_for_both_times(zone, clock):
    alias = says("contoso.test. 3600 CNAME mail.contoso.test.", "mail.contoso.test. 60 MX 10 in.example.", soa=SOA)
    async with zone(alias, alias) as server:
        answer = await ask(server, clock)
    assert (answer.ttl_s, answer.longest_s) == (60, 3660)


@pytest.mark.parametrize(
    ("second", "named", "whole"),
    [(None, NAMED_ABOVE, True), (silent, NAMED_ABOVE, False), (None, (), False)],
    ids=["all", "one server silent", "parent says nothing"],
)
async def test_behind_an_alias_that_not_every_server_showed_an_answer_is_not_every_servers(clock, second, named, whole):
    alias = "mail.contoso.test. 60 CNAME in.fabrikam.test."
    soa = "fabrikam.test. 900 SOA ns.fabrikam.test. h.fabrikam.test. 1 7200 900 1209600 60"
    ns = "fabrikam.test. 300 NS ns.fabrikam.test."
    fabrikam = (soa, ns, "ns.fabrikam.test. 300 A 127.0.0.4")
    target = FILTERED.replace("contoso", "in.fabrikam", 1)
    scripts = {MACHINE: machine(*DELEGATION, *ABOVE, *fabrikam), FIRST: says(alias), SECOND: second or says(alias)}
    scripts |= {PARENT: refers(*named, ns), "127.0.0.4": says(target)}
    async with serve(scripts) as server:
        answer = await ask(server, clock, Question("mail.contoso.test", "MX"))
    assert (answer.values, answer.whole) == (FOUND, whole)


async def test_what_one_server_said_is_told_where_another_is_silent(zone, clock):
    async with zone(says(DIRECT), silent) as server:
        answer = await ask(server, clock, every_server=True)
    assert isinstance(answer, Unclear)
    assert hosts_of(answer) == {DIRECTLY}
