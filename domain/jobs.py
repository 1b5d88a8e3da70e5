"""Queue messages. They name what to look at, never what was seen, so late, doubled or reordered ones do no harm."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.controls import unknown
from domain.fleet import LookName
from domain.pauses import doubling
from domain.profile import first_fault
from domain.psa.desk import Action, TicketSystem
from domain.reading import LANES, Lane
from domain.tenant import TenantId

MESSAGE_VERSION = 1
"""The version of the messages that this code writes, and the latest that it reads."""

LARGEST_MESSAGE = 2048
"""Bytes of a message's body. A larger one is not ours."""

LARGEST_SHARD = 40
"""Tenants of one message: their ids are all that takes room in it."""

_SWEPT = timedelta(minutes=1)

type QueueName = Literal["checks", "remediations", "alerts", "tickets", "notifications"]
QUEUES: tuple[QueueName, ...] = get_args(QueueName.__value__)


@dataclass(frozen=True, slots=True)
class Done:
    """The message's work has ended, well or not: it is deleted from the queue."""


@dataclass(frozen=True, slots=True)
class Again:
    """The same job is to be worked on once more, *after* at least this long.

    *counts*: this try was one of the job's attempts; where not, something else ends the waiting.
    """

    after: timedelta
    counts: bool = True


type Outcome = Done | Again
"""How the work on one message ended: all that a queue function tells the delivery."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a job is put back at most (*attempts*), with pauses that double from *first* to *longest*.

    *then*: what becomes of it. let_go: its operation, if it has one, fails; the next tick, or the look for untold news,
    asks again. kept: no timer sends it again, so it goes on waiting, its longest pause each time.
    """

    first: timedelta
    longest: timedelta
    attempts: int
    then: Literal["let_go", "kept"] = "let_go"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What all messages have. *trace*: the W3C traceparent of what led to it. *due_at*: when it was to be worked on.

    *put_back_since*: since when workers of an earlier version have put it back for those that understand it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    queue: ClassVar[QueueName]
    patience: ClassVar[Patience]

    version: Annotated[int, Field(ge=1)] = field(default_factory=lambda: MESSAGE_VERSION)
    attempt: Annotated[int, Field(ge=0, le=1000)] = 0
    trace: Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")] | None = None
    due_at: AwareDatetime | None = None
    put_back_since: AwareDatetime | None = None

    @property
    def body(self) -> str:
        return _JOB.dump_json(self, exclude_none=True).decode()

    @property
    def used_up(self) -> bool:
        """Whether it was put back as often as it may be, and is to be let go."""
        return self.patience.then == "let_go" and self.attempt >= self.patience.attempts

    @property
    def pause(self) -> timedelta:
        """How long it waits where the job does not say how long."""
        return doubling(self.patience.first, self.patience.longest, min(self.attempt, self.patience.attempts))

    @property
    def key(self) -> str:
        """The same for the same job, however often it is put back."""
        return sha256(replace(self, attempt=0, trace=None, due_at=None, put_back_since=None).body.encode()).hexdigest()

    def again(self) -> Self:
        """The same job, put back once more."""
        return replace(self, attempt=min(self.attempt + 1, self.patience.attempts))


