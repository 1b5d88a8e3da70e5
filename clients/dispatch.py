"""A permitted write goes out at once or not at all: what a person stops must be stopped within seconds.

The permit's moment is when the brake was read. The first byte of the request follows within BEGUN_WITHIN_S, its last
one within SENT_WITHIN_S; an answer is then waited for as long as the service may take.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

BEGUN_WITHIN_S = 2.0
"""From the permit's moment to the first byte: a place in the pool, TCP and TLS."""
SENT_WITHIN_S = 5.0
"""From the permit's moment to the last byte."""


class Closable(Protocol):
    """A connection of the transport's."""

    async def aclose(self) -> None: ...


class Overdue(Exception):  # noqa: N818 - an outcome, not a fault
    """The request did not leave in time and was cut. *begun*: some of its body may have left."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__(f"not sent within {SENT_WITHIN_S if begun else BEGUN_WITHIN_S:g} s after the brake was read")
        self.begun = begun


class Dispatch:
    """Holds one request to its moments. *permitted_at*: by the event loop's clock; None for what needs no permit.

    `trace` is told by the transport (httpx's extension of that name) how far the request is. One that tells nothing may
    have sent all of it.
    """

    def __init__(self, permitted_at: float | None) -> None:
        self._permitted_at = permitted_at
        self._limit = asyncio.timeout_at(None if permitted_at is None else permitted_at + BEGUN_WITHIN_S)
        self._told = self._begun = False
        self._stream: Closable | None = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note that *event* has come (httpcore's names: `http11.send_request_body.complete`)."""
        self._told = True
        if event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]
        if self._permitted_at is None or self._limit.expired():
            return
        match event.partition(".")[2]:
            case "send_request_headers.started":
                self._limit.reschedule(self._permitted_at + SENT_WITHIN_S)
            case "send_request_body.started":
                self._begun = True
            case "send_request_body.complete" | "send_request_body.failed":
                self._limit.reschedule(None)
            case _:
                pass

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises Overdue in the place of what cut the request."""
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError as overdue:
            if self._stream:  # httpcore leaves a connection open whose handshake is cancelled
                await self._stream.aclose()
            raise Overdue(begun=self._begun or not self._told) from overdue
