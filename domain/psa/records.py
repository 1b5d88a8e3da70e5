"""Rows about tickets: which ticket a cause has, what it was told, and who asked for what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import AwareDatetime

from domain.pauses import doubling
from domain.psa.desk import Action, TicketSystem


@dataclass(frozen=True, slots=True)
class CauseTicket:
    """The ticket of one cause of one tenant.

    *status*: what it had when we last left it, so that one that somebody has taken over is known. *plan*: the plan that
    note *plan_note* lists and waits for a yes. *armed*: true once the ticket was seen in a status that does not
    approve; only then does an approving status count. *posting*: ids of the ledger entries of a note that is being
    written: it may or may not be there. *noted*: those of the last one that is.
    """

    provider: TicketSystem
    ticket_id: str
    status: str = ""
    plan: str = ""
    plan_note: int = 0
    armed: bool = False
    posting: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    closed_at: AwareDatetime | None = None


FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)
MOST_REFUSALS = 10
"""With the pauses between them, about a day: Autotask answers 4xx to some of its own outages."""
MOST_FAILURES = 30
"""Of another kind: about a week."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A cause that its ticket system or a channel does not take.

    *tries*: how often it was tried; *due_at*: when it is again.
    """

    tries: int
    due_at: AwareDatetime

    @classmethod
    def after(cls, before: Self | None, now: datetime) -> Self:
        """After one more try that failed: each waits twice as long as the one before."""
        tries = before.tries + 1 if before else 1
        return cls(tries, now + doubling(FIRST_PAUSE, LONGEST_PAUSE, tries - 1))

    def given_up(self, *, refused: bool) -> bool:
        """Whether it is not tried any more. *refused*: the system says no, and is not merely failing."""
        return self.tries >= (MOST_REFUSALS if refused else MOST_FAILURES)


@dataclass(frozen=True, slots=True)
class Told:
    """How far a tenant's ledger has been told. *until*: all before it, less the overlap; *ids*: told within that.

    *not_taken*: the causes that the ticket system does not take.
    """

    until: AwareDatetime
    ids: tuple[str, ...] = ()
    not_taken: Mapping[str, NotTaken] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownTicket:
    """What a ticket showed when it was last read.

    *trigger*: the one it matched then; work starts only when a different one matches. *asked*: how often it asked.
    *asking*: what for, until that is on its way. *asked_by*: the agent of the MSP who set the status that asks; "" for
    anybody else, or where the system does not say. *tenant_id*, *cause*: where it is the ticket of a cause.
    """

    read_at: AwareDatetime
    trigger: str = ""
    asked: int = 0
    asking: Action | None = None
    asked_by: str = ""
    tenant_id: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class AskingTicket:
    """A ticket that asked for an operation, until it has its answer."""

    provider: TicketSystem
    ticket_id: str
    operation_id: str
    stage: Literal["asked", "running", "answering"] = "asked"


@dataclass(frozen=True, slots=True)
class Polled:
    """Until when a ticket system's changes have been looked through."""

    until: AwareDatetime
