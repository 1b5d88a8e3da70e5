"""Where effects leave the service's process, so that it can die, or be overtaken, before any one of them.

Nothing of the product is replaced: requests to Microsoft pass here on their way into the simulator, requests to the
storage account on their way out of the Azure SDK's transport. An effect is a request to Microsoft (but for a sign-in,
which leaves nothing behind) or a request to the storage account that writes.
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import httpx
import pytest
from azure.core.pipeline.transport import AioHttpTransport

from tests.service.harness import Service


class Died(BaseException):
    """The process is gone. No `except Exception` of the product comes to its rescue."""


@dataclass
class Process:
    """The process of one delivery. Before its effect number *turn* (from 1; 0 is never) *fate* comes to it."""

    turn: int = 0
    fate: Callable[[], Awaitable[None]] | None = None
    effects: int = 0
    dead: bool = False

    async def effect(self) -> None:
        """What is about to leave the process leaves it, unless it is dead or dies now."""
        self.effects += 1
        if self.effects == self.turn:
            if self.fate:
                await self.fate()
            else:
                self.dead = True
        self.live()

    def live(self) -> None:
        if self.dead:
            raise Died

    @contextmanager
    def running(self) -> Iterator[None]:
        """Everything that the block begins belongs to this process."""
        token = _RUNNING.set(self)
        try:
            yield
        finally:
            _RUNNING.reset(token)


_RUNNING: ContextVar[Process | None] = ContextVar("_RUNNING", default=None)

_POST = re.compile(r"/(\w+)/messages\?.*visibilitytimeout=(\d+)")
_RECEIPT = re.compile(r"<MessageId>(.+?)</MessageId>.*<PopReceipt>(.+?)</PopReceipt>", re.DOTALL)


class Posted(NamedTuple):
    """A message that was put on a queue. *hidden*: for later; its id and receipt make it visible before its time."""

    queue: str
    hidden: bool
    message_id: str
    receipt: str


type Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]


def watch(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[httpx.Request, Answer], Awaitable[httpx.Response]],
) -> list[Posted]:
    """Stand at both doors. *answer* gets every request to Microsoft, and the simulator that will answer it.

    Returns:
        The messages that were put on a queue; it grows as they come.
    """
    arrive, leave = cast("Answer", service.microsoft.side_effect), AioHttpTransport.send
    posted: list[Posted] = []

    async def to_microsoft(request: httpx.Request) -> httpx.Response:
        process = _RUNNING.get()
        if process is None or request.url.host == "login.microsoftonline.com":
            return await arrive(request)
        await process.effect()
        return await answer(request, arrive)

    async def to_storage(transport: AioHttpTransport, request: Any, **options: Any) -> Any:
        if process := _RUNNING.get():
            process.live()
            if request.method not in {"GET", "HEAD"}:
                await process.effect()
        response = await leave(transport, request, **options)
        if request.method == "POST" and (post := _POST.search(request.url)):
            message_id, receipt = _RECEIPT.findall(response.text())[0]
            posted.append(Posted(post[1], post[2] != "0", message_id, receipt))
        return response

    service.microsoft.mock(side_effect=to_microsoft)
    monkeypatch.setattr(AioHttpTransport, "send", to_storage)
    return posted
