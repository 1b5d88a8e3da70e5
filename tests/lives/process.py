"""Where effects leave the service's process, so that it can die, or be overtaken, before any one of them.

Nothing of the product is replaced: requests to Microsoft pass here on their way into the simulator, requests to the
storage account on their way out of the Azure SDK's transport. An effect is a request to Microsoft (but for a sign-in,
which leaves nothing behind) or a request to the storage account that writes.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol, cast

import httpx
import pytest
from azure.core.pipeline.transport import AioHttpTransport

from domain.jobs import QueueName
from simulator.tenant import Tenant
from tests.handlers.harness import Service


class Died(BaseException):
    """The process is gone. No `except Exception` of the product comes to its rescue."""


@dataclass
class Process:
    """The process of one delivery. Before its effect number *turn* (from 1; 0 is never) *fate* comes, or death."""

    turn: int = 0
    fate: Callable[[], Awaitable[object]] | None = None
    effects: int = 0
    dead: bool = False

    @property
    def at_its_turn(self) -> bool:
        """Whether what leaves now was held up by *fate*: it was decided on before."""
        return self.effects == self.turn

    async def effect(self) -> None:
        """What is about to leave the process leaves it, unless it is dead or dies now."""
        self.effects += 1
        if self.at_its_turn:
            if self.fate:
                await self._suffer(self.fate)
            else:
                self.dead = True
        self.live()

    @staticmethod
    async def _suffer(fate: Callable[[], Awaitable[object]]) -> None:
        """It is none of the process's own doing: no effect of *fate* is counted."""
        token = _RUNNING.set(None)
        try:
            await fate()
        finally:
            _RUNNING.reset(token)

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

type Microsoft = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Witness(Protocol):
    """Who stands at the door to Microsoft for a *tenant*, and lets *microsoft* answer a request of *process*."""

    tenant: Tenant

    async def answer(self, request: httpx.Request, microsoft: Microsoft, process: Process) -> httpx.Response: ...


_POST = re.compile(r"/(\w+)/messages\?")
_TEXT = re.compile(rb"<MessageText>(.*)</MessageText>", re.DOTALL)


class Message(NamedTuple):
    """A message that was put on a queue, in the hands of the test."""

    queue: QueueName
    body: bytes

    @property
    def put_back(self) -> bool:
        """Whether a worker left it for later."""
        return bool(json.loads(self.body)["attempt"])


def watch(service: Service, monkeypatch: pytest.MonkeyPatch, witness: Callable[[], Witness | None]) -> list[Message]:
    """Stand at both doors.

    Returns:
        The messages that were put on a queue; it grows as they come.
    """
    microsoft, leave = cast("Microsoft", service.microsoft.side_effect), AioHttpTransport.send
    posted: list[Message] = []

    async def to_microsoft(request: httpx.Request) -> httpx.Response:
        process, present = _RUNNING.get(), witness()
        if process is None or present is None or request.url.host == "login.microsoftonline.com":
            return await microsoft(request)
        await process.effect()
        return await present.answer(request, microsoft, process)

    async def to_storage(transport: AioHttpTransport, request: Any, **options: Any) -> Any:
        if process := _RUNNING.get():
            process.live()
            if request.method not in {"GET", "HEAD"}:
                await process.effect()
        response = await leave(transport, request, **options)
        if response.status_code == HTTPStatus.CREATED and (post := _POST.search(request.url)):
            [text] = _TEXT.findall(request.content)
            posted.append(Message(cast("QueueName", post[1]), unescape(text.decode()).encode()))
        return response

    service.microsoft.mock(side_effect=to_microsoft)
    monkeypatch.setattr(AioHttpTransport, "send", to_storage)
    return posted
