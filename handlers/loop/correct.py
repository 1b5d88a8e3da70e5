"""What one remediation does to the controls of its tenant, under the tenant's lease.

A plan is announced before its first write, each step is noted before it is sent, and only a look that finds the wanted
value closes it: a crash anywhere in between is taken up where it stopped by the worker that gets the message next.
docs/life-of-a-correction.md tells one from drift to proof.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from clients import telemetry
from clients.storage.states import TenantStates
from domain import undo
from domain.control import (
    Control,
    Drifted,
    Judgement,
    Unknown,
)
from domain.controls import CATALOGUE, inbound_lockdown
from domain.corrections import Answered, NotSent, Sending, StepRefused, TooEarly, Unanswered
from domain.exchange import ExchangeObject
from domain.facts import Facts
from domain.findings import Removal
from domain.gate import GateAnswer
from domain.jobs import Again, Done, Outcome
from domain.lock import DOORS, NOT_PROVEN
from domain.operations import ControlOutcome, ending, outcome
from domain.plan import after_event, begun, judged, put_off, stopped, too_soon
from domain.states import ControlState, Look, after_check, open_steps
from domain.steps import ShownStep, Step
from domain.tenant import Mode
from handlers import operations
from handlers.loop import gatekeeper
from handlers.loop.journal import READY, Journal
from handlers.loop.removal import Removing
from handlers.loop.send import Held, Overtaken, Sent, TurnedAway, send
from handlers.objectives import note_proven

MOST_ROUNDS = 4
"""Most look-write-prove rounds in one job: one for a prerequisite, one for drift found after the first write."""

GONE = "what was written can no longer be found, or is one of several"

LATER = "it is taken up again by itself"
"""What a person is told of whatever is left to a later look."""

type Reason = Literal["another round", "an older replica", "a conflict", "turned away", "unreadable"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a control is not settled. *key*: of the step that is meant; *service*: what turned it away.

    *pause*: as long as that asked for. *told*: what a person is told of it.
    """

    control: str
    why: Reason
    key: str = ""
    service: str = ""
    pause: timedelta | None = None
    told: str = ""


async def show(case: gatekeeper.Case) -> Outcome:
    """Dry run: the exact steps of each control, written nowhere but into the operation."""
    case = case.knowing((await Journal.open(case)).inventory)
    rounds = Rounds(case, Journal(case, TenantStates()))
    facts = await rounds.look(rounds.controls)
    blank = [(ControlState(id=control.id), control) for control in rounds.controls]
    outcomes = tuple(
        _forewarned(outcome(rounds.judge(state, control, facts, mode="observe"))) for state, control in blank
    )
    await operations.finish(case.job.operation_id, outcomes, ending(outcomes, looked_only=True), case.clients)
    return Done()


def _forewarned(shown: ControlOutcome) -> ControlOutcome:
    """What could not be put back by an undo is said first."""
    lasting = undo.lasting(shown.steps)
    return replace(shown, detail="; ".join(filter(None, (lasting, shown.detail)))) if lasting else shown


async def correct(case: gatekeeper.Case) -> Outcome:
    """Bring the controls of the job, and those that they need, to their wanted state.

    Again, when a later look is to go on where this one stopped.

    Raises:
        Throttled, Unreachable: The tenant cannot be read. What was begun is kept.
    """
    journal = await Journal.open(case)
    if case.job.remove:
        journal.mark(Removal(case.job.remove, case.job.operation_id or ""))
    rounds = Rounds(case.knowing(journal.inventory), journal)
    todo = rounds.controls
    for _ in range(MOST_ROUNDS):
        await rounds.go_through(todo)
        todo = rounds.waiting_for_another()
        if not todo:
            break
    return await rounds.finish()


