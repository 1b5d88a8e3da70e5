"""Bring controls of one tenant to their wanted state: read again, plan, gate, apply, read again, record.

The message says where to look, never what was seen, so a late, doubled or reordered one does no harm. One worker at a
time works on a tenant (lease). A correction is written down before its first write and closed only by a read that
shows the wanted value: a crash anywhere in between is taken up where it stopped by whoever gets the message next.
"""

import asyncio
import logging
from typing import Any

from clients.connect import Clients
from clients.errors import AlreadyExists, ClientError, Refused, Throttled
from clients.storage.states import StatesMoved, TenantStates
from domain.control import Control, Drifted, Facts
from domain.controls import CATALOGUE
from domain.corrections import PROOF_PATIENCE, answered, begun, closed, given_to_person, proof, refused
from domain.gate import Answer, Ruling
from domain.jobs import ForeignMessage, RemediateTenant, parse
from domain.ledger import Entry, answers_view, of_transition
from domain.operations import ControlOutcome, ending, outcome
from domain.states import ControlState, Correction, Look, after_check
from domain.tenant import Mode
from handlers import gatekeeper, operations, park

log = logging.getLogger("holdfast.remediate")

BUSY_S = 15
"""Another worker has the tenant: come back after this."""

MOST_ATTEMPTS = 20
"""A job that was put back this often is let go: the next sweep asks again if there is still something to do."""

FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 60
"""Seconds between looks once the queue does the waiting for a proof: doubling, up to the longest."""

MOST_ROUNDS = 4
"""Looks at the tenant in one job: a control may wait for one other, and its object may come up with a second drift."""


async def run(body: bytes, clients: Clients) -> None:
    """Work on the controls that *body* names.

    Returns when each is settled, held, or handed back to the queue because a proof or a service needs more time.
    """
    try:
        job = parse(RemediateTenant, body)
    except ForeignMessage as foreign:
        await park.foreign("remediations", body, str(foreign), clients)
        return
    tenant = await clients.storage.tenants.get(job.tenant_id)
    if tenant is None:
        await operations.fail(job.operation_id, "the tenant is not configured", clients)
        return
    try:
        wanted = clients.wanted(tenant)
    except ValueError as mistake:  # the check that follows tells it in the states
        await operations.fail(job.operation_id, f"the tenant's config makes no sense: {mistake}", clients)
        return
    async with clients.storage.leases.hold(job.tenant_id) as lease:
        if lease is None:
            await later(job, BUSY_S, clients)
            return
        work = Work(gatekeeper.Case(job, wanted, lease, clients))
        try:
            await (work.show() if job.dry_run else work.settle())
        except Throttled as wait:
            await later(job, wait.retry_after_s or BUSY_S, clients)


async def later(job: RemediateTenant, delay_s: float, clients: Clients) -> None:
    """Give the job back to the queue, which waits without holding a worker."""
    if job.attempt < MOST_ATTEMPTS:
        await clients.storage.queues.remediate(job.again(), delay_s=delay_s)
        return
    log.warning("let_go tenant=%s controls=%s attempts=%d", job.tenant_id, ",".join(job.controls), job.attempt)
    await operations.fail(job.operation_id, f"no end after {job.attempt} attempts", clients)


