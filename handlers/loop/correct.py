"""What one remediation does to the controls of its tenant, under the tenant's lease.

A correction is written down before its first write, each step before it is sent, and only a look that finds the wanted
value closes it: a crash anywhere in between is taken up where it stopped by whoever gets the message next.
"""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime
from functools import partial

from clients import telemetry
from clients.errors import AlreadyExists, ClientError, Conflict, NotYet, Refused, Throttled, Unreachable
from clients.storage.states import StatesMoved, TenantStates
from domain.control import Control, Drifted, Facts, Judgement, Unknown
from domain.controls import CATALOGUE
from domain.controls.per_domain import receiving
from domain.corrections import Answered, Correction, NotSent, Sending, StepRefused, TooEarly
from domain.exemption import Exemption
from domain.gate import GateAnswer, Ruling
from domain.guards import Guard, lockdown
from domain.ledger import Entry, LedgerEvent, of_transition
from domain.mx_moves import Sights
from domain.operations import ControlOutcome, ending, outcome
from domain.plan import Judged, after_event, begun, judged, put_off, stopped, too_soon
from domain.states import ControlState, Look, after_check, open_steps
from domain.steps import ShownStep, Step
from domain.tenant import Mode
from handlers import operations
from handlers.loop import gatekeeper

log = logging.getLogger("holdfast.work")

MOST_ROUNDS = 4
"""Looks at the tenant in one job: a control may wait for one other, and its object may come up with a second drift."""

READY = frozenset({"compliant", "not_applicable"})
"""States in which a control no longer keeps those waiting that need it."""


