"""How one MSP wants its ticket system used: what asks for work, where tickets go, who may approve.

Ids are the PSA's own, kept as text: numbers in all three systems, but only names to us.

Source: docs/reference/psa.md#one-shape-for-three-systems.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

TicketSystem = Literal["connectwise", "autotask", "halopsa"]
"""The PSA systems whose tickets Holdfast reads and writes."""
Provider = Literal[TicketSystem, "standard"]
"""Who may send a webhook: a PSA system, or any sender that signs as Standard Webhooks says."""
type Action = Literal["check", "reprovision"]


def _text(value: object) -> object:
    """An id may be written as a number: it is one in the PSA's own pages."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


type Id = Annotated[str, BeforeValidator(_text)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Trigger(_Part):
    """Which tickets ask for *action*, once, when they come to fit. "" fits any.

    *container*: board (ConnectWise), queue (Autotask), team (HaloPSA). *type*: type, issue type, ticket type.
    *subtype*: subtype, sub-issue type, category. *fields*: custom fields and the value each must have.
    """

    action: Action
    container: Id = ""
    type: Id = ""
    subtype: Id = ""
    statuses: Annotated[tuple[Id, ...], Field(min_length=1)]
    fields: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The same for the same trigger, so that a ticket that fits it already does not ask again."""
        return self.model_dump_json()


class Placement(_Part):
    """Where a new ticket goes; what is "" the PSA decides. The priority is given at creation only."""

    container: Id = ""
    type: Id = ""
    subtype: Id = ""
    status: Id = ""
    priority: Id = ""


class Outcomes(_Part):
    """Statuses given to the ticket that asked for work; "" leaves its status alone."""

    running: Id = ""
    ok: Id = ""
    failed: Id = ""


class Closing(_Part):
    """What becomes of a ticket of ours when its cause is gone.

    *status*: given then; "" leaves the ticket open, with a note. *reopen_days*: a cause that comes back so soon after
    its ticket was closed reopens it with *reopen_status*; 0 makes a new ticket.
    """

    status: Id = ""
    reopen_days: Annotated[int, Field(ge=0, le=365)] = 0
    reopen_status: Id = ""

    @model_validator(mode="after")
    def _reopens_to_something(self) -> Self:
        if self.reopen_days and not self.reopen_status:
            raise ValueError("reopen_status is needed where reopen_days is set")
        return self


class ApprovalRules(_Part):
    """What a PSA user does on a ticket that lists a plan, to approve it: a status set, or a note of one such word."""

    statuses: tuple[Id, ...] = ()
    words: tuple[str, ...] = ()


class Desk(_Part):
    """All of it. *own_user*: the PSA's id of the API user we are, whose doings never count as anybody's."""

    own_user: Id = ""
    triggers: tuple[Trigger, ...] = ()
    placement: Placement = Placement()
    outcomes: Outcomes = Outcomes()
    closing: Closing = Closing()
    approval: ApprovalRules = ApprovalRules()

    @model_validator(mode="after")
    def _no_circle(self) -> Self:
        """What we set must not ask us again."""
        asking = {status for trigger in self.triggers for status in trigger.statuses}
        if both := asking.intersection(self.outcomes.model_dump().values()):
            raise ValueError(f"outcomes: status {min(both)} is also a trigger's")
        return self

    @model_validator(mode="after")
    def _nobody_approves_by_accident(self) -> Self:
        """Approval is somebody's deed: we must know ourselves, and never set what would count as it."""
        if not (self.approval.statuses or self.approval.words):
            return self
        if not self.own_user:
            raise ValueError("own_user is needed where tickets can approve")
        ours = {*self.outcomes.model_dump().values(), self.placement.status, self.closing.status}
        if both := ours.intersection(self.approval.statuses):
            raise ValueError(f"approval.statuses: {min(both)} is also a status that Holdfast sets")
        return self
