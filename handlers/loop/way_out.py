"""A person opens the lock: every restricting connector is loosened now, and the lock-down is held open until a date.

Mode, freeze, breaker and radius are passed. An engaged brake stops it: the operation then shows what to type by hand.
"""

import asyncio
from datetime import datetime, timedelta

from clients.storage.states import TenantStates
from domain import way_out
from domain.control import Drifted
from domain.controls import CATALOGUE
from domain.corrections import LOST_PATIENCE, PROOF_PATIENCE, Answered, Unanswered
from domain.exemption import Exemption
from domain.facts import DoubtError, Facts
from domain.findings import Finding
from domain.jobs import Again, Done, Outcome
from domain.ledger import Entry
from domain.lock import LockSeen
from domain.operations import Operation, OperationState, outcome_of_plan
from domain.states import StateName
from domain.steps import ShownStep, Step
from handlers import operations
from handlers.loop import gatekeeper
from handlers.loop.check import ask_for_look
from handlers.loop.send import send

LOCK = CATALOGUE["inbound-lockdown"]
HELD_OPEN = (LOCK.id, "service-connectors")
"""What would close a connector again."""

_STANDS: dict[OperationState, StateName] = {"succeeded": "excepted", "held": "held", "failed": "unknown"}
"""How the lock-down stands after an opening that ended so; a person is needed after any other."""

LOOSENED_AGAIN_AFTER = timedelta(seconds=75)
"""So often while a write from before may still land: LOST_PATIENCE is over before the job's attempts are."""


async def settle_way_out(case: gatekeeper.Case) -> Outcome:
    """Open the tenant, or find out whether an earlier delivery has. Again, until that shows."""
    operation = await case.clients.storage.operations.get(case.job.operation_id or "")
    if operation is None:
        return Done()
    return await _Opening(case, operation).settle()