class Rounds:
    """Look, close what shows, judge afresh, ask, write, prove; then the same for what had to wait for that."""

    def __init__(self, case: gatekeeper.Case, journal: Journal) -> None:
        needed = {need for control in case.job.controls for need in CATALOGUE[control].needs}
        self.controls = [each for each in CATALOGUE.values() if each.id in {*case.job.controls, *needed}]
        self._case = case
        self._journal = journal
        self._waiting: set[Waiting] = set()
        self._done: dict[str, ControlOutcome] = {}
        self._removing = Removing(case)
        self._began = case.clients.now()

    def waiting_for_another(self) -> list[Control]:
        return [control for control in self.controls if Waiting(control.id, "another round") in self._waiting]

    async def go_through(self, controls: Sequence[Control]) -> None:
        """One round."""
        self._waiting = {each for each in self._waiting if each.why != "another round"}
        facts = await self.look(controls, beside=DOORS)
        if any(each.asks_mail for each in controls):
            await self._journal.hear(facts)
            self._case = self._case.knowing(self._journal.inventory)
        for control in controls:
            await self._take_up(control, facts)
        with telemetry.span("prove"):
            await self._prove()

    async def look(self, controls: Sequence[Control], beside: Sequence[type[ExchangeObject]] = ()) -> Facts:
        with telemetry.span("look"):
            return await self._case.clients.reader.look(self._case.wanted, controls, dns="every_server", beside=beside)

    async def _take_up(self, control: Control, facts: Facts) -> None:
        """Close what an earlier write left open, judge afresh, and write what drifted and may be written."""
        judgement = control.find(facts, self._case.wanted)
        await self._close(control, facts, judgement, patient=False)
        state = self._journal.of(control.id)
        if state.corrections:
            return
        await self._journal.record(self.judge(state, control, facts))
        if isinstance(judgement, Drifted) and (steps := self._offered(control, judgement, facts)):
            plan = judgement.only(steps)
            self._removing.plans(control, plan.steps)
            await _Plan(self._case, self._journal, self._waiting, control, plan, facts).carry_out()

    def _offered(self, control: Control, judgement: Drifted, facts: Facts) -> tuple[Step, ...]:
        """The steps of *judgement* that may be tried now."""
        steps = open_steps(self._journal.of(control.id), judgement, self._about(control, facts))
        turned_away = {each.key for each in self._waiting if each.why == "turned away"}
        return tuple(step for step in self._removing.asked_for(control, steps) if step.key not in turned_away)

    def judge(self, before: ControlState, control: Control, facts: Facts, mode: Mode | None = None) -> ControlState:
        """The state after this look."""
        judgement = control.find(facts, self._case.wanted)
        if self._case.job.dry_run and isinstance(judgement, Drifted):
            judgement = judgement.only(self._removing.asked_for(control, judgement.steps) or judgement.steps)
        after = after_check(before, judgement, self._about(control, facts, mode))
        return replace(after, profile_version=self._case.wanted.profile.version)

    def _about(self, control: Control, facts: Facts, mode: Mode | None = None) -> Look:
        asked = self._case.asked_by(control)
        return Look(
            control,
            mode or ("correct" if asked else self._case.wanted.tenant.mode_of(control.id)),
            control.read_at(facts),
            self._case.clients.now(),
            self._case.asked_at(control),
            self._journal.exemption(control.id),
            asked=control.asks(self._case.wanted.tenant),
        )

    async def _prove(self) -> None:
        """Look again, with patience for replication lag, until every write shows or the queue should do the waiting.

        What an earlier job wrote waits on the queue, and what was lost is looked at once: it may take minutes.
        """
        for number, pause_s in enumerate(self._case.clients.rereads_s):
            written = [
                control for control in self.controls if _shows_soon(self._journal.of(control.id), self._began, number)
            ]
            if not written:
                return
            await asyncio.sleep(pause_s)
            facts = await self.look(written)
            for control in written:
                await self._close(control, facts, control.find(facts, self._case.wanted), patient=True)
                if self._journal.of(control.id).state == "drifted":
                    self._waiting.add(Waiting(control.id, "another round"))

    async def _close(self, control: Control, facts: Facts, judgement: Judgement, *, patient: bool) -> None:
        """Take away from the control's plan what this look settles, each with its entry in the ledger."""
        self._removing.saw(control, facts)
        before, now = self._journal.of(control.id), self._case.clients.now()
        if not before.corrections:
            return
        if isinstance(judgement, Unknown) and not judgement.equal:
            if not control.asks_dns:  # where servers differ while a change spreads, they will not soon
                self._waiting.add(Waiting(control.id, "unreadable", told=judgement.reason))
            return
        told = judged(before, judgement, now, patient=patient)
        if told.proven:
            telemetry.fixed(control.id, told.proven[0].seen_at, now)
            drift = tuple(drift for each in told.proven for drift in each.drift)
            steps = tuple(each.step for each in told.proven)
            self._done[control.id] = ControlOutcome(id=control.id, state="compliant", drift=drift, steps=steps)
        proven = await self._journal.ended("corrected", control.id, told.proven)
        self._removing.proves(proven)
        ended = [*proven, *await self._journal.ended("superseded", control.id, told.superseded, GONE)]
        after = told.state if told.state.corrections else self.judge(told.state, control, facts)
        if after != before:
            await self._journal.save(after, ended)
        if told.proven:
            await note_proven(control, before, now, self._case.clients)

    async def finish(self) -> Outcome:
        """Save how each control stands, tell the caller, and say whether a later look goes on.

        What cannot be read is left to the next look: asking again at once would only add to the queue. Nobody is kept
        waiting for that, nor for a service that has turned the tenant away: the operation ends, and says so.
        """
        states = [self._journal.of(control.id) for control in self.controls]
        removal = self._removing.stands(self._case, self.controls, states)
        if removal:
            self._journal.mark(removal)
        then = _then(states, self._waiting, self._case.job.pause)
        if isinstance(then, Again):
            self._journal.follow((each.id for each in states), then.after)
        await self._journal.save_all()
        outcomes = tuple(_outcome(state, self._done.get(state.id), self._waiting) for state in states)
        comes_again = isinstance(then, Again)
        goes_on = comes_again and not any(each.why == "turned away" for each in self._waiting)
        gone = removal is not None and removal.gone_at is not None  # what else is off there was not asked for
        stands = "succeeded" if gone else ending(outcomes, looked_only=False, goes_on=goes_on)
        await operations.finish(self._case.job.operation_id, outcomes, stands, self._case.clients, goes_on=comes_again)
        return then


