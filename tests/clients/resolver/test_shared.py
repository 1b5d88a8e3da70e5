import asyncio

from domain.mail.answers import Question
from tests.clients.resolver.scripted import over_tcp_only
from tests.clients.resolver.zones import (
    FOUND,
    GOOD,
    MX,
    resolver,
)


async def test_the_same_question_from_many_at_once_is_asked_once(zone, clock):
    async with zone(GOOD) as server:
        shared = resolver(server, clock)
        answers = await asyncio.gather(*(shared.ask([MX, Question("contoso.test", "TXT")]) for _ in range(10)))
        assert all(answer == answers[0] for answer in answers)
    assert shared.queries == server.asked.total() == 12
    assert max(server.asked.values()) == 1


async def test_one_who_gives_up_ends_the_look_up_for_nobody_else(zone, clock):
    async with zone(over_tcp_only(GOOD)) as server:
        shared = resolver(server, clock)
        impatient, patient = asyncio.create_task(shared.ask([MX])), asyncio.create_task(shared.ask([MX]))
        while not shared.queries:
            await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient)[MX].values == FOUND
