"""Put the before-image of one ledger entry back, and accept it for a while, so that no sweep fights it.

The same gate is asked as before any other write; what a person asks for passes mode and breaker, nothing else. The
exception and the entry that announces the undo are written together, before the first step is sent.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from clients.errors import ClientError, Conflict, Refused, Throttled
from domain import undo
from domain.control import Drifted, Facts
from domain.controls import CATALOGUE
from domain.controls.per_domain import receiving
from domain.corrections import PROOF_PATIENCE
from domain.exemption import Exemption
from domain.guards import Guard, lockdown
from domain.jobs import CheckTenant
from domain.ledger import Entry, Image, LedgerEvent
from domain.operations import ControlOutcome, Operation
from domain.states import StateName, drift_view, step_view
from domain.steps import ShownStep
from handlers import operations
from handlers.loop import gatekeeper
from handlers.on_request import ACCEPTED_FOR

log = logging.getLogger("holdfast.undo")


async def settle(case: gatekeeper.Case) -> bool:
    """Work on the undo that the job names. Returns whether it has ended."""
    storage, job = case.clients.storage, case.job
    operation = await storage.operations.get(job.operation_id or "")
    entry = await storage.ledger.get(job.tenant_id, job.undo or "")
    if operation is None or entry is None:
        await operations.fail(job.operation_id, "the ledger entry is gone", case.clients)
        return True
    return await _Undo(case, operation, entry).settle()


type _End = Literal["succeeded", "held", "needs_person", "failed"]

_STANDS: Mapping[_End, StateName] = MappingProxyType(
    {"succeeded": "excepted", "held": "held", "needs_person": "needs_person", "failed": "unknown"}
)
"""How the control stands once its undo has ended so."""


class _Undo:
    """One undo, under the tenant's lease."""

    def __init__(self, case: gatekeeper.Case, operation: Operation, entry: Entry) -> None:
        self._case, self._operation, self._entry = case, operation, entry
        self._control = CATALOGUE[entry.control]

    async def settle(self) -> bool:
        """Read, put back what is as we left it, read again.

        Returns:
            Whether it has ended; otherwise a later look is to see whether it shows.
        """
        states = await self._case.clients.storage.states.load(self._case.job.tenant_id)
        if states.of(self._control.id).corrections:
            return False
        facts = await self._look()
        if (standing := self._standing(facts)) in {"before", "unknown", "changed"}:
            return await self._end(standing, undo.needed(self._entry, facts))
        if not await self._announced():
            try:
                ended = await self._write(undo.plan(self._entry, facts), facts)
            except undo.CannotUndo as why:
                return await self._finish("needs_person", f"{why}: undo it by hand. {self._control.by_hand}")
            if ended:
                return True
        return await self._prove()

    async def _announced(self) -> bool:
        """Whether an earlier delivery has come to its writes. They are not sent again: a look tells."""
        said = self._said("undoing", "")
        return await self._case.clients.storage.ledger.get(said.tenant_id, said.id) is not None

    async def _look(self) -> Facts:
        return await self._case.clients.reader.look(self._case.wanted, [self._control], dns="every_server")

    def _standing(self, facts: Facts) -> undo.Standing:
        return undo.standing(self._entry, self._control.find(facts, self._case.wanted))

    async def _write(self, plan: Drifted, facts: Facts) -> bool:
        """Ask the gate, announce, and take the steps. Returns whether that has ended it."""
        guard = await self._guard(plan, facts) if self._control.guarded else None
        ruling = await gatekeeper.ask(self._control, plan, self._case, exemption=None, guard=guard)
        if ruling.refusal:
            return await self._finish("held", f"{ruling.refusal.gate}: {ruling.refusal.reason}", plan)
        await self._announce(plan)
        for number, step in enumerate(plan.steps):
            await operations.add_step(self._operation.id, self._control.id, ShownStep.of(step), self._case.clients)
            try:
                await self._case.clients.apply(
                    self._case.wanted.tenant, step, lambda: gatekeeper.permit(self._control, self._case)
                )
            except gatekeeper.Stopped as stop:
                return await self._give_up("held", f"{stop.answer.gate}: {stop.answer.reason}", plan, number)
            except Throttled as wait:
                return await self._give_up("held", f"not sent: {wait.sentence}", plan, number)
            except Refused as refusal:
                return await self._give_up("needs_person", f"{refusal.sentence} {refusal.remedy}", plan, number)
            except Conflict as changed:
                why = f"{changed.sentence}: somebody has changed it since. {self._control.by_hand}"
                return await self._give_up("needs_person", why, plan, number)
            except ClientError as lost:  # it may have happened: the look that follows tells
                log.warning("answer_lost tenant=%s control=%s %s", self._operation.tenant_id, self._control.id, lost)
        return False

    async def _guard(self, plan: Drifted, facts: Facts) -> Guard:
        """The lock-down's guard; what only takes the lock off needs none, and may be what mends the mail."""
        if undo.only_opens(plan):
            return Guard(passed=True, reason="it only opens")
        case = self._case
        sights = await case.clients.reader.mx(receiving(facts), case.wanted.profile.mx_suffixes)
        states = await case.clients.storage.states.load(case.job.tenant_id)
        return lockdown(sights, states.mx, case.clients.now(), since=case.wanted.tenant.mx_at_filter_since)

    async def _announce(self, plan: Drifted) -> None:
        """The exception, and what is about to be done, in one write."""
        reason = f"undo of {self._entry.id}. {self._operation.reason}".strip()
        until = self._operation.until or self._operation.created_at + ACCEPTED_FOR
        states = await self._case.clients.storage.states.load(self._operation.tenant_id)
        earlier = states.exceptions.get(self._control.id)
        until = max(until, earlier.until) if earlier else until
        exemption = Exemption(reason=reason, owner=self._operation.requested_by, until=until)
        replaced: Image = {"exception": earlier.model_dump(mode="json")} if earlier else {}
        made = replace(self._said("exception_made", exemption.sentence), before=replaced)
        undoing = replace(self._said("undoing", ""), drift=drift_view(plan.drift), steps=step_view(plan.steps))
        await self._except(exemption, [made, undoing])

    async def _give_up(self, state: _End, why: str, plan: Drifted, sent: int) -> bool:
        """What was not sent is not undone. Where nothing was, nothing is to be accepted either."""
        if sent == 0:
            await self._accept_no_longer(f"nothing was undone: {why}")
        return await self._finish(state, why, plan)

    async def _accept_no_longer(self, why: str) -> None:
        """The undo's exception ends; one that a person had made before holds again."""
        ended = self._said("exception_ended", why)
        made = await self._case.clients.storage.ledger.get(ended.tenant_id, self._said("exception_made", "").id)
        earlier = made.before.get("exception") if made else None
        await self._except(Exemption.model_validate(earlier) if earlier else None, [ended])

    async def _except(self, exemption: Exemption | None, entries: list[Entry]) -> None:
        await self._case.clients.storage.states.change(
            self._operation.tenant_id, lambda states: (states.excepting({self._control.id: exemption}), entries)
        )

    async def _prove(self) -> bool:
        for pause_s in self._case.clients.rereads_s:
            await asyncio.sleep(pause_s)
            standing = self._standing(await self._look())
            if standing in {"before", "changed"}:
                return await self._end(standing)
        if self._case.clients.now() - self._operation.created_at < PROOF_PATIENCE:
            return False
        why = f"it does not show after {PROOF_PATIENCE}"
        await self._accept_no_longer(why)
        return await self._finish("needs_person", f"{why}: undo it by hand. {self._control.by_hand}")

    async def _end(self, standing: undo.Standing, needed: str = "") -> bool:
        if standing == "unknown":
            return await self._finish("failed", "the tenant could not be read: nothing was written")
        if standing == "changed":
            since = "the tenant is neither as the entry left it nor as it was before: somebody has changed it since"
            why = needed or since
            return await self._finish("needs_person", f"{why}. {self._control.by_hand}")
        proven = replace(self._said("undone", ""), after={each.field: each.found for each in self._entry.drift})
        await self._case.clients.storage.ledger.append(proven)
        log.info("undone tenant=%s control=%s entry=%s", self._operation.tenant_id, self._control.id, self._entry.id)
        return await self._finish("succeeded", f"as it was before {self._entry.id}")

    async def _finish(self, state: _End, why: str, plan: Drifted | None = None) -> bool:
        """Tell the caller, and have the control's state say how it stands now."""
        drift = drift_view(plan.drift) if plan else ()
        outcome = ControlOutcome(id=self._control.id, state=_STANDS[state], drift=drift, detail=why)
        await operations.finish(self._operation.id, (outcome,), state, self._case.clients)
        look = CheckTenant(tenant_id=self._operation.tenant_id, controls=(self._control.id,))
        await self._case.clients.storage.queues.send(look)
        return True

    def _said(self, event: LedgerEvent, detail: str) -> Entry:
        """An entry of this undo; each is the same one however often the job is delivered."""
        operation = self._operation
        return Entry(
            at=operation.created_at,
            tenant_id=operation.tenant_id,
            control=self._control.id,
            event=event,
            detail=detail,
            of=self._entry.id,
            actor=operation.requested_by,
            requested_by=operation.requested_by,
            reason=operation.reason,
            operation_id=operation.id,
        )
