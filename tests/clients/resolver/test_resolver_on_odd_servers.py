"""The delegation followed, the zone's servers compared, and everything that servers do wrong."""

import dns.rcode
import pytest

from clients.resolver import Timeouts
from domain.mail.answers import Present, Unclear
from tests.clients.resolver.scripted import says, serve, silent
from tests.clients.resolver.zones import (
    DIRECT,
    FILTERED,
    FIRST,
    FOUND,
    GOOD,
    MX,
    SECOND,
    SOA,
    given,
    resolver,
)


async def test_the_total_time_is_a_hard_limit(zone, clock):
    async with zone(silent, silent) as server:
        found = await resolver(server, clock, Timeouts(query_s=60, total_s=0.1)).ask([MX])
    assert found == {MX: Unclear("no answer in 0.1 seconds", clock.time)}


async def test_given_servers_are_asked_instead_and_may_be_caches(clock):
    async with serve({FIRST: says(FILTERED, aa=False), SECOND: GOOD}) as server:
        assert (await given(server, clock).ask([MX], every_server=True))[MX].values == FOUND
    assert server.asked.total() == 2
    assert server.wanted_recursion == {FIRST, SECOND}


async def test_given_servers_are_compared(clock):
    async with serve({FIRST: says(DIRECT, aa=False), SECOND: GOOD}) as server:
        assert "servers disagree" in (await given(server, clock).ask([MX]))[MX].reason


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
