"""Put the before-image of one ledger entry back, with an exception for a while, so that no check corrects it again.

The same gate is asked as before any other write; what a person asks for passes mode and breaker, nothing else. The
exception and the entry that announces the undo are written together, before the first step is sent.
"""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from clients.connect import Clients
from clients.storage.states import TenantStates
from domain import undo
from domain.control import Drifted
from domain.controls import CATALOGUE
from domain.corrections import PROOF_PATIENCE, Answered, StepRefused, TooEarly, Unanswered
from domain.exemption import Exemption
from domain.facts import Facts
from domain.jobs import Again, Done, Outcome
from domain.ledger import Entry, Image, LedgerEvent
from domain.lock import DOORS, Doors
from domain.operations import ControlOutcome, Operation, outcome_of_plan
from domain.states import StateName, drift_view
from domain.steps import ShownStep
from handlers import operations
from handlers.loop import gatekeeper
from handlers.loop.check import ask_for_look
from handlers.loop.doors import look_at_doors
from handlers.loop.send import Held, Overtaken, Sent, TurnedAway, send
from handlers.on_request import ACCEPTED_FOR


async def settle_undo(case: gatekeeper.Case) -> Outcome:
    """Work on the undo that the job names. Again, while a correction is under way or what was written may show."""
    storage, job = case.clients.storage, case.job
    operation = await storage.operations.get(job.operation_id or "")
    entry = await storage.ledger.get(job.tenant_id, job.undo or "")
    if operation is None or entry is None:
        await operations.fail(job.operation_id, "the ledger entry is gone", case.clients)
        return Done()
    states = await storage.states.load(job.tenant_id)
    if states.of(entry.control).corrections:
        return Again(job.pause)
    inventory = states.inventory(case.wanted.tenant, case.clients.now())
    # Put back, what was removed would be a finding, and equal: to see that it is back it has to count as drift.
    undoing = _Undo(case.knowing(inventory.without(entry.finding)), operation, entry)
    if case.job.dry_run:
        await undoing.show(states.of(entry.control).state)
        return Done()
    ending = await undoing.settle()
    if ending is None:
        return Again(job.pause)
    await undoing.finish(ending)
    return Done()


