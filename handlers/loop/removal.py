"""What one remediation does for a person who has a finding removed: its steps and no other, and how that stands."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from domain.control import Control, shows
from domain.facts import Facts
from domain.findings import HeldRemoval, Removal
from domain.ledger import Entry
from domain.states import ControlState, waits_for_owner
from domain.steps import Step, digest
from handlers.loop.gatekeeper import Case


class Removing:
    """The finding that a job takes away. Where the job is another one it changes nothing."""

    def __init__(self, case: Case) -> None:
        self._case, self._finding = case, case.job.remove or ""
        self._facts: dict[str, Facts] = {}
        self._proven = False
        self._plan = ""

    def asked_for(self, control: Control, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """Those of *steps* that take the finding away; all of them where nobody has one removed."""
        if not self._is_about(control):
            return steps
        return tuple(step for step in steps if self._finding in step.removes)

    def plans(self, control: Control, steps: tuple[Step, ...]) -> None:
        """Keep what is about to be asked for."""
        if self._is_about(control):
            self._plan = digest(steps)

    def saw(self, control: Control, facts: Facts) -> None:
        """Keep the last look at the control."""
        if self._is_about(control):
            self._facts[control.id] = facts

    def proves(self, entries: Iterable[Entry]) -> None:
        """Keep whether what was proven belongs to this finding: another job may have begun it, for another."""
        self._proven = self._proven or any(each.finding == self._finding for each in entries)

    def stands(self, case: Case, controls: Iterable[Control], states: Sequence[ControlState]) -> Removal | None:
        """How it stands after the job, which left *states*; None where nobody has a finding removed.

        Gone is what the last look has not any more; where that does not tell, what was proven to be taken away.
        """
        if not self._finding:
            return None
        if any(each.corrections for each in states):
            return Removal(self._finding, case.job.operation_id or "")
        there = [shown for each in controls if (shown := self._shows(each, case)) is not None]
        if not any(there) if there else self._proven:
            return Removal(self._finding, gone_at=case.clients.now())
        held = (each for each in states if each.plan == self._plan and waits_for_owner(each))
        return Removal(
            self._finding, held=next((HeldRemoval(each.plan, each.steps, each.detail) for each in held), None)
        )

    def _shows(self, control: Control, case: Case) -> bool | None:
        """Whether the last look at *control* has the finding; None where it does not tell."""
        known, facts = case.wanted.inventory.known.get(self._finding), self._facts.get(control.id)
        if known is None or facts is None or control.id != known.control:
            return None
        wanted = replace(case.wanted, inventory=case.wanted.inventory.leaving(self._finding))
        return shows(control.find(facts, wanted), known)

    def _is_about(self, control: Control) -> bool:
        return bool(self._finding and self._case.asked_by(control))
