"""What is remembered of tickets: which cause has which, what was told, who asked for what."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.psa.desk import Action, Provider


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class CauseTicket(_Record):
    """The ticket of one cause of one tenant.

    *status*: what it had when we last left it, so that one that somebody has taken over is known. *plan*: the plan that
    note *plan_note* lists and waits for a yes. *armed*: the ticket's status was seen to be no approval since then.
    *posting*: ids of the ledger entries of a note that is being written: it may or may not be there. *noted*: those of
    the last one that is.
    """

    provider: Provider
    ticket_id: str
    status: str = ""
    plan: str = ""
    plan_note: int = 0
    armed: bool = False
    posting: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    closed_at: AwareDatetime | None = None


class Told(_Record):
    """How far a tenant's ledger has been told. *until*: all before it, less the overlap; *ids*: told within that."""

    until: AwareDatetime
    ids: tuple[str, ...] = ()


class Known(_Record):
    """What a ticket showed when it was last read. *trigger*: the one it fitted then, so that only a change asks.

    *asked*: how often it asked. *asking*: what for, until that is on its way. *tenant_id*, *cause*: where it is the
    ticket of a cause.
    """

    read_at: AwareDatetime
    trigger: str = ""
    asked: int = 0
    asking: Action | None = None
    tenant_id: str = ""
    cause: str = ""


class Ask(_Record):
    """A ticket that asked for an operation, until it has its answer."""

    provider: Provider
    ticket_id: str
    operation_id: str
    stage: Literal["asked", "running", "answering"] = "asked"


class Polled(_Record):
    """Until when a ticket system's changes have been looked through."""

    until: AwareDatetime