def _outcome(state: ControlState, done: ControlOutcome | None, waiting: set[Waiting]) -> ControlOutcome:
    """How a control stands, with the steps that were taken for it, if any were, and what keeps it waiting."""
    stands, told = outcome(state), sorted(each.told for each in waiting if each.control == state.id and each.told)
    if told and state.state not in READY:
        stands = replace(stands, detail="; ".join(dict.fromkeys(filter(None, (stands.detail, *told, LATER)))))
    if done is None or stands.steps:
        return stands
    return replace(stands, drift=done.drift, steps=done.steps)


def _shows_soon(state: ControlState, began: datetime, looks: int) -> bool:
    """Whether a job that *began* then wrote something that another look may prove, after as many *looks*."""
    sent = [each for each in state.corrections if each.sent_at and each.sent_at >= began]
    return any(looks == 0 or each.phase == "answered" for each in sent)


def _then(states: Sequence[ControlState], waiting: set[Waiting], pause: timedelta) -> Outcome:
    """Whether a later look is to go on, and when."""
    unreadable = {each.control for each in waiting if each.why == "unreadable"}
    unproven = {each.id for each in states if each.corrections} - unreadable
    coming = [each for each in waiting if each.why in {"another round", "an older replica", "turned away"}]
    if not coming and not unproven:
        return Done()
    pauses = [each.pause for each in coming if each.pause]
    return Again(max(pauses, default=pause))


