"""Every plan passes here before anything is written, or is held with the reason. Pure: facts in, answers out.

In this order: brake, tenant enabled, freeze, exception, mode, guards, empty sets, breaker, blast radius.
Every answer up to and including the first refusal is kept, for the ledger.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.control import Control, Drifted
from domain.exemption import Exemption
from domain.guards import Guard
from domain.steps import digest
from domain.tenant import Wanted

BREAKER_LIMIT = 3
BREAKER_WINDOW = timedelta(hours=24)
"""The same control put back this often in this time: somebody else wants it otherwise."""

BLAST_WINDOW = timedelta(hours=1)
SMALL_FLEET = 10
"""Tenants an hour that the percentage never goes below: in a fleet of three, one third is one tenant."""


class Brake(BaseModel):
    """The kill switch."""

    model_config = ConfigDict(frozen=True)

    engaged: bool = False
    reason: str = ""
    by: str = ""
    changed_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that the gate looks at besides the plan.

    *corrections*: how often one of the plan's fields was put back within BREAKER_WINDOW. *requested_by*: the person who
    asked for this control to be put back. *approved*: the hash of the plan that this person has seen, where it is the
    only one that may be taken. *others*: who made its drift within BREAKER_WINDOW, as far as the audit feed has told.
    """

    now: datetime
    brake: Brake
    wanted: Wanted
    exemption: Exemption | None = None
    guard: Guard | None = None
    corrections: int = 0
    requested_by: str | None = None
    approved: str | None = None
    others: tuple[str, ...] = ()


type GateName = Literal[
    "brake",
    "tenant",
    "freeze",
    "exception",
    "mode",
    "approval",
    "guard",
    "order",
    "empty-set",
    "breaker",
    "blast-radius",
    "lease",
]


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """What one part of the gate said."""

    gate: GateName
    passed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answers in order; the plan passes when all did."""

    answers: tuple[GateAnswer, ...]

    @property
    def refusal(self) -> GateAnswer | None:
        return next((answer for answer in self.answers if not answer.passed), None)


def rule(control: Control, plan: Drifted, around: Circumstances) -> Ruling:
    """Ask every part of the gate except the blast radius, which is asked last, when a place has been reserved."""
    answers: list[GateAnswer] = []
    for ask in (_brake, _tenant, _freeze, _exception, _mode, _approval, _guard, _empty_set, _breaker):
        answers.append(ask(control, plan, around))
        if not answers[-1].passed:
            break
    return Ruling(tuple(answers))


def _brake(_control: Control, _plan: Drifted, around: Circumstances) -> GateAnswer:
    return GateAnswer("brake", not around.brake.engaged, around.brake.reason)


def _tenant(_control: Control, _plan: Drifted, around: Circumstances) -> GateAnswer:
    return GateAnswer(
        "tenant", around.wanted.tenant.enabled, "" if around.wanted.tenant.enabled else "switched off in its config"
    )


def _freeze(_control: Control, _plan: Drifted, around: Circumstances) -> GateAnswer:
    window = around.wanted.tenant.frozen_at(around.now)
    reason = f"frozen until {window.end.isoformat()}: {window.reason}" if window else ""
    return GateAnswer("freeze", window is None, reason)


def _exception(_control: Control, _plan: Drifted, around: Circumstances) -> GateAnswer:
    if around.exemption is None or not around.exemption.holds_at(around.now):
        return GateAnswer("exception", passed=True)
    return GateAnswer("exception", passed=False, reason=around.exemption.sentence)


def _mode(control: Control, plan: Drifted, around: Circumstances) -> GateAnswer:
    mode = around.wanted.tenant.mode_of(control.id)
    if around.approved and around.approved != digest(plan.steps):
        return GateAnswer("mode", passed=False, reason=f"waits for approval of plan {digest(plan.steps)}")
    if mode == "correct" or around.requested_by:
        return GateAnswer(
            "mode", passed=True, reason=f"asked for by {around.requested_by}" if around.requested_by else ""
        )
    if mode == "approve":
        return GateAnswer("mode", passed=False, reason=f"waits for approval of plan {digest(plan.steps)}")
    return GateAnswer("mode", passed=False, reason="the tenant is only observed")


def _approval(_control: Control, plan: Drifted, around: Circumstances) -> GateAnswer:
    """A plan that needs approval waits for it in every mode, and also where a person only asked for the control."""
    passed = not plan.needs_approval or around.approved == digest(plan.steps)
    return GateAnswer("approval", passed, "" if passed else f"waits for approval of plan {digest(plan.steps)}")


def _guard(control: Control, _plan: Drifted, around: Circumstances) -> GateAnswer:
    if not control.guarded:
        return GateAnswer("guard", passed=True)
    if around.guard is None:
        return GateAnswer("guard", passed=False, reason="the MX records were not read")
    return GateAnswer("guard", around.guard.passed, around.guard.reason)


_MAY_BE_EMPTY = frozenset({"Comment", "Expected"})
"""A comment, and what a change in DNS found: where there is nothing, the first record is made."""

_EMPTY_IF_ASKED = frozenset({"Wanted"})
"""What a change in DNS leaves: nothing, where a person has the first record taken back."""


def _empty_set(_control: Control, plan: Drifted, around: Circumstances) -> GateAnswer:
    allowed = _MAY_BE_EMPTY | (_EMPTY_IF_ASKED if around.requested_by else frozenset())
    empty = [
        name
        for step in plan.steps
        for name, value in step.parameters.items()
        if value in ((), "") and name not in allowed
    ]
    return GateAnswer("empty-set", not empty, f"would write nothing into {empty[0]}" if empty else "")


def _breaker(_control: Control, _plan: Drifted, around: Circumstances) -> GateAnswer:
    if around.corrections < BREAKER_LIMIT or around.requested_by:
        return GateAnswer("breaker", passed=True)
    others = ", ".join(around.others) or "somebody else, or another tool,"
    reason = f"put back {around.corrections} times in 24 hours: {others} undoes it"
    return GateAnswer("breaker", passed=False, reason=reason)


def blast_radius(rank: int, *, fleet: int, most_tenants: int, most_percent: int) -> GateAnswer:
    """Whether the tenant that is number *rank* (from 1) to be written within BLAST_WINDOW may be.

    The same drift everywhere at once is our mistake until shown otherwise.
    """
    share = max(SMALL_FLEET, fleet * most_percent // 100)
    limit = min(most_tenants, share)
    reason = f"blast radius: more than {limit} of {fleet} tenants would be written within an hour"
    return GateAnswer("blast-radius", rank <= limit, "" if rank <= limit else reason)
