import dns.rcode
import pytest

from domain.mail.answers import Absent, Present, Question, Unclear
from tests.clients.resolver.scripted import refers, says, serve, silent
from tests.clients.resolver.zones import (
    DELEGATION,
    DIRECT,
    FIRST,
    FOUND,
    GOOD,
    MACHINE,
    MX,
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


PARENT = "127.0.0.5"
ABOVE = (
    "test. 900 SOA ns.test. hostmaster.test. 1 7200 900 1209600 60",
    "test. 300 NS ns.test.",
    f"ns.test. 300 A {PARENT}",
)
ONE = tuple(record for record in DELEGATION if "NS ns2" not in record)
"""The zone names its first server only."""
NAMED_ABOVE = ("contoso.test. 172800 NS ns1.contoso.test.", "contoso.test. 172800 NS ns2.contoso.test.")
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


@pytest.mark.parametrize("parent", [silent, says(rcode=dns.rcode.REFUSED)], ids=["silent", "refuses"])
async def test_where_the_parent_does_not_say_the_zones_own_records_count(clock, parent):
    own = says("contoso.test. 300 NS ns1.contoso.test.", soa=SOA)
    async with delegated(own, own, parent) as server:
        answer = await ask(server, clock, NS)
    assert (answer.values, answer.longest_s) == (("ns1.contoso.test",), 300)


async def test_a_zones_servers_that_disagree_on_who_they_are_are_unclear(clock):
    first, second = (says(f"contoso.test. 300 NS ns{n}.contoso.test.", soa=SOA) for n in (1, 2))
    async with delegated(first, second, refers(*NAMED_ABOVE)) as server:
        assert isinstance(await ask(server, clock, NS), Unclear)


async def test_behind_an_alias_an_answer_may_be_believed_for_both_times(zone, clock):
    alias = says("contoso.test. 3600 CNAME mail.contoso.test.", "mail.contoso.test. 60 MX 10 in.example.", soa=SOA)
    async with zone(alias, alias) as server:
        answer = await ask(server, clock)
    assert (answer.ttl_s, answer.longest_s) == (60, 3660)


async def test_what_one_server_said_is_told_where_another_is_silent(zone, clock):
    async with zone(says(DIRECT), silent) as server:
        answer = await ask(server, clock, every_server=True)
    assert isinstance(answer, Unclear)
    assert hosts_of(answer) == {DIRECTLY}
