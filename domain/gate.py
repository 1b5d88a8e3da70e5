"""Every wish to write passes here before anything is written, or is held with the reason. Pure: facts in, answers out.

The gates are asked about a plan, and all of them again, on fresh circumstances, before each of its writes. Every answer
up to and including the first refusal is kept, for the ledger.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.control import Drifted
from domain.exemption import Exemption
from domain.guards import Guard
from domain.steps import digest
from domain.tenant import Mode, TenantConfig, Wanted

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """All that the gates look at besides the steps, as it is at *now*.

    *control*: the id by which the tenant's config gives a mode. *wanted*: what the steps were planned for, and *tenant*
    the config as it is now; None where it is gone. *waits_for*: the control that has to be right before. *guard*: None
    where it was not asked, which stops. *put_back*: how often one of the plan's fields was, within BREAKER_WINDOW, and
    *others*: who made that drift, as far as the audit feed has told. *requested_by*: the person who asked for this.
    *approved*: the digest of the plan that this person has seen, where it is the only one that may be taken.
    """

    now: datetime
    control: str
    wanted: Wanted
    tenant: TenantConfig | None
    brake: Brake
    waits_for: str = ""
    exemption: Exemption | None = None
    guard: Guard | None = None
    put_back: int = 0
    others: tuple[str, ...] = ()
    requested_by: str | None = None
    approved: str | None = None
    lease_lost: bool = False

    @property
    def mode(self) -> Mode:
        return (self.tenant or self.wanted.tenant).mode_of(self.control)


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
    """What one gate said."""

    gate: GateName
    passed: bool
    reason: str = ""

    @property
    def sentence(self) -> str:
        """Why not, for a person; what other people decided speaks for itself."""
        return self.reason if self.gate in {"exception", "mode", "approval"} else f"{self.gate}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answers in order; the steps may be taken when all passed. *mode*: of the control, when they were given."""

    answers: tuple[GateAnswer, ...]
    mode: Mode = "correct"

    @property
    def refusal(self) -> GateAnswer | None:
        return next((answer for answer in self.answers if not answer.passed), None)


def rule(plan: Drifted | None, around: Circumstances) -> Ruling:
    """Ask every gate, up to the first that refuses."""
    answers: list[GateAnswer] = []
    for name, gate in GATES:
        answers.append(gate(name, plan, around))
        if not answers[-1].passed:
            break
    return Ruling(tuple(answers), around.mode)


def _order(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    return _unless(name, f"waits for {around.waits_for}" if around.waits_for else "")


def _tenant(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    if around.tenant is None or not around.tenant.enabled:
        return _unless(name, "switched off in its config")
    moved = around.tenant.dns != around.wanted.tenant.dns
    return _unless(name, "its DNS providers were changed meanwhile" if moved else "")


def _freeze(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    window = around.tenant.frozen_at(around.now) if around.tenant else None
    return _unless(name, f"frozen until {window.end.isoformat()}: {window.reason}" if window else "")


def _exception(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    accepted = around.exemption and around.exemption.holds_at(around.now)
    return _unless(name, around.exemption.sentence if around.exemption and accepted else "")


def _mode(name: GateName, plan: Drifted | None, around: Circumstances) -> GateAnswer:
    waits = _waits(plan) if plan else "its mode is approve"
    if around.approved and not (plan and around.approved == digest(plan.steps)):
        return _unless(name, waits)
    if around.requested_by:
        return GateAnswer(name, passed=True, reason=f"asked for by {around.requested_by}")
    return _unless(name, {"correct": "", "approve": waits, "observe": "the tenant is only observed"}[around.mode])


def _approval(name: GateName, plan: Drifted | None, around: Circumstances) -> GateAnswer:
    """A plan that needs approval waits for it in every mode, and also where a person only asked for the control."""
    waits = plan and plan.needs_approval and around.approved != digest(plan.steps)
    return _unless(name, _waits(plan) if plan and waits else "")


def _waits(plan: Drifted) -> str:
    return f"waits for approval of plan {digest(plan.steps)}"


def _guard(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    if around.guard is None:
        return _unless(name, "the MX records were not read")
    return GateAnswer(name, around.guard.passed, around.guard.reason)


_MAY_BE_EMPTY = frozenset({"Comment", "Expected"})
"""A comment, and what a change in DNS found: where there is nothing, the first record is made."""

_EMPTY_IF_ASKED = frozenset({"Wanted"})
"""May be empty only in an undo, which deletes the record that we created."""


def _empty_set(name: GateName, plan: Drifted | None, around: Circumstances) -> GateAnswer:
    allowed = _MAY_BE_EMPTY | (_EMPTY_IF_ASKED if around.requested_by else frozenset())
    given = [pair for step in (plan.steps if plan else ()) for pair in step.parameters.items()]
    empty = [parameter for parameter, value in given if value in ((), "") and parameter not in allowed]
    return _unless(name, f"would write nothing into {empty[0]}" if empty else "")


def _breaker(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    if around.put_back < BREAKER_LIMIT or around.requested_by:
        return _unless(name, "")
    others = ", ".join(around.others) or "somebody else, or another tool,"
    return _unless(name, f"put back {around.put_back} times in 24 hours: {others} undoes it")


def _lease(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    return _unless(name, "the lease on the tenant was lost" if around.lease_lost else "")


def _brake(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    return GateAnswer(name, not around.brake.engaged, around.brake.reason)


def _unless(name: GateName, against: str) -> GateAnswer:
    """Passed, unless something speaks against it."""
    return GateAnswer(name, not against, against)


type _Gate = Callable[[GateName, Drifted | None, Circumstances], GateAnswer]

GATES: tuple[tuple[GateName, _Gate], ...] = (
    ("order", _order),
    ("tenant", _tenant),
    ("freeze", _freeze),
    ("exception", _exception),
    ("mode", _mode),
    ("approval", _approval),
    ("guard", _guard),
    ("empty-set", _empty_set),
    ("breaker", _breaker),
    ("lease", _lease),
    ("brake", _brake),
)
"""All of them, in their order: what is cheap to mend is told first, and the brake is the last question before a write.

Only the blast radius is asked apart, since asking takes a place within it.
"""


def blast_radius(rank: int, *, fleet: int, most_tenants: int, most_percent: int) -> GateAnswer:
    """Whether the tenant that is number *rank* (from 1) to be written within BLAST_WINDOW may be.

    The same drift everywhere at once is our mistake until shown otherwise.
    """
    share = max(SMALL_FLEET, fleet * most_percent // 100)
    limit = min(most_tenants, share)
    reason = f"blast radius: more than {limit} of {fleet} tenants would be written within an hour"
    return GateAnswer("blast-radius", rank <= limit, "" if rank <= limit else reason)
