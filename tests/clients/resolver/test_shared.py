import asyncio

import pytest

from clients.resolver import Patience, Resolver
from domain.mail.answers import Mx, Question
from tests.clients.resolver.scripted import over_tcp_only, says, serve

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


GOOD = says(FILTERED, soa=SOA)


FOUND = (Mx(10, "inbound30.exchangedefender.com"),)


QUICK = Patience(query_s=0.1, total_s=5)


def machine(*records):
    """The machine's own resolver: not authoritative, and it shows the SOA of the zone for names without their own."""
    return says(*records, aa=False, soa=SOA)


def resolver(server, clock, patience=QUICK):
    return Resolver((), clock, recursive=((MACHINE, server.port),), port=server.port, patience=patience)


@pytest.fixture
def zone():
    """Serves contoso.test from two servers, the first as told."""
    return lambda first, second=GOOD, known=DELEGATION: serve({MACHINE: machine(*known), FIRST: first, SECOND: second})


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