async def withdraw(operation_id: str | None, why: str, clients: Clients) -> None:
    """Take back what an undo that ends without its worker has announced, where none of its steps was sent."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    if operation is None or operation.kind != "undo" or operation.has_ended or _was_sent(operation):
        return
    entry = await clients.storage.ledger.get(operation.tenant_id, operation.entry)
    if entry:
        await _Account(operation, entry, clients).accept_no_longer(f"nothing was undone: {why}")


def _was_sent(operation: Operation) -> bool:
    """Whether a step was shown, which it is before it is sent."""
    return any(each.steps for each in operation.controls)


@dataclass(frozen=True, slots=True)
class _Ending:
    """How an undo ended, and the plan of which something is left."""

    state: Literal["succeeded", "held", "needs_person", "failed"]
    why: str
    plan: Drifted | None = None

    @property
    def control(self) -> StateName:
        """How the control stands after it."""
        match self.state:
            case "succeeded":
                return "excepted"
            case "failed":
                return "unknown"
            case _:
                return self.state


class _Undo:
    """One undo, under the tenant's lease."""

    def __init__(self, case: gatekeeper.Case, operation: Operation, entry: Entry) -> None:
        self._case, self._operation, self._entry = case, operation, entry
        self._control = CATALOGUE[entry.control]
        self._account = _Account(operation, entry, case.clients)

    async def settle(self) -> _Ending | None:
        """Read, put back what is as we left it, read again. None: a later look finds out whether the writes show."""
        facts = await self._look()
        standing, was_sent = self._standing(facts), _was_sent(self._operation)
        if was_sent and standing in {"before", "changed"}:
            return await self._ending(standing, facts)
        if not was_sent and (ending := await self._begin(standing, facts)):
            return ending
        return await self._proven()

    async def _begin(self, standing: undo.Standing, facts: Facts) -> _Ending | None:
        """Take the steps, of which none was sent before; None where only a later look can tell their outcome."""
        if await self._account.is_withdrawn():
            return _Ending("failed", "its exception was ended before anything was undone")
        if standing == "before":
            await self._account.announce()
            return await self._ending(standing, facts)
        if standing in {"changed", "unknown"}:
            return await self._nothing_undone(self._judged(standing, facts))
        plan = self._plan(facts)
        return await (self._nothing_undone(plan) if isinstance(plan, _Ending) else self._write(plan, facts))

    async def _nothing_undone(self, ending: _Ending) -> _Ending:
        """*ending*, where no step was taken: so no exception is needed, if an earlier delivery has made one."""
        await self._account.accept_no_longer(f"nothing was undone: {ending.why}")
        return ending

    async def show(self, state: StateName) -> None:
        """Tell the steps that would be taken; nothing is written. *state*: how the control stands."""
        facts = await self._look()
        if (standing := self._standing(facts)) in {"before", "unknown", "changed"}:
            ending = self._judged(standing, facts)
        else:
            found = self._plan(facts)
            ending = found if isinstance(found, _Ending) else _Ending("succeeded", "these steps would be taken", found)
        outcome = outcome_of_plan(self._control.id, state, ending.why, ending.plan)
        await operations.finish(self._operation.id, (outcome,), ending.state, self._case.clients)

    def _plan(self, facts: Facts) -> Drifted | _Ending:
        try:
            return undo.plan(self._entry, facts)
        except undo.CannotUndo as why:
            return _Ending("needs_person", f"{why}: undo it by hand. {self._control.by_hand}")

    async def _look(self) -> Facts:
        return await self._case.clients.reader.look(
            self._case.wanted, [self._control], dns="every_server", beside=DOORS
        )

    def _standing(self, facts: Facts) -> undo.Standing:
        return undo.standing(self._entry, self._control.find(facts, self._case.wanted), facts)

    async def _write(self, plan: Drifted, facts: Facts) -> _Ending | None:
        """Ask the gates, announce, and take the steps; None where only a later look can tell their outcome."""
        wish = gatekeeper.Wish(
            control=self._control.id,
            wanted=self._case.wanted,
            lease=self._case.lease,
            plan=plan,
            facts=facts,
            doors=partial(self._doors, facts),
            undoing=True,
            requested_by=self._case.asked_by(self._control),
        )
        ruling = await gatekeeper.ask_for_plan(wish, self._case.clients)
        if ruling.refusal:
            return await self._nothing_undone(_Ending("held", ruling.refusal.sentence, plan))
        await self._account.announce(plan)
        for step in plan.steps:
            await operations.add_step(self._operation.id, self._control.id, ShownStep.of(step), self._case.clients)
            sent = await send(step, wish, self._case.clients)
            if ending := self._stopped(sent, plan):
                return await self._nothing_undone(ending) if step is plan.steps[0] else ending
        return None

    def _stopped(self, sent: Sent, plan: Drifted) -> _Ending | None:
        """How the undo ends where a step was not taken: what was not sent is not undone."""
        match sent:
            case Answered() | Unanswered():
                return None
            case Held(_, answer):
                return _Ending("held", answer.sentence, plan)
            case TurnedAway():
                return _Ending("held", f"not sent: {sent.sentence}", plan)
            case TooEarly(why) | StepRefused(why):
                return _Ending("needs_person", why, plan)
            case Overtaken(sentence):
                why = f"{sentence}: somebody has changed it since. {self._control.by_hand}"
                return _Ending("needs_person", why, plan)

    async def _doors(self, facts: Facts) -> Doors:
        states = await self._case.clients.storage.states.load(self._case.job.tenant_id)
        doors, _ = await look_at_doors(facts, self._case.wanted, states, self._case.clients)
        return doors

    async def _proven(self) -> _Ending | None:
        standing: undo.Standing = "unknown"
        for pause_s in self._case.clients.rereads_s:
            await asyncio.sleep(pause_s)
            facts = await self._look()
            if (standing := self._standing(facts)) in {"before", "changed"}:
                return await self._ending(standing, facts)
        if self._case.clients.now() - self._operation.created_at < PROOF_PATIENCE:
            return None
        if standing == "unknown":
            why = f"it was written, and in {PROOF_PATIENCE} no read could prove it: the exception stays"
            return _Ending("needs_person", f"{why}. {self._control.by_hand}")
        why = f"it does not show after {PROOF_PATIENCE}"
        await self._account.accept_no_longer(why)
        return _Ending("needs_person", f"{why}: undo it by hand. {self._control.by_hand}")

    async def _ending(self, standing: undo.Standing, facts: Facts) -> _Ending:
        if standing == "before":
            await self._account.undone(undo.now(self._entry, facts))
        return self._judged(standing, facts)

    def _judged(self, standing: undo.Standing, facts: Facts) -> _Ending:
        """How an undo ends that finds the tenant as it was, changed by somebody, or unreadable."""
        if standing == "unknown":
            return _Ending("failed", "the tenant could not be read: nothing was written")
        if standing == "changed":
            since = "the tenant is neither as the entry left it nor as it was before: somebody has changed it since"
            why = undo.needed(self._entry, facts) or since
            return _Ending("needs_person", f"{why}. {self._control.by_hand}")
        return _Ending("succeeded", f"as it was before {self._entry.id}")

    async def finish(self, ending: _Ending) -> None:
        """Tell the caller, and have the control's state say how it stands now."""
        drift = drift_view(ending.plan.drift) if ending.plan else ()
        outcome = ControlOutcome(id=self._control.id, state=ending.control, drift=drift, detail=ending.why)
        await operations.finish(self._operation.id, (outcome,), ending.state, self._case.clients)
        await ask_for_look(self._operation.tenant_id, (self._control.id,), self._case.clients)


