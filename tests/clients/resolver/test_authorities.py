import dns.rcode
import pytest

from domain.mail.answers import Absent, Present, Question, Unclear
from tests.clients.resolver.scripted import says, serve, silent
from tests.clients.resolver.zones import (
    DELEGATION,
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