class Work:
    """What one job does to the states of its controls."""

    def __init__(self, case: gatekeeper.Case) -> None:
        self._case = case
        job = case.job
        needed = {need for c in job.controls if c in CATALOGUE for need in CATALOGUE[c].needs}
        self._controls = [control for control in CATALOGUE.values() if control.id in {*job.controls, *needed}]
        self._states = TenantStates()
        self._once_more: set[str] = set()
        self._done: dict[str, ControlOutcome] = {}

    async def show(self) -> None:
        """Dry run: the exact steps of each control, written nowhere but into the operation."""
        facts = await self._look(self._controls)
        outcomes = tuple(self._shown(control, facts) for control in self._controls)
        state = ending(outcomes, looked_only=True)
        await operations.finish(self._case.job.operation_id, outcomes, state, self._case.clients)

    async def settle(self) -> None:
        """Round after round: look, write what may be written, prove it; then what had to wait for that."""
        self._states = await self._case.clients.storage.states.load(self._case.job.tenant_id)
        todo = self._controls
        for _ in range(MOST_ROUNDS):
            self._once_more.clear()
            facts = await self._look(todo)
            written = [control for control in todo if await self._begin(control, facts)]
            await self._prove(written)
            todo = [control for control in self._controls if control.id in self._once_more]
            if not todo or not written:
                break
        await self._hand_over()

    async def _look(self, controls: list[Control]) -> Facts:
        queries = [query for control in controls for query in control.queries]
        return Facts(await self._case.clients.read(self._case.wanted.tenant, queries))

    def _judged(self, before: ControlState, control: Control, facts: Facts, mode: Mode | None = None) -> ControlState:
        mode = mode or self._case.wanted.tenant.mode_of(control.id)
        look = Look(control, mode, facts.read_at(control.queries), self._case.clients.now())
        after = after_check(before, control.find(facts, self._case.wanted), look)
        return after.model_copy(update={"profile_version": self._case.wanted.profile.version})

    def _shown(self, control: Control, facts: Facts) -> ControlOutcome:
        return outcome(self._judged(ControlState(id=control.id), control, facts, "observe"))

    async def _begin(self, control: Control, facts: Facts) -> bool:
        """Write the control if it drifted and may be written. True: a write, now or earlier, awaits its proof."""
        state = self._states.of(control.id)
        if state.correction and not await self._close(control, facts, last_look=True):
            return True
        state = self._states.of(control.id)
        plan = control.find(facts, self._case.wanted)
        judged = self._judged(state, control, facts)
        if not isinstance(plan, Drifted) or (judged.state == "needs_person" and not self._case.job.requested_by):
            await self._record(judged)
            return False
        if need := self._open_need(control):
            await self._wait_for(need, judged, plan)
            return False
        ruling = await gatekeeper.ask(control, plan, facts, self._case)
        if ruling.refusal:
            mode = self._case.wanted.tenant.mode_of(control.id)
            await self._record(refused(judged, plan, ruling.refusal, mode, self._case.clients.now()), ruling)
            return False
        await self._record(begun(judged, plan, self._case.clients.now()), ruling)
        return await self._write(control, plan)

    def _open_need(self, control: Control) -> str | None:
        return next((need for need in control.needs if self._states.of(need).state != "compliant"), None)

    async def _wait_for(self, need: str, judged: ControlState, plan: Drifted) -> None:
        """Keep the plan's order: while the need is being put back another round follows; otherwise this is held."""
        if self._states.of(need).correction:
            self._once_more.add(judged.id)
            return
        answer = Answer("order", passed=False, reason=f"waits for {need}")
        await self._record(refused(judged, plan, answer, "correct", self._case.clients.now()))

    async def _write(self, control: Control, plan: Drifted) -> bool:
        """Take the steps of a correction that has been announced. True: it now waits for its proof."""
        state = self._states.of(control.id)
        for step in plan.steps:
            if stop := await gatekeeper.stopped(self._case):
                await self._record(refused(closed(state), plan, stop, "correct", self._case.clients.now()))
                return False
            try:
                await self._case.clients.apply(self._case.wanted.tenant, step)
            except AlreadyExists:
                continue  # the look that follows tells whether what exists is what is wanted
            except Refused as refusal:
                why = " ".join(filter(None, (refusal.sentence, refusal.remedy, control.by_hand)))
                await self._record(given_to_person(state, why, self._case.clients.now()))
                return False
            except Throttled as wait:
                await self._record(closed(state).becomes("drifted", self._case.clients.now(), detail=wait.sentence))
                raise
            except ClientError as unclear:
                log.warning("answer_lost tenant=%s control=%s %s", self._case.job.tenant_id, control.id, unclear)
                return True
        self._states = self._states.with_changes({control.id: answered(state)})
        return True

    async def _prove(self, written: list[Control]) -> None:
        """Look again, with patience for replication lag, until every write shows or the queue should do the waiting."""
        for pause_s in self._case.clients.rereads_s:
            if not written:
                return
            await asyncio.sleep(pause_s)
            facts = await self._look(written)
            written = [control for control in written if not await self._close(control, facts, last_look=False)]

    async def _close(self, control: Control, facts: Facts, *, last_look: bool) -> bool:
        """End the control's correction if this look allows it. *last_look*: what was lost may be written again."""
        state, now = self._states.of(control.id), self._case.clients.now()
        if state.correction is None:
            return True
        match proof(state.correction, control.find(facts, self._case.wanted), now):
            case "pending":
                return False
            case "write_again":
                if last_look:
                    self._states = self._states.with_changes({control.id: closed(state)})
                return last_look
            case "no_effect":
                why = f"written and answered, but it does not show after {PROOF_PATIENCE}. {control.by_hand}"
                await self._record(given_to_person(state, why, now))
            case "proven":
                await self._proven(control, state.correction, facts)
        return True

    async def _proven(self, control: Control, correction: Correction, facts: Facts) -> None:
        """Record the proof, before and after. A second drift of the same object gets another round."""
        before = closed(self._states.of(control.id))
        after = self._judged(before, control, facts)
        proof_of = Entry(
            event="corrected",
            control=control.id,
            drift=correction.drift,
            steps=correction.steps,
            before={drift["field"]: drift["found"] for drift in correction.drift},
            after={drift["field"]: drift["wanted"] for drift in correction.drift},
            of=correction.entry,
            profile_version=after.profile_version,
            at=self._case.clients.now(),
            **self._known(),
        )
        self._done[control.id] = outcome(after).model_copy(
            update={"drift": correction.drift, "steps": correction.steps}
        )
        if after.state == "drifted":
            self._once_more.add(control.id)
        log.info("corrected tenant=%s control=%s", self._case.job.tenant_id, control.id)
        await self._save({after.id: after}, [proof_of])

    async def _record(self, after: ControlState, ruling: Ruling | None = None) -> None:
        """Save a control's new state with its ledger entry; a state that says nothing new is left as it is."""
        at = after.correction.written_at if after.correction else self._case.clients.now()
        answers = answers_view(ruling) if ruling else ()
        entry = of_transition(self._states.of(after.id), after, at=at, answers=answers, **self._known())
        if entry:
            log.info("%s tenant=%s control=%s %s", entry.event, entry.tenant_id, entry.control, entry.detail)
            await self._save({after.id: after}, [entry])

    def _known(self) -> dict[str, Any]:
        job = self._case.job
        return {
            "tenant_id": job.tenant_id,
            "operation_id": job.operation_id,
            "requested_by": job.requested_by,
            "reason": job.reason,
        }

    async def _save(self, changed: dict[str, ControlState], entries: list[Entry]) -> None:
        """Write *changed* over what a check wrote meanwhile: under the lease, this look is the newer one."""
        table, tenant_id = self._case.clients.storage.states, self._case.job.tenant_id
        while True:
            try:
                self._states = await table.save(tenant_id, self._states.with_changes(changed), entries)
            except StatesMoved:
                changed = self._unproven() | changed
                self._states = await table.load(tenant_id)
            else:
                return

    def _unproven(self) -> dict[str, ControlState]:
        states = (self._states.of(control.id) for control in self._controls)
        return {state.id: state for state in states if state.correction}

    async def _hand_over(self) -> None:
        """Leave what is not proven yet to the queue, and tell the caller how things stand."""
        case = self._case
        if self._unproven() or self._once_more:
            await self._save(self._unproven(), [])
            await later(case.job, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**case.job.attempt), case.clients)
        outcomes = tuple(self._done.get(c.id) or outcome(self._states.of(c.id)) for c in self._controls)
        state = ending(outcomes, looked_only=False)
        await operations.finish(case.job.operation_id, outcomes, state, case.clients)