class _Account:
    """What an undo says in ledger and exceptions. Each entry is the same one however often the job is delivered."""

    def __init__(self, operation: Operation, entry: Entry, clients: Clients) -> None:
        self._operation, self._entry, self._clients = operation, entry, clients

    async def is_withdrawn(self) -> bool:
        """Whether an earlier delivery has made the exception, and a person has ended it since."""
        if await self._made() is None:
            return False
        states = await self._clients.storage.states.load(self._operation.tenant_id)
        return self._entry.control not in states.exceptions

    async def _made(self) -> Entry | None:
        """The entry of the exception, where an earlier delivery has made it."""
        said = self._said("exception_made")
        return await self._clients.storage.ledger.get(said.tenant_id, said.id)

    async def announce(self, plan: Drifted | None = None) -> None:
        """The exception, and what is about to be done, in one write; once, however often the job is delivered."""
        if await self._made():
            return
        control, operation = self._entry.control, self._operation
        until = operation.until or operation.created_at + ACCEPTED_FOR
        reason = f"undo of {self._entry.id}. {operation.reason}".strip()
        asked = Exemption(reason=reason, owner=operation.requested_by, until=until)

        def announced(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
            earlier = states.exceptions.get(control)
            exemption = asked.over(earlier)
            replaced: Image = {"exception": earlier.model_dump(mode="json")} if earlier else {}
            made = replace(self._said("exception_made", exemption.sentence), before=replaced)
            undoing = [self._said("undoing", plan=plan)] if plan else []
            return states.excepting({control: exemption}), [made, *undoing]

        await self._clients.storage.states.change(operation.tenant_id, announced)

    async def accept_no_longer(self, why: str) -> None:
        """The undo's exception ends, and one that a person had made before holds again; one made since stays."""
        control, ended = self._entry.control, self._said("exception_ended", why)
        made = await self._made()
        if made is None:
            return

        def given_back(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
            standing = states.exceptions.get(control)
            if standing is None or standing.sentence != made.detail:
                return states, []
            earlier = made.before.get("exception")
            return states.excepting({control: Exemption.model_validate(earlier) if earlier else None}), [ended]

        await self._clients.storage.states.change(self._operation.tenant_id, given_back)

    async def undone(self, now: Image) -> None:
        proven = replace(self._said("undone"), after=now)
        await self._clients.storage.ledger.append(proven)

    def _said(self, event: LedgerEvent, detail: str = "", plan: Drifted | None = None) -> Entry:
        return replace(self._operation.told(event, self._entry.control, detail, plan), of=self._entry.id)
