"""The Knot server that the tests and the demo start."""

import asyncio

import dns.asyncquery
import dns.exception
import dns.message
import pytest

from devhost.errors import StartError
from devhost.knot import knot
from tests.knot import zones


async def test_it_serves_while_the_block_runs_and_is_gone_afterwards():
    query = dns.message.make_query("contoso.test", "SOA")
    async with knot(zones()) as server:
        assert (await dns.asyncquery.udp(query, server.hosts[0], 5, server.port)).answer
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(server.hosts[0], server.port)


async def test_a_missing_knot_is_one_sentence_that_tells_how_to_install_it(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_args, **_how: None)
    with pytest.raises(StartError, match=r"^Knot DNS is missing: install it with apt-get install .* knot$"):
        async with knot(zones()):
            pass


async def test_a_zone_that_cannot_be_served_fails_with_what_knot_prints():
    with pytest.raises(StartError, match="nonsense"):
        async with knot({"nonsense.test": "this is no zone"}, start_s=0.5):
            pass
