"""Queue messages. They name what to look at, never what was seen, so late, doubled or reordered ones do no harm."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.controls import unknown
from domain.facts import Lane
from domain.profile import first_fault
from domain.psa.desk import Action, TicketSystem
from domain.tenant import TenantId

LARGEST_BYTES = 2048
"""Bytes of a message's body. A larger one is not ours."""


@dataclass(frozen=True, slots=True)
class Done:
    """The message's work has ended, well or not: it is deleted from the queue."""


@dataclass(frozen=True, slots=True)
class Again:
    """The same job is to be worked on once more, *after* at least this long."""

    after: timedelta


type Outcome = Done | Again
"""How the work on one message ended: all that a queue function tells the delivery."""


class Message(BaseModel):
    """What all messages have. *trace*: the W3C traceparent of what led to it. *due_at*: when it was to be worked on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    attempt: Annotated[int, Field(ge=0, le=1000)] = 0
    trace: Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")] | None = None
    due_at: AwareDatetime | None = None

    @property
    def body(self) -> str:
        return self.model_dump_json(exclude_none=True)

    def again(self) -> Self:
        """The same job, once more: for waits that belong to the queue."""
        return self.model_copy(update={"attempt": self.attempt + 1})


class _Job(Message):
    tenant_id: TenantId
    operation_id: str | None = None


class CheckTenant(_Job):
    """Look at one tenant: the controls of a lane, or those named; no lane and none named means all."""

    kind: Literal["check"] = "check"
    lane: Lane | None = None
    controls: tuple[str, ...] = ()


class RemediateTenant(_Job):
    """Bring the named controls of one tenant to their wanted state. *requested_by*: the person who asked, if any.

    *plan*: the hash of the only plan that the person approved. *undo*: the ledger entry to undo instead.
    """

    kind: Literal["remediate"] = "remediate"
    controls: Annotated[tuple[str, ...], Field(min_length=1)]
    requested_by: str | None = None
    asked_at: AwareDatetime | None = None
    dry_run: bool = False
    plan: str | None = None
    undo: str | None = None


class Notify(Message):
    """Tell the ticket system what is not told yet of one tenant; what had happened by *asked_at* is then told."""

    kind: Literal["notify"] = "notify"
    tenant_id: TenantId
    asked_at: AwareDatetime


class TriageAlerts(Message):
    """Look at the Defender alerts of one tenant."""

    kind: Literal["alerts"] = "alerts"
    tenant_id: TenantId


class ReadAudit(Message):
    """Read on in the audit feed of one tenant."""

    kind: Literal["audit"] = "audit"
    tenant_id: TenantId


type TicketId = Annotated[str, Field(pattern=r"^[0-9]{1,100}$")]


class ReadTicket(Message):
    """Look at one ticket of a PSA system; what it showed by *asked_at* is then known."""

    kind: Literal["ticket"] = "ticket"
    provider: TicketSystem
    ticket_id: TicketId
    asked_at: AwareDatetime


class TicketRequest(Message):
    """What a Standard Webhooks sender asked for, under its message's id (hashed): there is no ticket to be read."""

    kind: Literal["request"] = "request"
    event: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    action: Action
    company_id: Annotated[str, Field(min_length=1, max_length=100)]
    ticket_id: Annotated[str, Field(max_length=100)] = ""
    asked_at: AwareDatetime


type Job = Annotated[
    CheckTenant | RemediateTenant | TriageAlerts | ReadAudit | Notify | ReadTicket | TicketRequest,
    Field(discriminator="kind"),
]

_JOB: TypeAdapter[Any] = TypeAdapter(Job)


class ForeignMessage(ValueError):  # noqa: N818 - it names the message, and the error is that there is one
    """The message is not one of ours: *str()* says in one line what is wrong with it."""


def parse[T: Message](kind: type[T], body: bytes, *others: type[T]) -> T:
    """Read a message of *kind*, or of one of *others*.

    Raises:
        ForeignMessage: Too large, not JSON, of another kind or version, or a field is missing, unknown or wrong.
    """
    kinds: Any = (kind, *others)
    if len(body) > LARGEST_BYTES:
        raise ForeignMessage(f"message: {len(body)} bytes, at most {LARGEST_BYTES}")
    try:
        job = _JOB.validate_json(body)
    except ValidationError as error:
        raise ForeignMessage(first_fault("message", error)) from None
    if not isinstance(job, kinds):
        raise ForeignMessage(f"message.kind: '{job.kind}' does not belong on this queue")
    if strangers := unknown(getattr(job, "controls", ())):
        raise ForeignMessage(f"message.controls: there is no control '{strangers[0]}'")
    found: T = job
    return found
