"""The life of one step, from plan to proof, as a machine: frozen values, a table, and one pure function.

A correction is noted as sent before its step is sent, so that the next worker after a crash knows what may have
happened; only a later look that compares removes that note. docs/life-of-a-correction.md is drawn from TRANSITIONS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Literal, assert_never

from pydantic import AwareDatetime

from domain.control import Drift, Drifted, Judgement, NeedsPerson, NotApplicable, Unknown
from domain.steps import ShownStep

PROOF_PATIENCE = timedelta(minutes=5)
"""How long a write that was answered may stay invisible (docs/reference/exchange.md#replication)."""

LOST_PATIENCE = timedelta(minutes=20)
"""How long a creating write whose answer was lost may still come up: a cmdlet runs for 15 minutes at most
(docs/reference/exchange.md#timeouts)."""

EARLY_PATIENCE = timedelta(days=4)
"""How long Microsoft may take to see a published CNAME (docs/reference/dns.md#dkim-timing)."""

TRY_AGAIN_AFTER = timedelta(hours=6)
"""A refused write is offered again after this: a missing role may have been granted. Controls with `once` never are."""

CALM = timedelta(minutes=2)
"""After something made was proven to be there, a look that misses it is an older replica's, for so long
(docs/reference/exchange.md#replication)."""

MOST_CONFLICTS = 3
"""Consecutive jobs with a write conflict before we tell a person."""

MOST_SILENCES = 8
"""Jobs in a row in which a step may not reach the host of its zone, some five minutes, before a person is told."""

FOLLOWED_FOR = timedelta(seconds=60)
"""After its last event a correction is taken for one that a worker is at, for so long."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_MOMENT = timedelta(seconds=10)


def followed_until(now: datetime, pause: timedelta = timedelta()) -> datetime:
    """Until when the message is expected that follows a correction: it comes after *pause*, or is at work at *now*.

    Rounded up: what follows within one moment changes nothing, and spares a write of the fleet's index.
    """
    until = now + pause + FOLLOWED_FOR
    return until + -(until - _EPOCH) % _ONE_MOMENT


type Phase = Literal["planned", "sent", "answered"]
type EndingName = Literal["proven", "superseded", "no_effect", "refused"]
type Hindrance = Literal["conflict", "silence"]
"""Why a step was not sent: its DNS provider shows other records than were read, or cannot be reached."""

_TOLERATED: Mapping[Hindrance, tuple[int, str]] = MappingProxyType(
    {
        "conflict": (
            MOST_CONFLICTS,
            "its provider shows other records than the zone's own servers: is it the provider of this zone?",
        ),
        "silence": (MOST_SILENCES, "the zone's DNS provider cannot be reached."),
    }
)
"""In how many jobs in a row, and what a person is told after that."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a step while it is not under way, so that nothing loops.

    *failed_at*, *why*: when it was last refused, had no effect or was too early, and what a person is told. *due_at*:
    not offered before, unless a person asks. *patient_until*: it was only too early, and until then no person is told.
    *hindrance*, *jobs*: why it was not sent, in how many jobs in a row. *proven_at*: when what it creates was proven.
    """

    failed_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    why: str = ""
    patient_until: AwareDatetime | None = None
    hindrance: Hindrance | None = None
    jobs: int = 0
    proven_at: AwareDatetime | None = None

    def is_due(self, now: datetime, asked_at: datetime | None = None) -> bool:
        """Whether the step may be offered: once for each time (*asked_at*) that a person asks, else when it is due."""
        if asked_at:
            return self.failed_at is None or self.failed_at < asked_at
        return self.due_at is None or now >= self.due_at

    def is_patient(self, now: datetime) -> bool:
        return self.patient_until is not None and now < self.patient_until

    def is_calming(self, now: datetime) -> bool:
        """Whether a look that misses what the step created may be an older replica's."""
        return self.proven_at is not None and now - self.proven_at < CALM


@dataclass(frozen=True, slots=True)
class Correction:
    """The life of one step.

    *key*: the step's. *drift*: what it mends. *entry*: the id of the ledger entry that announced its plan. *seen_at*:
    when that drift was seen. *sent_at*: just before it was sent; None while it was not.
    """

    key: str
    step: ShownStep
    drift: tuple[Drift, ...]
    entry: str
    seen_at: AwareDatetime | None = None
    phase: Phase = "planned"
    sent_at: AwareDatetime | None = None
    memory: Memory = Memory()

    @property
    def creates(self) -> bool:
        return self.step.cmdlet.startswith("New-")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a correction ended, with the correction as it was then; its memory outlives it."""

    name: EndingName
    correction: Correction


type Move = Literal[
    "sending", "answered", "unanswered", "not sent", "too early", "refused", "equal", "gone", "lost", "no effect"
]
"""What an event means to a correction at its moment."""


@dataclass(frozen=True, slots=True)
class Sending:
    """The gate let the step pass, and it is about to be sent. *asked_at*: when a person asked for it, if one did."""

    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The service said that it was done; *existed*: that what the step makes was there already."""

    means: ClassVar[Move] = "answered"
    existed: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It was sent and no answer came: it may or may not have happened."""

    means: ClassVar[Move] = "unanswered"


@dataclass(frozen=True, slots=True)
class NotSent:
    """It did not reach the service, or was turned away undone. *hindrance*: where that counts towards a refusal."""

    means: ClassVar[Move] = "not sent"
    why: str = ""
    hindrance: Hindrance | None = None


@dataclass(frozen=True, slots=True)
class TooEarly:
    """The service has not seen yet what the step needs."""

    means: ClassVar[Move] = "too early"
    why: str


@dataclass(frozen=True, slots=True)
class StepRefused:
    """The service said no, and will until a person acts."""

    means: ClassVar[Move] = "refused"
    why: str


@dataclass(frozen=True, slots=True)
class Looked:
    """The tenant was read after the write. *patient*: a lost write is still waited for, as replicas lag."""

    judgement: Judgement
    patient: bool = False


type Event = Sending | Answered | Unanswered | NotSent | TooEarly | StepRefused | Looked


@dataclass(frozen=True, slots=True)
class Transition:
    """One arrow of the drawing. *when*: its label."""

    phase: Phase
    move: Move
    to: Phase | EndingName
    when: str


TRANSITIONS = (
    Transition("planned", "sending", "sent", "every gate passed, the note is saved"),
    Transition("sent", "answered", "answered", "done, or it existed"),
    Transition("sent", "unanswered", "sent", "no answer"),
    Transition("sent", "not sent", "planned", "a gate said no, a conflict, or turned away - due at once"),
    Transition("sent", "too early", "planned", "too early - due in 6 hours"),
    Transition(
        "sent", "lost", "planned", "lost, read again and not there (a New- only after 20 minutes) - due at once"
    ),
    Transition("sent", "refused", "refused", "refused, 4 days too early, or hindered too often"),
    Transition("sent", "equal", "proven", "read again, as wanted"),
    Transition("sent", "gone", "superseded", "read again, gone or one of several"),
    Transition("answered", "equal", "proven", "read again, as wanted"),
    Transition("answered", "gone", "superseded", "read again, gone or one of several"),
    Transition("answered", "no effect", "no_effect", "read again, not there after 5 minutes"),
)
"""The whole machine. What is not here changes nothing: an event that comes twice, too late or too soon."""

_NEXT = {(each.phase, each.move): each.to for each in TRANSITIONS}


def advance(correction: Correction, event: Event, now: datetime) -> Correction | Ending:
    """What becomes of *correction* when *event* comes at *now*."""
    move = _move(correction, event, now)
    to = _NEXT.get((correction.phase, move)) if move else None
    if move is None or to is None:
        return correction
    moved = _noted(correction, event, move, now)
    if to == "planned" or to == "sent" or to == "answered":  # noqa: PLR1714 - so that mypy narrows it to a phase
        return replace(moved, phase=to)
    return Ending(to, moved)


def _move(correction: Correction, event: Event, now: datetime) -> Move | None:
    """What *event* means to *correction* now; None: nothing."""
    memory = correction.memory
    match event:
        case Looked(judgement, patient):
            return _shown(correction, judgement, now, patient=patient)
        case Sending(asked_at):
            return "sending" if memory.is_due(now, asked_at) else None
        case NotSent(hindrance=hindrance) if hindrance and _hindered(memory, hindrance).jobs > _TOLERATED[hindrance][0]:
            return "refused"
        case TooEarly() if now >= _patient_until(memory, now):
            return "refused"
        case _:
            return event.means


def _shown(correction: Correction, judgement: Judgement, now: datetime, *, patient: bool) -> Move | None:
    """What a look after the write says of it.

    Proven is only what was compared and found as wanted. A field that still differs is waited for: a write that was
    answered had no effect when PROOF_PATIENCE is over; one whose answer was lost may not have happened, a creating one
    only when it had LOST_PATIENCE to show. A field that is neither (the object is gone, or there are two) can no longer
    be proven.
    """
    fields = {drift.field for drift in correction.drift}
    if correction.sent_at is None or is_unseen(fields, judgement):
        return None
    if not fields & _off(judgement):
        return "equal" if fields <= _equal(judgement) else "gone"
    waited = now - correction.sent_at
    if correction.phase == "answered":
        return "no effect" if waited >= PROOF_PATIENCE else None
    return "lost" if not patient and (waited >= LOST_PATIENCE or not correction.creates) else None


def is_unseen(fields: set[str], judgement: Judgement) -> bool:
    """Whether *judgement* says nothing of *fields*, as they could not be read."""
    if isinstance(judgement, Unknown):
        return not fields <= judgement.equal
    unseen = judgement.unseen if isinstance(judgement, Drifted | NeedsPerson) else ()
    return any(field.startswith(f"{name}: ") for field in fields for name in unseen)


def _off(judgement: Judgement) -> set[str]:
    return {each.field for each in judgement.drift} if isinstance(judgement, Drifted | NeedsPerson) else set()


def _equal(judgement: Judgement) -> frozenset[str]:
    return frozenset() if isinstance(judgement, NotApplicable) else judgement.equal


def _noted(correction: Correction, event: Event, move: Move, now: datetime) -> Correction:
    """*correction* with what is to be known of the move later."""
    memory = correction.memory
    match move:
        case "sending":
            return replace(correction, sent_at=now)
        case "answered":
            existed = isinstance(event, Answered) and event.existed
            return replace(correction, step=replace(correction.step, existed=existed))
        case "not sent":
            hindrance = event.hindrance if isinstance(event, NotSent) else None
            memory = _hindered(memory, hindrance) if hindrance else memory
        case "too early":
            until = _patient_until(memory, now)
            again = f"Tried again every {TRY_AGAIN_AFTER.seconds // 3600} hours until {until:%Y-%m-%d %H:%M} UTC."
            memory = replace(_failed(memory, f"{_why(event)} {again}", now), patient_until=until)
        case "lost":
            memory = replace(memory, due_at=max(memory.due_at or now, now))
        case "refused":
            memory = replace(_failed(memory, _why(event), now), hindrance=None, jobs=0)
        case "no effect":
            memory = _failed(memory, f"written and answered, but it does not show after {PROOF_PATIENCE}.", now)
        case "equal" if correction.creates:
            memory = replace(memory, proven_at=now)
        case "unanswered" | "equal" | "gone":
            return correction
        case _:
            assert_never(move)
    back = move in {"not sent", "too early", "lost"}
    return replace(correction, memory=memory, sent_at=None if back else correction.sent_at)


def _why(event: Event) -> str:
    why = event.why if isinstance(event, NotSent | TooEarly | StepRefused) else ""
    hindrance = event.hindrance if isinstance(event, NotSent) else None
    return f"{why}; {_TOLERATED[hindrance][1]}" if hindrance else why


def _failed(memory: Memory, why: str, now: datetime) -> Memory:
    return replace(memory, failed_at=now, due_at=now + TRY_AGAIN_AFTER, why=why, patient_until=None)


def _patient_until(memory: Memory, now: datetime) -> datetime:
    return memory.patient_until or now + EARLY_PATIENCE


def _hindered(memory: Memory, hindrance: Hindrance) -> Memory:
    """*memory* after one more job in which the step was not sent; for another reason than before counts anew."""
    return replace(memory, hindrance=hindrance, jobs=memory.jobs + 1 if memory.hindrance == hindrance else 1)
