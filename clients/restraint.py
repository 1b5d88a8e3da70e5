"""What one piece of work on one tenant may still ask of a service that has turned it away.

A tenant that is throttled at one service costs it at most MOST_REQUESTS more; then the tenant rests there, which every
worker sees (table `fleet`), and its other services go on. The restraint in force follows the context of the work, since
the retries are far below the code that knows the tenant.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from clients.errors import Throttled
from domain.rests import Rest, next_rest

MOST_REQUESTS = 4
"""Requests of one piece of work to a service that turns it away."""


class Resting(Throttled):
    """Not asked, or not any more: the tenant rests at this service."""

    def __init__(self, rest: Rest, now: datetime) -> None:
        until = rest.until.isoformat(timespec="seconds").replace("+00:00", "Z")
        super().__init__(f"throttled until {until}", retry_after_s=(rest.until - now).total_seconds())


class Restraint:
    """Keeps count for one tenant. *rests*: those that hold or lately held, by service."""

    def __init__(self, tenant_id: str, rests: Mapping[str, Rest]) -> None:
        self._tenant_id = tenant_id
        self._rests = dict(rests)
        self._sent: Counter[str] = Counter()
        self._busy: dict[str, float | None] = {}
        self.begun: dict[str, Rest] = {}
        """The rests that this work began, by service."""

    def admit(self, service: str, now: datetime) -> None:
        """Count a request that is about to be sent. Raises Resting where it should not be."""
        rest = self._rests.get(service)
        if rest and rest.holds_at(now):
            raise Resting(rest, now)
        if service in self._busy and self._sent[service] >= MOST_REQUESTS:
            raise self.rested(service, self._busy[service], now)
        self._sent[service] += 1

    def turned_away(self, service: str, wait_s: float | None) -> None:
        """Note that an answer asked to come back later, in *wait_s* if it said when."""
        self._busy[service] = max(wait_s or 0.0, self._busy.get(service) or 0.0) or None

    def rested(self, service: str, wait_s: float | None, now: datetime) -> Resting:
        """Begin the tenant's rest at *service*, unless it has begun. Returns the error that says so."""
        before = self._rests.get(service)
        if before is None or not before.holds_at(now):
            wait = timedelta(seconds=wait_s) if wait_s else None
            before = self.begun[service] = self._rests[service] = next_rest(before, wait, now, self._tenant_id)
        return Resting(before, now)


_current: ContextVar[Restraint | None] = ContextVar("restraint", default=None)


def current() -> Restraint | None:
    """The restraint of the work that is going on, if it is on one tenant."""
    return _current.get()


@contextmanager
def in_force(restraint: Restraint) -> Iterator[None]:
    """Everything asked inside is counted by *restraint*."""
    token = _current.set(restraint)
    try:
        yield
    finally:
        _current.reset(token)