class _Plan:
    """What the job does for one control after one look."""

    def __init__(  # noqa: PLR0913, PLR0917 - a plan, and all that it is made from
        self,
        case: gatekeeper.Case,
        journal: Journal,
        waiting: set[Waiting],
        control: Control,
        plan: Drifted,
        facts: Facts,
    ) -> None:
        self._case, self._journal, self._waiting = case, journal, waiting
        self._control, self._plan, self._facts = control, plan, facts

    @property
    def _state(self) -> ControlState:
        return self._journal.of(self._control.id)

    @property
    def _now(self) -> datetime:
        return self._case.clients.now()

    async def carry_out(self) -> None:
        """Ask the gates, announce the plan, and take its steps until the rest of it is put off."""
        if (need := self._unmet()) and need.corrections:
            self._wait("another round")
            return
        if too_soon(self._state, self._plan, self._now):
            self._wait("an older replica")
            return
        ruling = await gatekeeper.ask_for_plan(self._wish(), self._case.clients)
        if ruling.refusal and self._opens_soon(ruling.refusal):
            self._wait("another round")
            return
        if ruling.refusal:
            await self._journal.record(stopped(self._state, self._plan, ruling.refusal, ruling.mode, self._now), ruling)
            return
        if away := self._away():
            self._waiting.add(replace(away, control=self._control.id, key=""))
            await self._journal.record(put_off(self._state, "drifted", away.told, self._now))
            return
        await self._journal.record(begun(self._state, self._plan, self._now), ruling)
        for step in self._plan.steps:
            if step.last and any(self._state.memory_of(each).failed_at for each in self._plan.steps):
                await self._journal.record(put_off(self._state, "needs_person", self._state.detail, self._now))
            if self._state.is_planned(step):
                await self._take(step)

    def _unmet(self) -> ControlState | None:
        """The first control that this one needs and that is not right."""
        needed = [self._journal.of(need) for need in self._control.needs]
        return next((need for need in needed if need.state not in READY), None)

    def _away(self) -> Waiting | None:
        """What a service of the plan's was asked in vain for another; each zone of DNS has a host of its own."""
        services = {step.service for step in self._plan.steps} - {"dns"}
        return next((each for each in self._waiting if each.why == "turned away" and each.service in services), None)

    def _wait(self, why: Reason) -> None:
        self._waiting.add(Waiting(self._control.id, why))

    def _wait_for(self, step: Step, sent: TurnedAway) -> None:
        self._waiting.add(
            Waiting(self._control.id, "turned away", step.key, step.service, sent.error.pause, sent.sentence)
        )

    def _wish(self) -> gatekeeper.Wish:
        """What the gates are asked for, as the journal has it at this moment."""
        asked_by = self._case.asked_by(self._control)
        need = self._unmet()
        return gatekeeper.Wish(
            control=self._control.id,
            wanted=self._case.wanted,
            lease=self._case.lease,
            plan=self._plan,
            waits_for=need.id if need else "",
            exemption=self._journal.exemption(self._control.id),
            facts=self._facts,
            doors=partial(self._journal.look_at_doors, self._facts),
            approvals=self._journal.approvals,
            requested_by=asked_by,
            approved=self._case.job.plan if asked_by else None,
        )

    def _opens_soon(self, refusal: GateAnswer) -> bool:
        """Whether it only wants a lock that is proven, and that is being closed."""
        return NOT_PROVEN in refusal.reason and bool(self._journal.of(inbound_lockdown.CONTROL.id).corrections)

    async def _take(self, step: Step) -> None:
        """Note one step as sent, send it, and note what came of it."""
        noted = after_event(self._state, step, Sending(self._case.asked_at(self._control)), self._now)
        await self._journal.save(noted)
        await operations.add_step(self._case.job.operation_id, self._control.id, ShownStep.of(step), self._case.clients)
        sent = await send(step, self._wish(), self._case.clients)
        await self._journal.save(self._after(step, sent))

    def _after(self, step: Step, sent: Sent) -> ControlState:
        """The control's state after that, with the rest of the plan put off where it is not to be taken now."""
        state, now, by_hand = self._state, self._now, self._control.by_hand
        match sent:
            case Answered() | TooEarly() | StepRefused():
                return after_event(state, step, sent, now, by_hand)
            case Unanswered():
                return put_off(state, "drifted", state.detail, now)
            case Held(ruling, answer):
                return stopped(after_event(state, step, NotSent(), now), self._plan, answer, ruling.mode, now)
            case Overtaken(sentence):
                return self._overtaken(step, sentence, now)
            case TurnedAway() if step.service == "dns":  # only this zone's provider failed: go on with the others
                after = after_event(state, step, NotSent(sent.sentence, sent.hindrance), now, by_hand)
                if after.memory_of(step).failed_at != now:
                    self._wait_for(step, sent)
                return after
            case TurnedAway():
                self._wait_for(step, sent)
                return put_off(after_event(state, step, NotSent(sent.sentence), now), "drifted", sent.sentence, now)

    def _overtaken(self, step: Step, sentence: str, now: datetime) -> ControlState:
        """Somebody changed the records first: look again, and plan by what is there now.

        If DNS and the provider keep disagreeing, the provider hosts a different copy of the zone: a person is told.
        """
        met = Waiting(self._control.id, "a conflict", step.key)
        first = met not in self._waiting  # one job counts once
        event = NotSent(sentence, "conflict" if first else None)
        after = after_event(self._state, step, event, now, self._control.by_hand)
        if after.memory_of(step).failed_at == now:
            return after
        self._wait("another round" if first else "an older replica")
        self._waiting.add(met)
        return put_off(after, "drifted", f"{sentence}: nothing was written", now)
