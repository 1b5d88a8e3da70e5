import pytest

from tests.clients.resolver.scripted import over_tcp_only, truncating
from tests.clients.resolver.zones import (
    FIRST,
    FOUND,
    GOOD,
    MX,
    SECOND,
    ask,
    resolver,
)


@pytest.mark.parametrize("working", [truncating(GOOD), over_tcp_only(GOOD)], ids=["truncated", "udp_lost"])
async def test_tcp_is_tried_where_udp_does_not_do(zone, clock, working):
    async with zone(working) as server:
        assert (await ask(server, clock, every_server=True)).values == FOUND


async def test_a_forged_reply_does_not_keep_the_true_one_out(zone, clock):
    async with zone(GOOD) as server:
        server.forged = {FIRST, SECOND}
        shared = resolver(server, clock)
        assert (await shared.ask([MX], every_server=True))[MX].values == FOUND
    assert shared.queries == 10
