"""A person opens the lock: every restricting connector is loosened now, and the lock-down is held open until a date.

Mode, freeze, breaker and radius are passed. An engaged brake stops it: the operation then shows what to type by hand.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clients.connect import Clients
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
from domain.moments import to_the_second
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
"""So often while a write from before may still land, until LOST_PATIENCE is over; no attempt of the job is used."""


async def hold_open(operation_id: str | None, clients: Clients) -> None:
    """Hold the lock-down open before anything is loosened, once: no worker closes it from then on.

    Who has the tenant's lease asks the gate before each of its writes, and is stopped by the exception.
    """
    operation = await clients.storage.operations.get(operation_id or "")
    if operation is None or operation.has_ended or await _is_noted(operation, clients):
        return
    now = clients.now()

    def holding(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        held = _held(operation, states)
        said = [operation.told("exception_made", control, each.sentence) for control, each in held.items()]
        return states.excepting(held).seeing(LockSeen(now, held[LOCK.id].sentence)), said

    await clients.storage.states.change(operation.tenant_id, holding)


def _held(operation: Operation, states: TenantStates) -> dict[str, Exemption]:
    """By control, what holds it open; what was accepted before for longer ends no sooner."""
    until, by = _end(operation), operation.requested_by
    asked = Exemption(reason=f"held open: {operation.reason}", owner=by, until=until, held_open_until=until)
    return {control: asked.over(states.exceptions.get(control)) for control in HELD_OPEN}


def _told(said: str, operation: Operation, exceptions: Mapping[str, Exemption]) -> str:
    """What is *said*, and which of *exceptions* keep what from being closed for longer than was asked for."""
    held = {control: exceptions[control] for control in HELD_OPEN if control in exceptions}
    return "; ".join(filter(None, (said, way_out.stays_open(_end(operation), held))))


def _end(operation: Operation) -> datetime:
    return operation.until or operation.created_at


async def _is_noted(operation: Operation, clients: Clients) -> bool:
    """Whether an earlier delivery of the job has noted the exception, which a person may have ended since."""
    noted = operation.told("exception_made", LOCK.id)
    return await clients.storage.ledger.get(noted.tenant_id, noted.id) is not None


async def settle_way_out(case: gatekeeper.Case) -> Outcome:
    """Open the tenant, or find out whether an earlier delivery has. Again, until that shows."""
    operation = await case.clients.storage.operations.get(case.job.operation_id or "")
    if operation is None:
        return Done()
    return await _Opening(case, operation).settle()


@dataclass(frozen=True, slots=True)
class _Taken:
    """What came of the steps. *held*: why they were not all taken.

    *unsure*: one for a connector that does not restrict as read was not answered, so that it may come to restrict.
    """

    held: str = ""
    unsure: bool = False


class _Opening:
    """One opening, under the tenant's lease."""

    def __init__(self, case: gatekeeper.Case, operation: Operation) -> None:
        self._case, self._operation = case, operation

    async def settle(self) -> Outcome:
        """Announce, loosen, look again."""
        began_at = await self._began_at()
        begun = began_at is not None
        if not self._case.job.dry_run and not await self._is_held_open():
            return await self._no_longer(begun=begun)
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
        last_at = closing.last_at
        if plan:
            taken = await self._write(plan, facts)
            if taken.held:
                return await self._finish("held", taken.held, plan)
            last_at = closing.shows_by if taken.unsure else last_at
        return await self._prove(plan, last_at, began_at or self._case.clients.now())

    async def _began_at(self) -> datetime | None:
        """When an earlier delivery of the job began to loosen; None where none has."""
        operation, ledger = self._operation, self._case.clients.storage.ledger
        told = await ledger.events(operation.tenant_id, operation.created_at - timedelta(seconds=1), "opening")
        return next((each.at for each in told if each.operation_id == operation.id), None)

    async def _no_longer(self, *, begun: bool) -> Outcome:
        """The time for which it was to be held open is over, or a person has ended it."""
        if begun:
            return await self._finish("succeeded", "loosened, and no longer held open", None)
        return await self._finish("failed", "no longer held open before anything was loosened", None)

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
        steps = "these steps would be taken" if plan else "no connector refuses mail"
        why = _told(steps, self._operation, _held(self._operation, states))
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
        """Which connectors a person closes again, and what is about to be done, in one write."""
        now = self._case.clients.now()

        def announced(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
            noted = states.noting(others, declared, now)
            if begun:
                return noted, []
            held = {each: states.exceptions[each].sentence for each in HELD_OPEN if each in states.exceptions}
            said = (each if each == held.get(LOCK.id) else f"{control}: {each}" for control, each in held.items())
            told = _told("; ".join(dict.fromkeys(said)), self._operation, states.exceptions)
            entry = self._operation.told("opening", LOCK.id, told, plan)
            return noted, [replace(entry, at=now)]

        await self._case.clients.storage.states.change(self._operation.tenant_id, announced)

    async def _write(self, plan: Drifted, facts: Facts) -> _Taken:
        """Take the steps; a look has to tell what came of them."""
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
            return _Taken(f"{ruling.refusal.sentence}: type the lines shown by hand")
        refused, unsure, shows = [], False, way_out.opening(facts)
        for step in plan.steps:  # one that is refused keeps no other connector closed
            await self._show_step(step)
            sent = await send(step, wish, self._case.clients)
            if shows and step in shows.steps:
                if not isinstance(sent, Answered | Unanswered):
                    refused.append(f"{step.powershell}: not taken, type it by hand")
            else:  # a connector that does not restrict as read may not be there yet: later looks tell
                unsure = unsure or not isinstance(sent, Answered)
        return _Taken("; ".join(refused), unsure)

    async def _show_step(self, step: Step) -> None:
        """Show a step from the moment in which it is sent for the first time."""
        shown = {each.key for control in self._operation.controls for each in control.steps}
        if step.key not in shown:
            await operations.add_step(self._operation.id, LOCK.id, ShownStep.of(step), self._case.clients)

    async def _prove(self, plan: Drifted | None, last_at: datetime | None, began_at: datetime) -> Outcome:
        for pause_s in self._case.clients.rereads_s:
            if plan is None or way_out.opening(await self._look()) is None:
                if last_at:
                    return await self._wait(last_at)
                states = await self._case.clients.storage.states.load(self._operation.tenant_id)
                told = _told("no connector refuses mail any more", self._operation, states.exceptions)
                await self._case.clients.storage.ledger.append(self._operation.told("opened", LOCK.id, told, plan))
                return await self._finish("succeeded", told, plan)
            await asyncio.sleep(pause_s)
        if last_at:
            return await self._wait(last_at)
        if self._case.clients.now() - began_at < PROOF_PATIENCE:
            return Again(self._case.job.pause)
        return await self._finish("needs_person", f"it does not show after {PROOF_PATIENCE}", plan)

    async def _wait(self, last_at: datetime) -> Outcome:
        """Loosen again, and look again, until nothing that was written before can land any more."""
        why = f"a write from before may still close it: it is loosened again until {to_the_second(last_at)}"
        outcome = outcome_of_plan(LOCK.id, "excepted", why, None)
        await operations.finish(self._operation.id, (outcome,), "running", self._case.clients)
        return Again(LOOSENED_AGAIN_AFTER, counts=False)

    async def _finish(self, state: OperationState, why: str, plan: Drifted | None) -> Outcome:
        outcome = outcome_of_plan(LOCK.id, _STANDS.get(state, "needs_person"), why, plan)
        await operations.finish(self._operation.id, (outcome,), state, self._case.clients)
        await ask_for_look(self._operation.tenant_id, HELD_OPEN, self._case.clients)
        return Done()
