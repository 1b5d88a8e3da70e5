"""What one piece of work on one tenant may still ask of a service that has turned it away.

A tenant that is throttled at one service costs it at most MOST_REQUESTS more; then the tenant rests there, which every
worker sees (table `states`), and its other services go on. So it does where a service refuses us for long (401, 403)
or gives no answer in two pieces of work in a row, and where Entra knows no such tenant any more. The restraint in force
follows the context of the work, since the retries are far below the code that knows the tenant.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from clients.errors import CredentialRefused, Forbidden, NotLicensed, TenantGone, Throttled, Unauthorised, Unreachable
from domain.rests import Rest, next_refusal, next_rest, next_silence

MOST_REQUESTS = 4
"""Requests of one piece of work to a service that turns it away."""


class Resting(Throttled):
    """Not asked, or not any more: the tenant rests at this service."""

    def __init__(self, rest: Rest, now: datetime) -> None:
        super().__init__(rest.sentence, retry_after_s=(rest.until - now).total_seconds())
        self.rest = rest


class Restraint:
    """Keeps count for one tenant. *rests*: those that hold or lately held, by service.

    *way_out*: a person opens the tenant, which is tried although it rests.
    """

    def __init__(self, tenant_id: str, rests: Mapping[str, Rest], *, way_out: bool = False) -> None:
        self._tenant_id = tenant_id
        self._way_out = way_out
        self._rests = dict(rests)
        self._sent: Counter[str] = Counter()
        self._busy: dict[str, float | None] = {}
        self.gone: TenantGone | None = None
        """What Entra said of the tenant to this work, where it knows none of that id."""
        self.begun: dict[str, Rest] = {}
        """The rests that this work began, by service."""
        self.ended: set[str] = set()
        """The services that refused us before, and do not any more."""

    def holding(self, now: datetime) -> dict[str, Rest]:
        """The rests that hold, by service."""
        return {service: rest for service, rest in self._rests.items() if rest.holds_at(now)}

    def admit(self, service: str, now: datetime) -> None:
        """Count a request that is about to be sent. Raises Resting where it should not be."""
        self.spare(service, now)
        if service in self._busy and self._sent[service] >= MOST_REQUESTS:
            raise self.rested(service, self._busy[service], now)
        self._sent[service] += 1

    def spare(self, service: str, now: datetime) -> None:
        """Raise Resting where the tenant rests at *service*."""
        rest = self._rests.get(service)
        if rest and rest.holds_at(now) and not self._way_out:
            raise Resting(rest, now)

    def refused(self, service: str, refusal: Unauthorised | Forbidden, now: datetime) -> None:
        """Note that *service* refuses us, whatever is asked there of the tenant. Raises Resting once that persists."""
        why = refusal.with_remedy
        rest = next_refusal(self._rests.get(service), why, now, self._tenant_id)
        self._begin(service, rest)
        if rest.holds_at(now):
            raise Resting(rest, now) from refusal

    def accepted(self, service: str) -> None:
        """Note that *service* takes us: a refusal before is over."""
        before = self._rests.get(service)
        if before and before.refused_since:
            self._end(service)

    def silent(self, service: str, lost: Unreachable, now: datetime) -> None:
        """Note that *service* gave no answer, once. Raises Resting if it gave none to the work before this, either."""
        before = self._rests.get(service)
        rest = before if service in self.begun else next_silence(before, lost.sentence, now, self._tenant_id)
        if rest and rest != before:
            self._begin(service, rest)
        if rest and rest.silent and rest.holds_at(now) and not self._way_out:
            raise Resting(rest, now) from lost

    def answered(self, service: str) -> None:
        """Note that *service* answers: that it gave none before is over."""
        before = self._rests.get(service)
        if before and before.silent:
            self._end(service)

    def turned_away(self, service: str, wait_s: float | None) -> None:
        """Note that an answer asked to come back later, in *wait_s* if it said when."""
        self._busy[service] = max(wait_s or 0.0, self._busy.get(service) or 0.0) or None

    def rested(self, service: str, wait_s: float | None, now: datetime) -> Resting:
        """Begin the tenant's rest at *service*, unless it has begun. Returns the error that says so."""
        before = self._rests.get(service)
        if before is None or not before.holds_at(now):
            wait = timedelta(seconds=wait_s) if wait_s else None
            before = self._begin(service, next_rest(before, wait, now, self._tenant_id))
        return Resting(before, now)

    def _begin(self, service: str, rest: Rest) -> Rest:
        self.ended.discard(service)
        self.begun[service] = self._rests[service] = rest
        return rest

    def _end(self, service: str) -> None:
        del self._rests[service]
        self.begun.pop(service, None)
        self.ended.add(service)


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


@contextmanager
def heeding(service: str, now: Callable[[], datetime], *, proves: bool = True) -> Iterator[None]:
    """Ask *service* inside unless the tenant rests there; how that ends says whether we are refused there.

    For what only a refusal of all that we ask there can end: not for one cmdlet of many, which may lack its own role.
    *proves*: that it ends well shows that the service takes us; a token alone does not.

    Raises:
        Resting: The tenant rests there; nothing was asked.
    """
    restraint = current()
    if restraint is None:
        yield
        return
    restraint.spare(service, now())
    try:
        yield
    except (CredentialRefused, NotLicensed, TenantGone):
        raise  # not the service's doing, no refusal, and told where the token is asked for
    except (Unauthorised, Forbidden) as refusal:
        restraint.refused(service, refusal, now())
        raise
    if proves:
        restraint.accepted(service)


LOGIN = "login"
"""The service that gives the tokens: where it knows no such tenant, all others are out of reach."""


@contextmanager
def knowing_the_tenant(now: Callable[[], datetime]) -> Iterator[None]:
    """Ask Entra for a token inside, unless it has said of late that there is no such tenant.

    Raises:
        Resting: It said so for long, and is not asked.
        TenantGone: It said so before in this work, and is not asked again.
    """
    restraint = current()
    if restraint is None:
        yield
        return
    restraint.spare(LOGIN, now())
    if restraint.gone:
        raise restraint.gone
    try:
        yield
    except TenantGone as gone:
        first, restraint.gone = restraint.gone is None, gone
        if first:
            restraint.refused(LOGIN, gone, now())
        restraint.spare(LOGIN, now())  # asked beside the first, it says the same
        raise
    restraint.accepted(LOGIN)
