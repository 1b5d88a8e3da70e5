"""Rows about tickets: which ticket a cause has, what it was told, and who asked for what."""

from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime

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


@dataclass(frozen=True, slots=True)
class Told:
    """How far a tenant's ledger has been told. *until*: all before it, less the overlap; *ids*: told within that."""

    until: AwareDatetime
    ids: tuple[str, ...] = ()


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
