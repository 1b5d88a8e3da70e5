"""How one MSP uses its ticket system: which tickets ask for work, where new tickets go, who may approve.

Ids are the PSA's own, kept as text, also where the system has numbers.

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
    """Where a new ticket goes; the PSA decides what is "". Holdfast sets the priority at creation only."""

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
    """How Holdfast closes its ticket when the cause is gone.

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
    """How a PSA user approves the plan that a ticket lists: one of these statuses, or a note of one of these words."""

    statuses: tuple[Id, ...] = ()
    words: tuple[str, ...] = ()


class Desk(_Part):
    """The whole desk. *own_user*: the PSA's id of our API user, whose changes never count as a person's."""

    own_user: Id = ""
    triggers: tuple[Trigger, ...] = ()
    placement: Placement = Placement()
    outcomes: Outcomes = Outcomes()
    closing: Closing = Closing()
    approval: ApprovalRules = ApprovalRules()

    @model_validator(mode="after")
    def _no_circle(self) -> Self:
        """A status that Holdfast sets must trigger nothing."""
        asking = {status for trigger in self.triggers for status in trigger.statuses}
        if both := asking.intersection(self.outcomes.model_dump().values()):
            raise ValueError(f"outcomes: status {min(both)} is also a trigger's")
        return self

    @model_validator(mode="after")
    def _nobody_approves_by_accident(self) -> Self:
        """Only a person approves: Holdfast must know its own user, and never set a status that approves."""
        if not (self.approval.statuses or self.approval.words):
            return self
        if not self.own_user:
            raise ValueError("own_user is needed where tickets can approve")
        ours = {*self.outcomes.model_dump().values(), self.placement.status, self.closing.status}
        if both := ours.intersection(self.approval.statuses):
            raise ValueError(f"approval.statuses: {min(both)} is also a status that Holdfast sets")
        return self
