"""What a piece of work sends, seen by an httpx client's own event hooks and by the Azure SDK's own log."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx


class Span(Protocol):
    """Something that was under way from one time to another, both of `time.perf_counter`."""

    @property
    def started(self) -> float: ...

    @property
    def ended(self) -> float: ...


@dataclass(slots=True)
class Sent:
    """One request over the wire. Times are of `time.perf_counter`."""

    request: httpx.Request
    started: float
    response: httpx.Response | None = None

    @property
    def service(self) -> str:
        """`login`, `exchange` or `compliance`: the simulator has each under a path of its own."""
        return self.request.url.path.split("/")[1].partition("-")[0]

    @property
    def elapsed_s(self) -> float:
        """Seconds until the last byte of the answer.

        Raises:
            RuntimeError: There was none.
        """
        if self.response is None:
            raise RuntimeError(f"{self.request.url.path} was not answered")
        return self.response.elapsed.total_seconds()

    @property
    def ended(self) -> float:
        return self.started + self.elapsed_s


@contextmanager
def watched(web: httpx.AsyncClient) -> Iterator[list[Sent]]:
    """Every request that *web* sends in the block, tries that failed included."""
    sent: list[Sent] = []

    async def on_request(request: httpx.Request) -> None:
        sent.append(Sent(request, time.perf_counter()))

    async def on_response(response: httpx.Response) -> None:
        next(each for each in sent if each.request is response.request).response = response

    before = web.event_hooks
    web.event_hooks = {"request": [on_request], "response": [on_response]}
    try:
        yield sent
    finally:
        web.event_hooks = before


def round_trips(spans: Iterable[Span]) -> int:
    """How many had to wait for one another: the longest chain in which each began after the last had ended."""
    trips, free_at = 0, 0.0
    for each in sorted(spans, key=lambda each: each.ended):
        if each.started >= free_at:
            trips, free_at = trips + 1, each.ended
    return trips


class _Counter(logging.Handler):
    """Counts the requests in the Azure SDK's log: HttpLoggingPolicy writes one `Request URL` for each."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.requests += record.getMessage().startswith("Request URL")


@contextmanager
def storage_counted() -> Iterator[_Counter]:
    """The requests that Azure's clients send in the block."""
    log, counter = logging.getLogger("azure.core.pipeline.policies.http_logging_policy"), _Counter()
    level, passed_on = log.level, log.propagate
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(counter)
    try:
        yield counter
    finally:
        log.removeHandler(counter)
        log.propagate = passed_on
        log.setLevel(level)
