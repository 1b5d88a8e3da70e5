"""What a brake must stop is sent within seconds of asking it, or cut; what was sent is waited for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import respx

from clients import dispatch
from clients.errors import Unreachable
from clients.http import Answer, Http, Intent, Request, make_client, utc_now
from tests.clients.conftest import allowed

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

URL = "https://outlook.office365.com/"


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    """A host on this machine. Gives its address."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield "{}:{}".format(*listening.sockets[0].getsockname())
    finally:
        listening.close()
        await listening.wait_closed()


async def write(url: str, *, permitted_at: float, content: bytes = b"{}") -> Answer:
    async with make_client() as web:
        request = Request("POST", url, Intent.SET, content=content, permitted_at=permitted_at)
        return await Http(web, now=utc_now).send(request, lambda answer: answer)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moments come at once, so that no test waits for them."""
    monkeypatch.setattr(dispatch, "BEGUN_WITHIN_S", 0.2)
    monkeypatch.setattr(dispatch, "SENT_WITHIN_S", 0.4)


@pytest.mark.usefixtures("soon")
async def test_a_connection_that_does_not_come_about_in_time_carries_no_write_and_is_closed():
    heard = asyncio.Event()

    async def never_shakes_hands(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            heard.set()

    async with server(never_shakes_hands) as address:
        with pytest.raises(Unreachable, match="after the brake was read") as silence:
            await write(f"https://{address}/", permitted_at=await allowed())
    assert heard.is_set()
    assert not silence.value.sent


async def test_a_permit_that_is_too_old_by_the_time_it_comes_sends_nothing():
    heard = asyncio.Event()

    async def listens(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        if await reader.read(1024):
            heard.set()

    async with server(listens) as address:
        with pytest.raises(Unreachable):
            await write(f"http://{address}/", permitted_at=await allowed() - dispatch.BEGUN_WITHIN_S)
    assert not heard.is_set()


@pytest.mark.usefixtures("soon")
async def test_a_request_whose_last_byte_does_not_leave_in_time_is_cut_and_counts_as_lost():
    closed = asyncio.Event()

    async def reads_the_beginning(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await closed.wait()

    async with server(reads_the_beginning) as address:
        with pytest.raises(Unreachable, match="after the brake was read") as silence:
            await write(f"http://{address}/", permitted_at=await allowed(), content=bytes(64 * 1024 * 1024))
        closed.set()
    assert silence.value.sent


@pytest.mark.usefixtures("soon")
async def test_what_was_sent_is_waited_for_however_long_the_service_takes():
    async def answers_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        await asyncio.sleep(2 * dispatch.SENT_WITHIN_S)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with server(answers_late) as address:
        answer = await write(f"http://{address}/", permitted_at=await allowed())
    assert answer.status == 200


async def test_what_was_sent_and_not_answered_is_lost():
    async def hangs_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")

    async with server(hangs_up) as address:
        with pytest.raises(Unreachable) as silence:
            await write(f"http://{address}/", permitted_at=await allowed())
    assert silence.value.sent


@pytest.mark.usefixtures("soon")
async def test_a_transport_that_does_not_tell_how_far_it_is_may_have_sent_all(router: respx.MockRouter):
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    router.post(URL).mock(side_effect=never)
    with pytest.raises(Unreachable) as silence:
        await write(URL, permitted_at=await allowed())
    assert silence.value.sent
