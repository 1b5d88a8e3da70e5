"""What a remediation knows of its tenant's states, saved together with the ledger entries that tell of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Self

from clients.storage.states import StatesMoved, TenantStates
from domain.approval import Approval
from domain.controls import mx
from domain.corrections import Correction, followed_until
from domain.exemption import Exemption
from domain.facts import Facts
from domain.findings import Inventory, Removal
from domain.gate import Ruling
from domain.ledger import Entry, LedgerEvent, of_transition
from domain.lock import Doors
from domain.mail_flow import MailSeen
from domain.mx_moves import Sights
from domain.states import ControlState
from handlers.loop import mail
from handlers.loop.doors import DoorsSeen, doors_as, see_doors
from handlers.loop.gatekeeper import Case

READY = frozenset({"compliant", "not_applicable"})
"""States in which a control no longer keeps those waiting that need it."""


class Journal:
    """A tenant's states, under its lease: what is saved here is newer than what a check wrote meanwhile."""

    def __init__(self, case: Case, states: TenantStates) -> None:
        self._case, self._states, self._saved = case, states, states
        self._kept = dict[str, ControlState]()
        self._seen = list[DoorsSeen]()
        self._removal: Removal | None = None
        self._heard = MailSeen()
        self._followed, self._told = dict[str, datetime](), dict[str, Entry]()

    @classmethod
    async def open(cls, case: Case) -> Self:
        return cls(case, await case.clients.storage.states.load(case.job.tenant_id))

    @property
    def inventory(self) -> Inventory:
        """What is known of the tenant's findings; the one that the job removes is unwanted."""
        known = self._states.inventory(self._case.wanted.tenant, self._case.clients.now())
        return known.without(self._case.job.remove) if self._case.job.remove else known

    def mark(self, removal: Removal) -> None:
        """Keep how a removal stands: while it is under way, every look takes the finding for drift."""
        self._removal = removal
        self._states = self._remembering(self._states)

    def of(self, control_id: str) -> ControlState:
        return self._states.of(control_id)

    def exemption(self, control_id: str) -> Exemption | None:
        """The control's exception, as of the last save."""
        return self._states.exceptions.get(control_id)

    @property
    def approvals(self) -> Mapping[str, Approval]:
        """What a person answers for, by step key, as of the last save."""
        return self._states.approvals

    async def hear(self, facts: Facts, seen_of_mx: Sights | None = None) -> None:
        """Ask the tenant's message trace where it was never asked; by default *facts* tell of its MX."""
        clients, before = self._case.clients, self._states
        if before.mail.was_asked:
            return
        wanted, flow = self._case.knowing(self.inventory).wanted, mail.seen(before, facts, clients.now())
        domains = mx.guarded(facts, wanted, mx.sights(facts, wanted) if seen_of_mx is None else seen_of_mx)
        self._heard = await mail.read_on(flow, before.mx, domains, wanted, clients)
        self._states = self._remembering(before)

    async def look_at_doors(self, facts: Facts) -> Doors:
        """The doors that the effect guard judges; new sights of the MX are kept."""
        wanted = self._case.knowing(self.inventory).wanted
        seen = await see_doors(facts, wanted, self._states, self._case.clients)
        self._seen.append(seen)
        self._states = seen.remembered(self._states)
        if not self._states.mx.locked_at:
            await self.hear(facts, seen.sights)
        return doors_as(seen, facts, wanted, self._states, self._case.clients)

    def _remembering(self, states: TenantStates) -> TenantStates:
        """*states* with what this job saw of the tenant's doors, heard of its mail, and made of a finding."""
        for seen in self._seen:
            states = seen.remembered(states)
        if self._heard.was_asked and not states.mail.was_asked:
            states = states.hearing(self._heard)
        return (states.marking(self._removal) if self._removal else states).following(self._followed)

    def follow(self, controls: Iterable[str], after: timedelta = timedelta()) -> None:
        """Keep that a message that follows the corrections of *controls* comes *after* so long, or is at work."""
        self._followed |= dict.fromkeys(controls, followed_until(self._case.clients.now(), after))
        self._states = self._states.following(self._followed)

    async def record(self, after: ControlState, ruling: Ruling | None = None) -> None:
        """Keep a control's new state; what an operator would want to read is saved at once, with its entry."""
        if news := self._news(self.of(after.id), after, ruling):
            await self._save({after.id: after}, news)
        else:
            self._keep({after.id: after})

    def _keep(self, changed: Mapping[str, ControlState]) -> None:
        self._kept |= changed
        self._states = self._states.with_changes(changed)

    async def save(self, after: ControlState, ended: Sequence[Entry] = ()) -> None:
        """Save a control's new state now, with what *ended* and what else is news."""
        await self._save({after.id: after}, [*ended, *self._news(self.of(after.id), after)])

    async def save_all(self) -> None:
        """Save the changes that are not in the table yet, if there are any."""
        if self._states != self._saved:
            await self._save({}, [])

    async def ended(
        self, event: LedgerEvent, control_id: str, corrections: Sequence[Correction], detail: str = ""
    ) -> list[Entry]:
        """The entry that *corrections* of one plan have ended so; none where there are none."""
        if not corrections:
            return []
        drift = tuple(drift for each in corrections for drift in each.drift)
        entry = Entry(
            at=self._case.clients.now(),
            tenant_id=self._case.job.tenant_id,
            control=control_id,
            event=event,
            drift=drift,
            steps=tuple(each.step for each in corrections),
            before={each.field: each.found for each in drift},
            # Proven means compared and equal, so the value after is the wanted one.
            after={each.field: each.wanted for each in drift} if event == "corrected" else {},
            of=corrections[0].entry,
            detail=detail,
            profile_version=self._case.wanted.profile.version,
        )
        return [replace(self._signed(entry), finding=await _finding_of(corrections[0], self._told, self._case))]

    def _news(self, before: ControlState, after: ControlState, ruling: Ruling | None = None) -> list[Entry]:
        """The entry that announces *after*, unless the end of *before*'s corrections has said it already."""
        if before.corrections and after.state in READY:
            return []
        entry = of_transition(before, after, at=self._case.clients.now(), tenant_id=self._case.job.tenant_id)
        if entry is None:
            return []
        begun = after.announced and after.announced != before.announced and after.since
        return [self._signed(replace(entry, at=begun or entry.at, answers=ruling.answers if ruling else ()))]

    def _signed(self, entry: Entry) -> Entry:
        """*entry* with the person and the operation that this job works for."""
        job = self._case.job
        return replace(
            entry,
            operation_id=job.operation_id,
            actor=job.requested_by or "holdfast",
            requested_by=job.requested_by,
            reason=self._case.reason,
            finding=job.remove or "",
        )

    async def _save(self, changed: Mapping[str, ControlState], entries: Sequence[Entry]) -> None:
        """Write what this job made of its controls over what a check wrote meanwhile."""
        table, tenant_id = self._case.clients.storage.states, self._case.job.tenant_id
        self._keep(changed)
        self.follow(changed)
        while True:
            try:
                self._states = await table.save(tenant_id, self._states, entries)
            except StatesMoved:
                self._states = self._remembering(await table.load(tenant_id)).with_changes(self._kept)
            else:
                self._saved = self._states
                self._told |= {entry.id: entry for entry in entries}
                return


async def _finding_of(correction: Correction, told: Mapping[str, Entry], case: Case) -> str:
    """What it was to take away, as its announcement says: where this job has *told* none, another has."""
    entry = correction.entry
    announced = told.get(entry) or await case.clients.storage.ledger.get(case.job.tenant_id, entry)
    return announced.finding if announced else ""
