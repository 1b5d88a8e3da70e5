"""What can go wrong when we talk to somebody else's API, and who acts on it.

* ClientError
  + Unreachable       no answer, or a gateway's instead of it       wait here, then the queue
  + Throttled         turned away undone: 429, 503                  wait here, then the queue
  + Refused           an answer that will not change by itself      a person; `remedy` says what to grant or run
    - Unauthorised    401, or no token: consent, app role
      . CredentialRefused  no token, whatever the tenant: our secret, certificate or managed identity
      . TenantGone         no token: Entra knows no such tenant
    - Forbidden       403: a role is missing, or not yet in force
      . NotLicensed   403: the tenant's plan does not have the service; nothing to grant
    - NotFound        404: the named object is not there
    - AlreadyExists   409, or the same in a cmdlet's words
    - Invalid         400: we asked for something that cannot be
    - NotYet          right, and too early: the service has not seen yet what it needs
    - NotCustomised   the tenant needs Enable-OrganizationCustomization first
  + Conflict          what we read has changed since; not written   read and plan again
  + Unreadable        an answer we do not understand                us
    - Garbled         not the JSON it should be: a gateway's page, a body cut short
    - Redirected      told to go elsewhere; no client follows with a token in hand

Messages carry method, path, status and request id. What the other side said is masked, then cut.
"""

# ruff: noqa: N818 - the names are the outcomes a caller matches on; "Error" behind each would say nothing more
from dataclasses import dataclass
from datetime import timedelta

from clients.secrets import masked

EXCERPT_LENGTH = 256
"""Characters of somebody else's text that may enter a message or a log."""


@dataclass(frozen=True, slots=True)
class Call:
    """Which request an error is about. *path* has no query, which may carry tokens; *status* None means no answer."""

    method: str
    path: str
    status: int | None = None
    request_id: str = ""

    def __str__(self) -> str:
        outcome = f" -> {self.status}" if self.status is not None else ""
        trace = f" (request-id {self.request_id})" if self.request_id else ""
        return f"{self.method} {self.path}{outcome}{trace}"


class ClientError(Exception):
    """A neighbour did not do what it was asked. *sentence* says what happened, *call* to which request."""

    def __init__(self, sentence: str, *, call: Call | None = None) -> None:
        self.sentence = excerpt(sentence) or "no reason given"
        self.call = call
        super().__init__(f"{call}: {self.sentence}" if call else self.sentence)

    @property
    def status(self) -> int | None:
        return self.call.status if self.call else None

    @property
    def pause(self) -> timedelta | None:
        """How long the other side asked us to wait; None if it did not."""
        return None

    @property
    def with_remedy(self) -> str:
        """What happened, and after it what mends it, where that is known."""
        return self.sentence


class Unreachable(ClientError):
    """No answer. *sent*: the request may have arrived, so a write may have been applied: read before deciding."""

    def __init__(self, sentence: str, *, call: Call | None = None, sent: bool) -> None:
        super().__init__(sentence, call=call)
        self.sent = sent


LONGEST_JOB_PAUSE = timedelta(hours=1)
"""A job comes back after so long whatever wait was named: that the tenant rests still, it finds without a request."""


class Throttled(ClientError):
    """Turned away undone. *retry_after_s*: seconds the other side asked us to wait, None if it did not say."""

    def __init__(self, sentence: str, *, call: Call | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(sentence, call=call)
        self.retry_after_s = retry_after_s

    @property
    def pause(self) -> timedelta | None:
        """How long a job waits for that, at most LONGEST_JOB_PAUSE; None if the other side did not say."""
        return min(timedelta(seconds=self.retry_after_s), LONGEST_JOB_PAUSE) if self.retry_after_s else None


class Refused(ClientError):
    """A no that stays a no until a person acts.

    *remedy* is one sentence, "" when nothing is known; *kind* the other side's name for the error (an exception type,
    an AADSTS code), "" when it gave none.
    """

    def __init__(self, sentence: str, *, call: Call | None = None, remedy: str = "", kind: str = "") -> None:
        super().__init__(sentence, call=call)
        self.remedy = remedy
        self.kind = kind

    @property
    def with_remedy(self) -> str:
        return " ".join(filter(None, (self.sentence, self.remedy)))


class Unauthorised(Refused):
    """Who we are was not accepted. *claims*: what a new token must carry (JSON text of the challenge), if asked for."""

    def __init__(
        self, sentence: str, *, call: Call | None = None, remedy: str = "", kind: str = "", claims: str | None = None
    ) -> None:
        super().__init__(sentence, call=call, remedy=remedy, kind=kind)
        self.claims = claims


class CredentialRefused(Unauthorised):
    """What we prove ourselves with is not accepted: no tenant's doing, and no tenant's to mend."""


class TenantGone(Unauthorised):
    """Entra knows no such tenant: it was deleted, is not available, or belongs to another cloud."""


class Forbidden(Refused):
    """We are known, and may not do this."""


class NotLicensed(Forbidden):
    """The tenant's plan does not have what was asked for: there is nothing to do, and nothing to grant."""


class NotFound(Refused):
    """The object we named is not there."""


class AlreadyExists(Refused):
    """An object of that name is there already: read, then set."""


class Invalid(Refused):
    """What we asked for cannot be: an unknown parameter, a value out of range."""


class NotYet(Refused):
    """What this needs is published, and the service has not looked yet: it will within days."""


class NotCustomised(Refused):
    """The tenant is "dehydrated": its organisation objects cannot be written yet."""


class Conflict(ClientError):
    """What a write was to change is no longer what was read. Nothing was written: read again, plan again."""


class Unreadable(ClientError):
    """An answer we do not understand. After a write: it may have been applied."""


class Garbled(Unreadable):
    """Not the JSON it should be. Gateways do this in passing, so a read may be repeated."""


class Redirected(Unreadable):
    """Told to go to *location*."""

    def __init__(self, sentence: str, *, call: Call | None = None, location: str) -> None:
        super().__init__(sentence, call=call)
        self.location = location


_ENOUGH = 64 * EXCERPT_LENGTH


def excerpt(text: str) -> str:
    """The first EXCERPT_LENGTH characters of *text* on one line, with tokens, secrets and assertions masked.

    Masked before it is cut, so that no half token slips through at the edge.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:_ENOUGH]).split())
    line = masked(line)
    return line if len(line) <= EXCERPT_LENGTH else line[: EXCERPT_LENGTH - 1] + "…"
