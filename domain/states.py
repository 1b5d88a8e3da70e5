"""What is known of each control of a tenant, and how a judgement changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Self, assert_never

from pydantic import AwareDatetime

from domain.control import Compliant, Control, Drift, Drifted, Judgement, NeedsPerson, NotApplicable, Unknown
from domain.corrections import Correction, Memory
from domain.exemption import Exemption
from domain.findings import FIRST_SIGHT_AFTER, Inventory, after_look, after_partial_look
from domain.lock import NOT_PROVEN
from domain.moments import to_the_second
from domain.reading import Lane
from domain.steps import ShownStep, Step, digest, shortened
from domain.tenant import Mode

type StateName = Literal[
    "compliant",
    "drifted",
    "unknown",
    "correcting",
    "held",
    "awaiting_approval",
    "needs_person",
    "excepted",
    "not_applicable",
]

UNREAD_PATIENCE = timedelta(minutes=5)
"""A control whose correction cannot be read for so long becomes unknown: a permission may be missing."""

PROOFS_KEPT = 16
"""How many past compliant periods to keep; alerts about mail arrive days later and are judged by them."""

LONGEST_BETWEEN = timedelta(hours=2)
"""Looks farther apart prove nothing of the time between: the service was down, or the tenant disabled."""

CLOCKS_DIFFER = timedelta(minutes=2)
"""How far the clocks of Microsoft's services and ours may be apart."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one look to another, both and all between them of the same judgement."""

    start: AwareDatetime
    end: AwareDatetime


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changed something, as the tenant's audit log has it. *who*: a user, an app, or how the service calls it."""

    who: str
    address: str
    at: AwareDatetime
    operation: str

    def __str__(self) -> str:
        address = f" from {self.address}" if self.address else ""
        return f"{self.who}{address} at {to_the_second(self.at)} ({self.operation})"


@dataclass(frozen=True, slots=True)
class ControlState:
    """One control of one tenant, as `GET /tenants/{tenant_id}/state` shows it.

    *plan*: the digest of the steps that are open. *corrections*: those under way, of one announced plan. *memories*: by
    step key, what is known of steps that are not under way. *proven_once*: a look has found it compliant. *asked*: by
    object, what was asked of it then (`Control.asks`) and ever since; None where a former version did not say.
    *partial*: a look that left out what the control sees in the slow lane alone found what it says.
    """

    id: str
    state: StateName = "unknown"
    since: AwareDatetime | None = None
    read_at: AwareDatetime | None = None
    profile_version: str = ""
    drift: tuple[Drift, ...] = ()
    detail: str = "not read yet"
    steps: tuple[ShownStep, ...] = ()
    plan: str = ""
    corrections: tuple[Correction, ...] = ()
    memories: Mapping[str, Memory] = field(default_factory=dict)
    proofs: tuple[Span, ...] = ()
    actor: Actor | None = None
    proven_once: bool = False
    partial: bool = False
    asked: Mapping[str, str] | None = None

    @property
    def proven(self) -> tuple[Span, ...]:
        """Every span through which the control was proven compliant, the one that lasts included."""
        return (*self.proofs, *_proof(self))

    @property
    def announced(self) -> str:
        """The id of the ledger entry that announced the corrections under way; empty where there are none."""
        return self.corrections[0].entry if self.corrections else ""

    def is_planned(self, step: Step) -> bool:
        """Whether *step* is part of the announced plan and was not sent yet."""
        return any(each.key == step.key and each.phase == "planned" for each in self.corrections)

    def is_settled(self, now: datetime) -> bool:
        """Whether it was proven, and read lately: what is new then came up beside a proven state."""
        return self._was_proven and self.read_at is not None and now - self.read_at < FIRST_SIGHT_AFTER

    @property
    def _was_proven(self) -> bool:
        return self.proven_once or self.state == "compliant" or bool(self.proofs)  # older rows do not say it

    def new_to(self, asked: Mapping[str, str]) -> frozenset[str]:
        """The objects of *asked* that were not proven by what is asked of them now."""
        known = asked if self.asked is None else self.asked
        return frozenset(name for name, each in asked.items() if known.get(name) != each)

    def asked_on(self, judgement: Judgement, asked: Mapping[str, str] | None) -> Self:
        """The same once a look came to *judgement* by what was *asked* then."""
        if asked is None:
            return self
        if isinstance(judgement, Compliant):
            return replace(self, asked=dict(asked))
        if not self._was_proven:
            return self
        new = self.new_to(asked)
        return replace(self, asked={name: each for name, each in asked.items() if name not in new})

    def memory_of(self, step: Step) -> Memory:
        return self.memories.get(step.key, Memory())

    def remembering(self, changed: Mapping[str, Memory]) -> Self:
        """The same with other memories; one that says nothing is not kept."""
        kept = {key: each for key, each in {**self.memories, **changed}.items() if each != Memory()}
        return replace(self, memories=kept)

    def becomes(self, state: StateName, now: datetime, detail: str) -> Self:
        """This state under another name; `since` moves only when the name does."""
        since = self.since if state == self.state and self.since else now
        proven_once = self.proven_once or state == "compliant"
        return replace(self, state=state, since=since, detail=detail, proven_once=proven_once)