class Work:
    """One job on one tenant."""

    def __init__(self, case: gatekeeper.Case) -> None:
        self._case = case
        needed = {need for control in case.job.controls for need in CATALOGUE[control].needs}
        self._controls = [control for control in CATALOGUE.values() if control.id in {*case.job.controls, *needed}]
        self._states = TenantStates()
        self._once_more: set[str] = set()
        self._unreadable: set[str] = set()
        self._calm: set[str] = set()
        self._done: dict[str, ControlOutcome] = {}
        self._sights = list[tuple[Sights, datetime]]()
        self._conflicts: set[str] = set()
        self._turned_away: dict[str, Throttled | Unreachable] = {}

    async def show(self) -> bool:
        """Dry run: the exact steps of each control, written nowhere but into the operation."""
        facts = await self._look(self._controls)
        blank = {control.id: ControlState(id=control.id) for control in self._controls}
        outcomes = tuple(outcome(self._judged(blank[c.id], c, facts, "observe")) for c in self._controls)
        state = ending(outcomes, looked_only=True)
        await operations.finish(self._case.job.operation_id, outcomes, state, self._case.clients)
        return True

    async def settle(self) -> bool:
        """Round after round: look, write what may be written, prove it; then what had to wait for that.

        Returns:
            Whether every control is settled; otherwise a later look is to go on where this one stopped.

        Raises:
            Throttled, Unreachable: A write did not leave. What goes to the host of another zone was taken care of.
        """
        self._states = await self._case.clients.storage.states.load(self._case.job.tenant_id)
        todo = self._controls
        for _ in range(MOST_ROUNDS):
            self._once_more.clear()
            facts = await self._look(todo)
            for control in todo:
                await self._take_up(control, facts)
            with telemetry.span("prove"):
                await self._prove()
            todo = [control for control in self._controls if control.id in self._once_more]
            if not todo:
                break
        settled = await self._finish()
        for error in self._turned_away.values():
            if isinstance(error, Throttled):
                raise error
        return settled and not self._turned_away

    async def _look(self, controls: list[Control]) -> Facts:
        with telemetry.span("look"):
            return await self._case.clients.reader.look(self._case.wanted, controls, dns="every_server")

    def _about(self, control: Control, facts: Facts, mode: Mode | None = None) -> Look:
        asked_at = self._case.job.asked_at if self._case.asked_by(control) else None
        mode = mode or ("correct" if asked_at else self._case.wanted.tenant.mode_of(control.id))
        if self._case.job.plan:  # what was refused is no part of the plan that was shown, and is not offered again
            asked_at = None
        return Look(control, mode, facts.read_at(control), self._case.clients.now(), asked_at, self._exemption(control))

    def _exemption(self, control: Control) -> Exemption | None:
        return self._states.exceptions.get(control.id)

    def _judged(self, before: ControlState, control: Control, facts: Facts, mode: Mode | None = None) -> ControlState:
        after = after_check(before, control.find(facts, self._case.wanted), self._about(control, facts, mode))
        return replace(after, profile_version=self._case.wanted.profile.version)

    async def _take_up(self, control: Control, facts: Facts) -> None:
        """Close what an earlier write left open, judge afresh, and write what drifted and may be written."""
        judgement = control.find(facts, self._case.wanted)
        await self._close(control, facts, judgement, patient=False)
        if self._states.of(control.id).corrections:
            return
        judged = self._judged(self._states.of(control.id), control, facts)
        await self._record(judged)
        if not isinstance(judgement, Drifted):
            return
        unblocked = open_steps(judged, judgement, self._about(control, facts))
        if steps := tuple(step for step in unblocked if step.key not in self._turned_away):
            await self._ask(control, judgement.only(steps), judged, facts)

    async def _ask(self, control: Control, plan: Drifted, judged: ControlState, facts: Facts) -> None:
        """Put *plan* to the gate, after those that come before it in order."""
        mode, now = self._case.wanted.tenant.mode_of(control.id), self._case.clients.now()
        if need := next((n for n in control.needs if self._states.of(n).state not in READY), None):
            if self._states.of(need).corrections:
                self._once_more.add(control.id)  # the need is being put back: another round follows
                return
            answer = GateAnswer("order", passed=False, reason=f"waits for {need}")
            await self._record(stopped(judged, plan, answer, mode, now))
            return
        if too_soon(judged, plan, now):
            self._calm.add(control.id)
            return
        guard = await self._guard(facts) if control.guarded else None
        ruling = await gatekeeper.ask(control, plan, self._case, exemption=self._exemption(control), guard=guard)
        if ruling.refusal:
            await self._record(stopped(judged, plan, ruling.refusal, mode, now), ruling)
            return
        await self._record(begun(judged, plan, self._case.clients.now()), ruling)
        await self._write(control, plan)

    async def _guard(self, facts: Facts) -> Guard:
        """Whether the lock-down may close: what the MX records are at this moment, and what is remembered of them."""
        case, now = self._case, self._case.clients.now
        sights = await case.clients.reader.mx(receiving(facts), case.wanted.profile.mx_suffixes)
        self._sights.append((sights, now()))
        self._states = self._remembering(self._states)
        return lockdown(sights, self._states.mx, now(), since=case.wanted.tenant.mx_at_filter_since)

    def _remembering(self, states: TenantStates) -> TenantStates:
        """*states* with what this job saw of the MX records; seen twice is remembered once."""
        memories = states.mx
        for sights, at in self._sights:
            memories = memories.after(sights, at, locked=False)
        return states.remembering(memories)

    async def _write(self, control: Control, plan: Drifted) -> None:
        """Take the steps of a correction that has been announced, until one does not go through."""
        for step in plan.steps:
            if not await self._send(control, plan, step):
                return

    async def _send(self, control: Control, plan: Drifted, step: Step) -> bool:
        """Take one step, noted as sent before it is. False: the steps after it are not taken now."""
        case, now = self._case, self._case.clients.now
        await self._save(
            {control.id: after_event(self._states.of(control.id), step, Sending(case.job.asked_at), now())}, []
        )
        await operations.add_step(case.job.operation_id, control.id, ShownStep.of(step), case.clients)
        permit = partial(gatekeeper.permit, control, case, self._exemption(control))  # as of the save just made
        told = Answered()
        try:
            with telemetry.span("apply", control=control.id, cmdlet=step.cmdlet):
                await case.clients.apply(case.wanted.tenant, step, permit)
        except gatekeeper.Stopped as stop:
            state = after_event(self._states.of(control.id), step, NotSent(), now())
            mode = case.wanted.tenant.mode_of(control.id)
            await self._record(stopped(state, plan, stop.answer, mode, now()))
            return False
        except Conflict as conflict:
            return await self._overtaken(control, step, conflict)
        except AlreadyExists:
            told = Answered(existed=True)  # the look that follows tells whether what exists is what is wanted
        except NotYet as early:
            await self._record(
                after_event(self._states.of(control.id), step, TooEarly(early.sentence), now(), control.by_hand)
            )
            return True
        except Refused as refusal:
            why = " ".join(filter(None, (refusal.sentence, refusal.remedy)))
            await self._record(after_event(self._states.of(control.id), step, StepRefused(why), now(), control.by_hand))
            return True
        except ClientError as error:
            return await self._not_done(control, step, error)
        await self._save({control.id: after_event(self._states.of(control.id), step, told, now())}, [])
        return True

    async def _overtaken(self, control: Control, step: Step, conflict: Conflict) -> bool:
        """Somebody changed the records first and nothing was written: look again, and plan by what is there now.

        Where every look shows what the provider denies, it holds another zone than the world asks: a person is told.
        """
        now, first = self._case.clients.now(), step.key not in self._conflicts
        event = NotSent(conflict.sentence, "conflict" if first else None)
        state = after_event(self._states.of(control.id), step, event, now, control.by_hand)
        if state.memory_of(step).failed_at == now:
            await self._record(state)
            return True
        (self._once_more if first else self._calm).add(control.id)
        self._conflicts.add(step.key)
        await self._record(put_off(state, "drifted", f"{conflict.sentence}: nothing was written", now))
        return False

    async def _not_done(self, control: Control, step: Step, error: ClientError) -> bool:
        """A step that was turned away undone is put off with the rest; one whose answer was lost is looked for."""
        if not isinstance(error, Throttled) and not (isinstance(error, Unreachable) and not error.sent):
            log.warning("answer_lost tenant=%s control=%s %s", self._case.job.tenant_id, control.id, error)
            return False
        if step.service == "dns":
            await self._not_reached(control, step, error)
            return True
        state = after_event(self._states.of(control.id), step, NotSent(error.sentence), self._case.clients.now())
        await self._record(put_off(state, "drifted", error.sentence, self._case.clients.now()))
        raise error

    async def _not_reached(self, control: Control, step: Step, error: Throttled | Unreachable) -> None:
        """One zone's host turned *step* away: the hosts of other zones, and the tenant itself, may be well.

        A host that stays silent is told to a person and left alone for hours: each try is three entries in the ledger.
        """
        now = self._case.clients.now()
        event = NotSent(error.sentence, "silence" if isinstance(error, Unreachable) else None)
        state = after_event(self._states.of(control.id), step, event, now, control.by_hand)
        if state.memory_of(step).failed_at != now:
            self._turned_away[step.key] = error
        await self._record(state)

    async def _prove(self) -> None:
        """Look again, with patience for replication lag, until every write shows or the queue should do the waiting."""
        for pause_s in self._case.clients.rereads_s:
            written = [control for control in self._controls if self._states.of(control.id).corrections]
            if not written:
                return
            await asyncio.sleep(pause_s)
            facts = await self._look(written)
            for control in written:
                judgement = control.find(facts, self._case.wanted)
                await self._close(control, facts, judgement, patient=True)
                if self._states.of(control.id).state == "drifted":
                    self._once_more.add(control.id)

    async def _close(self, control: Control, facts: Facts, judgement: Judgement, *, patient: bool) -> None:
        """Take away from the control's correction what this look settles, each with its entry in the ledger."""
        before = self._states.of(control.id)
        if not before.corrections:
            return
        if isinstance(judgement, Unknown) and not judgement.equal:
            if not control.asks_dns:  # where servers differ while a change spreads, they will not soon
                self._unreadable.add(control.id)
            return
        told = judged(before, judgement, self._case.clients.now(), patient=patient)
        if told.proven:
            telemetry.fixed(control.id, told.proven[0].seen_at, self._case.clients.now())
        entries = [entry for entry in self._closing(control, told) if entry]
        after = told.state if told.state.corrections else self._judged(told.state, control, facts)
        if after != before:
            await self._save({control.id: after}, [*entries, *self._news(before, after)])

    def _closing(self, control: Control, told: Judged) -> list[Entry | None]:
        if told.proven:
            drift = tuple(drift for each in told.proven for drift in each.drift)
            steps = tuple(each.step for each in told.proven)
            self._done[control.id] = ControlOutcome(id=control.id, state="compliant", drift=drift, steps=steps)
        gone = "what was written can no longer be found, or is one of several"
        return [
            self._entry(control, "corrected", told.proven, ""),
            self._entry(control, "superseded", told.superseded, gone),
        ]

    def _entry(self, control: Control, event: LedgerEvent, ended: tuple[Correction, ...], detail: str) -> Entry | None:
        if not ended:
            return None
        drift = tuple(drift for each in ended for drift in each.drift)
        return self._signed(
            Entry(
                event=event,
                control=control.id,
                drift=drift,
                steps=tuple(each.step for each in ended),
                before={each.field: each.found for each in drift},
                # Proven means compared and equal, so what was read again is what was wanted.
                after={each.field: each.wanted for each in drift} if event == "corrected" else {},
                of=ended[0].entry,
                detail=detail,
                at=self._case.clients.now(),
                tenant_id=self._case.job.tenant_id,
            )
        )

    async def _record(self, after: ControlState, ruling: Ruling | None = None) -> None:
        """Keep a control's new state; what an operator would want to read is saved at once, with its ledger entry."""
        news = self._news(self._states.of(after.id), after, ruling)
        if news:
            await self._save({after.id: after}, news)
        else:
            self._states = self._states.with_changes({after.id: after})

    def _news(self, before: ControlState, after: ControlState, ruling: Ruling | None = None) -> list[Entry]:
        """The entry that announces *after*, unless closing *before*'s correction has said it already."""
        if before.corrections and after.state in READY:
            return []
        entry = of_transition(before, after, at=self._case.clients.now(), tenant_id=self._case.job.tenant_id)
        if entry is None:
            return []
        at = after.since if after.announced and after.announced != before.announced and after.since else entry.at
        return [self._signed(replace(entry, at=at, answers=ruling.answers if ruling else ()))]

    def _signed(self, entry: Entry) -> Entry:
        """*entry* with the person and the operation that this job works for."""
        job = self._case.job
        return replace(
            entry,
            operation_id=job.operation_id,
            actor=job.requested_by or "holdfast",
            requested_by=job.requested_by,
            reason=self._case.reason,
        )

    async def _save(self, changed: dict[str, ControlState], entries: list[Entry]) -> None:
        """Write *changed* over what a check wrote meanwhile: under the lease, this look is the newer one."""
        table, tenant_id = self._case.clients.storage.states, self._case.job.tenant_id
        while True:
            try:
                self._states = await table.save(tenant_id, self._states.with_changes(changed), entries)
            except StatesMoved:
                changed = {c.id: self._states.of(c.id) for c in self._controls} | changed
                self._states = self._remembering(await table.load(tenant_id))
            else:
                return

    async def _finish(self) -> bool:
        """Save how each control stands, tell the caller, and say whether all are settled.

        What cannot be read is left to the next sweep: asking again at once would only add to the queue.
        """
        await self._save({}, [])
        states = [self._states.of(control.id) for control in self._controls]
        outcomes = tuple(self._outcome(state) for state in states)
        await operations.finish(
            self._case.job.operation_id, outcomes, ending(outcomes, looked_only=False), self._case.clients
        )
        waiting = {state.id for state in states if state.corrections} - self._unreadable
        return not (waiting or self._once_more or self._calm)

    def _outcome(self, state: ControlState) -> ControlOutcome:
        """How a control ended, with the steps that were taken for it, if any were."""
        done, stands = self._done.get(state.id), outcome(state)
        if done is None or stands.steps:
            return stands
        return replace(stands, drift=done.drift, steps=done.steps)
