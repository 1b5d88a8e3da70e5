"""A DNS relay between the product and the simulated zones, which sees when each question was under way."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import cast

_LOOPBACK = "127.0.0.1"
_PATIENCE_S = 5.0
_LARGEST_BYTES = 65_535

type Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, from its arrival at the relay until its answer left. Times are of `time.perf_counter`."""

    started: float
    ended: float


class Relay(asyncio.DatagramProtocol):
    """Passes UDP messages on, *delay_s* later. Over TCP, which only truncated answers need, nothing answers."""

    def __init__(self, upstream: Address) -> None:
        self.delay_s = 0.0
        self.upstream = upstream
        self._asked: list[Asked] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport

    @contextmanager
    def watched(self) -> Iterator[list[Asked]]:
        """Every question that is answered in the block."""
        self._asked = []
        yield self._asked

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        task = asyncio.create_task(self._pass_on(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, question: bytes, sender: Address) -> None:
        started = time.perf_counter()
        await asyncio.sleep(self.delay_s)
        self._transport.sendto(await _answer(question, self.upstream), sender)
        self._asked.append(Asked(started, time.perf_counter()))


@asynccontextmanager
async def relay(upstream: str) -> AsyncIterator[tuple[Relay, str]]:
    """Run a relay before *upstream* while the block runs. Addresses, also the one given, are `host:port`."""
    host, _, port = upstream.rpartition(":")
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Relay((host, int(port))), local_addr=(_LOOPBACK, 0)
    )
    try:
        yield protocol, "{}:{}".format(*transport.get_extra_info("sockname"))
    finally:
        transport.close()


async def _answer(question: bytes, server: Address) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0)
        async with asyncio.timeout(_PATIENCE_S):
            await loop.sock_connect(udp, server)
            await loop.sock_sendall(udp, question)
            return await loop.sock_recv(udp, _LARGEST_BYTES)