WAITING: frozenset[StateName] = frozenset({"held", "awaiting_approval"})
"""States that the gate gave. A check that finds the same drift again leaves them: only the gate can say otherwise."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one control: which, in which mode of the tenant, when its facts were read, and when now is.

    *asked_at*: when a person asked for it to be put back, if one did. *exemption*: the control's exception, if it has
    one. *lane*: in which it is made; None is a look in both. *asked*: by object, what the tenant's config asks of it;
    None where nobody can say.
    """

    control: Control
    mode: Mode
    read_at: datetime | None
    now: datetime
    asked_at: datetime | None = None
    exemption: Exemption | None = None
    lane: Lane | None = None
    asked: Mapping[str, str] | None = field(default_factory=dict)

    @property
    def partial(self) -> bool:
        """Whether it leaves out what the control sees in the slow lane alone."""
        return self.lane == "fast" and bool(self.control.later)

    @property
    def accepted(self) -> str:
        """Why drift is accepted at this moment; empty where it is not."""
        return self.exemption.sentence if self.exemption and self.exemption.holds_at(self.now) else ""


def after_check(before: ControlState, judgement: Judgement, look: Look) -> ControlState:
    """The state of a control once a look has found *judgement*.

    While corrections are under way only the remediation may close them. A failed read is still reported.
    """
    if before.corrections:
        return _while_correcting(before, judgement, look.now)
    if look.partial and _is_told(before) and isinstance(judgement, Compliant):
        return before
    return _judged(before, judgement, look)


def _is_told(state: ControlState) -> bool:
    """Whether a whole look has told what a partial one may not see, and so may not take back."""
    return not state.partial and state.since is not None and state.state in {"needs_person", "unknown"}


def _judged(before: ControlState, judgement: Judgement, look: Look) -> ControlState:
    memories = _still_remembered(before, judgement, look.now)
    partial = look.partial and not _is_told(before)
    asked = before.asked_on(judgement, look.asked)
    seen = replace(asked, drift=(), steps=(), plan="", memories=memories, read_at=look.read_at, partial=partial)
    stood_still = before.state == "compliant" and _far_apart(before.read_at, look.read_at)
    if not isinstance(judgement, Compliant) or stood_still:
        seen = replace(seen, proofs=before.proven[-PROOFS_KEPT:])
        if seen.actor and not last_drift_is(seen, seen.actor.at):
            seen = replace(seen, actor=None)
    match judgement:
        case Unknown():
            # The time of the last good read stays: an unknown carries no proof of its own.
            return replace(seen, read_at=before.read_at).becomes("unknown", look.now, _sentence(judgement))
        case Compliant(detail=detail):
            good = seen.becomes("compliant", look.now, detail)
            return replace(good, since=look.now) if stood_still else good
        case NotApplicable(reason=reason):
            return seen.becomes("not_applicable", look.now, reason)
        case NeedsPerson(todo=todo, drift=drift):
            state = replace(seen, drift=drift_view(drift)).becomes("needs_person", look.now, todo)
            return _unless_accepted(before, state, look)
        case Drifted():
            return _unless_accepted(before, _after_drift(before, seen, judgement, look), look)
        case _:
            assert_never(judgement)


def after_judgement(before: Inventory, control: Control, judgement: Judgement, now: datetime) -> Inventory:
    """What is known of the tenant's findings once a look at *control* came to *judgement*."""
    if isinstance(judgement, Unknown):
        begun = before.begun | control.sources_on(judgement.read)
        known = after_partial_look(before, control.id, judgement.findings, now, judgement.read)
        return replace(before, known=known, begun=begun)
    seen = () if isinstance(judgement, NotApplicable) else judgement.findings
    unseen = judgement.unseen if isinstance(judgement, Drifted | NeedsPerson) else ()
    known = after_look(before, control.id, seen, now, unseen)
    return replace(before, known=known, begun=before.begun | control.sources)