class _Opening:
    """One opening, under the tenant's lease."""

    def __init__(self, case: gatekeeper.Case, operation: Operation) -> None:
        self._case, self._operation = case, operation

    async def settle(self) -> Outcome:
        """Announce, loosen, look again."""
        begun = await self._is_announced()
        if begun and not await self._is_held_open():
            return await self._finish("succeeded", "loosened, and no longer held open", None)
        try:
            facts = await self._look()
            closing = await self._closing(facts)
            plan, others = way_out.opening(facts, closing.connectors), way_out.of_others(facts, self._case.wanted)
            declared = way_out.of_declared(facts, self._case.wanted)
        except DoubtError as doubt:
            if begun:
                return Again(max(self._case.job.pause, LOOSENED_AGAIN_AFTER))
            return await self._finish("failed", f"the connectors could not be read: {doubt}", None)
        if self._case.job.dry_run:
            return await self._show(plan)
        await self._announce(plan, others, declared, begun=begun)
        if plan and (held := await self._write(plan, facts)):
            return await self._finish("held", held, plan)
        return await self._prove(plan, closing.last_at)

    async def _is_announced(self) -> bool:
        """Whether an earlier delivery of the job has begun."""
        said = self._operation.told("opening", LOCK.id)
        return await self._case.clients.storage.ledger.get(said.tenant_id, said.id) is not None

    async def _is_held_open(self) -> bool:
        states = await self._case.clients.storage.states.load(self._operation.tenant_id)
        held = states.exceptions.get(LOCK.id)
        return held is not None and held.holds_at(self._case.clients.now())

    async def _closing(self, facts: Facts) -> way_out.PendingClose:
        """What we wrote before, and what of it may still land."""
        operation, ledger = self._operation, self._case.clients.storage.ledger
        since = operation.created_at - LOST_PATIENCE
        entries = await ledger.events(operation.tenant_id, since, *way_out.WRITES)
        return way_out.closing(entries[::-1], facts, operation.created_at, self._case.clients.now())

    async def _show(self, plan: Drifted | None) -> Outcome:
        """What would be taken; nothing is written."""
        states = await self._case.clients.storage.states.load(self._operation.tenant_id)
        why = "these steps would be taken" if plan else "no connector refuses mail"
        outcome = outcome_of_plan(LOCK.id, states.of(LOCK.id).state, why, plan)
        await operations.finish(self._operation.id, (outcome,), "succeeded", self._case.clients)
        return Done()

    async def _look(self) -> Facts:
        return await self._case.clients.reader.look(self._case.wanted, [LOCK], dns="cached")

    async def _announce(
        self,
        plan: Drifted | None,
        others: tuple[Finding, ...],
        declared: dict[str, tuple[str, ...]],
        *,
        begun: bool,
    ) -> None:
        """What is held open, which connectors a person closes again, and what is about to be done, in one write."""
        operation, now = self._operation, self._case.clients.now()
        until = operation.until or now
        asked = Exemption(
            reason=f"held open: {operation.reason}",
            owner=operation.requested_by,
            until=until,
            held_open_until=until,
        )

        def announced(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
            noted = states.noting(others, declared, now)
            if begun:
                return noted, []
            held = {each: asked.over(states.exceptions.get(each)) for each in HELD_OPEN}
            said = dict.fromkeys(
                each.sentence if each == held[LOCK.id] else f"{control}: {each.sentence}"
                for control, each in held.items()
            )
            entry = operation.told("opening", LOCK.id, "; ".join(said), plan)
            return noted.excepting(held).seeing(LockSeen(now, held[LOCK.id].sentence)), [entry]

        await self._case.clients.storage.states.change(operation.tenant_id, announced)

    async def _write(self, plan: Drifted, facts: Facts) -> str:
        """Take the steps. Returns why they were not all taken; empty where a look has to tell what came of them."""
        wish = gatekeeper.Wish(
            control=LOCK.id,
            wanted=self._case.wanted,
            lease=self._case.lease,
            plan=plan,
            facts=facts,
            way_out=True,
            requested_by=self._operation.requested_by,
        )
        ruling = await gatekeeper.ask_for_plan(wish, self._case.clients)
        if ruling.refusal:
            return f"{ruling.refusal.sentence}: type the lines shown by hand"
        refused, shows = [], way_out.opening(facts)
        for step in plan.steps:  # one that is refused keeps no other connector closed
            await self._show_step(step)
            sent = await send(step, wish, self._case.clients)
            # A connector that does not restrict as read may not be there yet: later looks tell.
            if not isinstance(sent, Answered | Unanswered) and shows and step in shows.steps:
                refused.append(f"{step.powershell}: not taken, type it by hand")
        return "; ".join(refused)

    async def _show_step(self, step: Step) -> None:
        """Show a step from the moment in which it is sent for the first time."""
        shown = {each.key for control in self._operation.controls for each in control.steps}
        if step.key not in shown:
            await operations.add_step(self._operation.id, LOCK.id, ShownStep.of(step), self._case.clients)

    async def _prove(self, plan: Drifted | None, last_at: datetime | None) -> Outcome:
        for pause_s in self._case.clients.rereads_s:
            if plan is None or way_out.opening(await self._look()) is None:
                if last_at:
                    return await self._wait(last_at)
                opened = self._operation.told("opened", LOCK.id, "no connector refuses mail", plan)
                await self._case.clients.storage.ledger.append(opened)
                return await self._finish("succeeded", "no connector refuses mail any more", plan)
            await asyncio.sleep(pause_s)
        if last_at:
            return await self._wait(last_at)
        if self._case.clients.now() - self._operation.created_at < PROOF_PATIENCE:
            return Again(self._case.job.pause)
        return await self._finish("needs_person", f"it does not show after {PROOF_PATIENCE}", plan)

    async def _wait(self, last_at: datetime) -> Outcome:
        """Loosen again, and look again, until nothing that was written before can land any more."""
        why = f"a write from before may still close it: it is loosened again until {last_at:%Y-%m-%d %H:%M:%S} UTC"
        outcome = outcome_of_plan(LOCK.id, "excepted", why, None)
        await operations.finish(self._operation.id, (outcome,), "running", self._case.clients)
        return Again(max(self._case.job.pause, LOOSENED_AGAIN_AFTER))

    async def _finish(self, state: OperationState, why: str, plan: Drifted | None) -> Outcome:
        outcome = outcome_of_plan(LOCK.id, _STANDS.get(state, "needs_person"), why, plan)
        await operations.finish(self._operation.id, (outcome,), state, self._case.clients)
        await ask_for_look(self._operation.tenant_id, HELD_OPEN, self._case.clients)
        return Done()