@dataclass(frozen=True, kw_only=True)
class _Job(Message):
    tenant_id: TenantId
    operation_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class CheckTenant(_Job):
    """Look at one tenant: the controls of a lane, or those named; no lane and none named means all.

    *asked_at*: since when it is wanted, by a person or for what was seen or changed. Looks at its controls that began
    later for others who asked answer it, too.
    """

    queue = "checks"
    patience = Patience(first=timedelta(seconds=2), longest=timedelta(seconds=30), attempts=20)
    kind: Literal["check"] = "check"
    lane: Lane | None = None
    controls: tuple[str, ...] = ()
    asked_at: AwareDatetime | None = None

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes of which nothing is left out."""
        if self.controls:
            return ()
        return (self.lane,) if self.lane else LANES

    def answered_since(self, now: datetime) -> datetime | None:
        """Since when a look at all its lanes is as good as this one; None where only a new look will do.

        The sweep of the first version left a message for each tenant and lane: looks that a tick of this one asks for.
        """
        return now - _SWEPT if self.lane and not self.controls and not self.operation_id else None

    @property
    def one_lane(self) -> Lane | None:
        """The lane in which the tenant is read; None is both."""
        return None if self.controls else self.lane


@dataclass(frozen=True, kw_only=True)
class VisitShard(Message):
    """Visit some tenants, side by side, and do the *looks* that came due for each of them by *due_by*.

    Who was looked at since then is not visited again, so a shard that is delivered twice is worked on once.
    """

    queue = "checks"
    patience = Patience(first=timedelta(seconds=5), longest=timedelta(seconds=60), attempts=5)

    kind: Literal["shard"] = "shard"
    tenants: Annotated[tuple[TenantId, ...], Field(min_length=1, max_length=LARGEST_SHARD)]
    looks: Annotated[tuple[LookName, ...], Field(min_length=1)]
    due_by: AwareDatetime


@dataclass(frozen=True, kw_only=True)
class RemediateTenant(_Job):
    """Bring the named controls of one tenant to their wanted state. *requested_by*: the person who asked, if any.

    *plan*: the hash of the only plan that the person approved. *undo*: the ledger entry to undo instead. *remove*: the
    finding to take away instead. *way_out*: loosen every restricting connector instead.
    """

    queue = "remediations"
    patience = Patience(first=timedelta(seconds=5), longest=timedelta(seconds=60), attempts=20)

    kind: Literal["remediate"] = "remediate"
    controls: Annotated[tuple[str, ...], Field(min_length=1)]
    requested_by: str | None = None
    asked_at: AwareDatetime | None = None
    dry_run: bool = False
    plan: str | None = None
    undo: str | None = None
    remove: str | None = None
    way_out: bool = False


@dataclass(frozen=True, kw_only=True)
class Notify(Message):
    """Tell the ticket system and the channels what is not told yet of one tenant, or of the service itself.

    What had happened by *asked_at* is then told.
    """

    queue = "notifications"
    patience = Patience(first=timedelta(seconds=5), longest=timedelta(seconds=5), attempts=20)

    kind: Literal["notify"] = "notify"
    tenant_id: TenantId | Literal["service"]
    asked_at: AwareDatetime


@dataclass(frozen=True, kw_only=True)
class MakeEvidence(Message):
    """Make the evidence of a month that is over, of one tenant or (`service`) of all, unless it was made."""

    queue = "notifications"
    patience = Patience(first=timedelta(seconds=30), longest=timedelta(minutes=10), attempts=20)

    kind: Literal["evidence"] = "evidence"
    tenant_id: TenantId | Literal["service"]
    month: Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]


@dataclass(frozen=True, kw_only=True)
class TriageAlerts(Message):
    """Look at the Defender alerts of one tenant."""

    queue = "alerts"
    patience = Patience(first=timedelta(seconds=15), longest=timedelta(hours=1), attempts=10)

    kind: Literal["alerts"] = "alerts"
    tenant_id: TenantId


@dataclass(frozen=True, kw_only=True)
class ReadAudit(Message):
    """Read on in the audit feed of one tenant."""

    queue = "alerts"
    patience = TriageAlerts.patience

    kind: Literal["audit"] = "audit"
    tenant_id: TenantId


type TicketId = Annotated[str, Field(pattern=r"^[0-9]{1,100}$")]


@dataclass(frozen=True, kw_only=True)
class ReadTicket(Message):
    """Look at one ticket of a PSA system; what it showed by *asked_at* is then known."""

    queue = "tickets"
    patience = Patience(first=timedelta(seconds=5), longest=timedelta(minutes=5), attempts=12, then="kept")

    kind: Literal["ticket"] = "ticket"
    provider: TicketSystem
    ticket_id: TicketId
    asked_at: AwareDatetime


@dataclass(frozen=True, kw_only=True)
class PollTickets(Message):
    """Look through what changed in the ticket systems, for webhooks that were lost and news that is not told."""

    queue = "tickets"
    patience = Patience(first=timedelta(seconds=5), longest=timedelta(minutes=1), attempts=1)

    kind: Literal["poll"] = "poll"


@dataclass(frozen=True, kw_only=True)
class TicketRequest(Message):
    """What a Standard Webhooks sender asked for, under its message's id (hashed): there is no ticket to be read."""

    queue = "tickets"
    patience = ReadTicket.patience

    kind: Literal["request"] = "request"
    event: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    action: Action
    company_id: Annotated[str, Field(min_length=1, max_length=100)]
    ticket_id: Annotated[str, Field(max_length=100)] = ""
    asked_at: AwareDatetime


type Job = Annotated[
    CheckTenant
    | VisitShard
    | RemediateTenant
    | TriageAlerts
    | ReadAudit
    | Notify
    | MakeEvidence
    | ReadTicket
    | PollTickets
    | TicketRequest,
    Field(discriminator="kind"),
]

_JOB: TypeAdapter[Any] = TypeAdapter(Job)


class ForeignMessage(ValueError):  # noqa: N818 - it names the message, and the error is that there is one
    """The message is not one of ours: *str()* says in one line what is wrong with it."""


class NewerMessage(Exception):  # noqa: N818 - as above
    """The message is of a *version* that only a later worker understands: two run side by side in each deployment."""

    def __init__(self, version: int, since: datetime | None, body: bytes) -> None:
        super().__init__(f"message.version: {version} is later than {MESSAGE_VERSION}")
        self.since = since
        self._body = body

    def put_back(self, since: datetime) -> str:
        """The message as it came, but for saying since when it has been put back."""
        return json.dumps({**json.loads(self._body), "put_back_since": since.isoformat()})


class _Envelope(BaseModel):
    """What messages of every version have."""

    version: Annotated[int, Field(strict=True, ge=1)] = 1
    put_back_since: AwareDatetime | None = None


def parse_message(queue: QueueName, body: bytes) -> Job:
    """Read a message of *queue*: its version first.

    Raises:
        NewerMessage: It is of a later version.
        ForeignMessage: Too large, not JSON, of another queue, or a field is missing, unknown or wrong.
    """
    if len(body) > LARGEST_MESSAGE:
        raise ForeignMessage(f"message: {len(body)} bytes, at most {LARGEST_MESSAGE}")
    try:
        envelope = _Envelope.model_validate_json(body)
        if envelope.version > MESSAGE_VERSION:
            raise NewerMessage(envelope.version, envelope.put_back_since, body)
        job: Job = _JOB.validate_json(body)
    except ValidationError as error:
        raise ForeignMessage(first_fault("message", error)) from None
    if job.queue != queue:
        raise ForeignMessage(f"message.kind: '{job.kind}' does not belong on this queue")
    if strangers := unknown(getattr(job, "controls", ())):
        raise ForeignMessage(f"message.controls: there is no control '{strangers[0]}'")
    return job