def _still_remembered(before: ControlState, judgement: Judgement, now: datetime) -> dict[str, Memory]:
    """What is still to be known of each step after *judgement*.

    Being right forgets what failed. A hindrance counts only in a row, so only while its step is planned. Where nothing
    could be read, all stays.
    """
    if isinstance(judgement, Unknown):
        return dict(before.memories)
    planned = {step.key for step in judgement.steps} if isinstance(judgement, Drifted) else set()
    right = isinstance(judgement, Compliant | NotApplicable)
    kept = {}
    for key, memory in before.memories.items():
        last = memory if memory.is_calming(now) else replace(memory, proven_at=None)
        last = last if key in planned else replace(last, hindrance=None, jobs=0)
        kept[key] = Memory(proven_at=last.proven_at) if right else last
    return {key: memory for key, memory in kept.items() if memory != Memory()}


def _far_apart(before: datetime | None, after: datetime | None) -> bool:
    return before is not None and after is not None and after - before > LONGEST_BETWEEN


def _proof(state: ControlState) -> tuple[Span, ...]:
    if state.state != "compliant" or not state.since or not state.read_at or state.read_at < state.since:
        return ()
    return (Span(start=state.since, end=state.read_at),)


def last_drift_is(state: ControlState, at: datetime) -> bool:
    """Whether what happened at *at* can have made the state's last drift: no look found all well after it."""
    return bool(state.proofs) and at >= state.proofs[-1].end - CLOCKS_DIFFER


def _while_correcting(before: ControlState, judgement: Judgement, now: datetime) -> ControlState:
    if not isinstance(judgement, Unknown):
        return before if before.state == "correcting" else before.becomes("correcting", now, "")
    long_ago = before.since is not None and before.state == "correcting" and now - before.since >= UNREAD_PATIENCE
    return before.becomes("unknown" if long_ago else before.state, now, _sentence(judgement))


def _unless_accepted(before: ControlState, after: ControlState, look: Look) -> ControlState:
    if not look.accepted:
        return after
    since = before.since if before.state == "excepted" else look.now
    return replace(after, state="excepted", since=since, detail=look.accepted)


def _after_drift(before: ControlState, seen: ControlState, found: Drifted, look: Look) -> ControlState:
    left = open_steps(before, found, look)
    if look.mode != "observe" and not left:
        failed = [before.memory_of(step) for step in found.steps]
        whys = " ".join(dict.fromkeys(each.why for each in failed))
        if all(each.is_patient(look.now) for each in failed):
            return with_plan(seen, found).becomes("held", look.now, whys)
        return with_plan(seen, found).becomes("needs_person", look.now, f"{whys} {look.control.by_hand}")
    if look.mode != "observe" and before.state in WAITING and before.plan == digest(left):
        return with_plan(seen, found.only(left)).becomes(before.state, look.now, before.detail)
    detail = "; ".join(filter(None, (found.todo, found.detail)))
    # Nothing of the plan will be taken, so that what a person is to answer is all that is open.
    left_to_people = found.todo and look.mode == "observe"
    return with_plan(seen, found).becomes("needs_person" if left_to_people else "drifted", look.now, detail)


def with_plan(state: ControlState, plan: Drifted) -> ControlState:
    """*state* with the drift and the steps of *plan*, for a person to read."""
    return replace(state, drift=drift_view(plan.drift), steps=step_view(plan.steps), plan=digest(plan.steps))


def open_steps(state: ControlState, plan: Drifted, look: Look) -> tuple[Step, ...]:
    """The steps of *plan* that have not been tried without success lately, or since a person asked."""
    tried = [step for step in plan.steps if not _given_up(state.memory_of(step), look)]
    return tuple(step for step in tried if not step.last or len(tried) == len(plan.steps))


def _given_up(memory: Memory, look: Look) -> bool:
    tried_once = look.control.once and memory.failed_at is not None and not look.asked_at
    return tried_once or not memory.is_due(look.now, look.asked_at)


def wants_remedy(state: ControlState, mode: Mode) -> bool:
    """Whether a remediation should look at the control now."""
    return bool(state.corrections) or (mode != "observe" and state.state in {"drifted", *WAITING})


def waits_for_owner(state: ControlState) -> bool:
    """Whether its plan opens a tenant whose lock is not proven: only who answers for it lets it pass."""
    return state.state == "held" and NOT_PROVEN in state.detail


def _sentence(unknown: Unknown) -> str:
    return f"{unknown.reason}. {unknown.remedy}".removesuffix(" ") if unknown.remedy else unknown.reason


def drift_view(drift: tuple[Drift, ...]) -> tuple[Drift, ...]:
    """*drift* as states, ledger and operations keep it."""
    return tuple(Drift(each.field, shortened(each.wanted), shortened(each.found)) for each in drift)


def step_view(steps: tuple[Step, ...]) -> tuple[ShownStep, ...]:
    """*steps* as states, ledger and operations keep them."""
    return tuple(map(ShownStep.of, steps))
