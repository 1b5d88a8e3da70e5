"""Every wish to write passes here before anything is written, or is held with the reason. Pure: facts in, answers out.

The gates are asked about a plan, and all of them again, on fresh circumstances, before each of its writes. Every answer
up to and including the first refusal is kept, for the ledger.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.approval import Approval
from domain.control import Drifted
from domain.effects import effects, leaves_certificate
from domain.exemption import Exemption
from domain.facts import Facts
from domain.findings import STOPS_A_CLOSE, Finding, Inventory, open_findings, to_be_answered
from domain.lock import NOT_PROVEN, Doors
from domain.steps import Step, digest
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
    the config as it is now; None where it is gone. *waits_for*: the control that has to be right before. *facts*:
    the tenant as it was read for the plan. *doors*: its MX and its lock; None where they were not looked at, which
    stops what changes them. *approvals*: by step key, what a person answers for. *undoing*: a person has a ledger entry
    put back.
    *way_out*: a person has every restricting connector loosened.
    *put_back*: how often one of the plan's fields was, within BREAKER_WINDOW, and
    *others*: who made that drift, as far as the audit feed has told. *requested_by*: the person who asked for this.
    *approved*: the digest of the plan that this person has seen, where it is the only one that may be taken.
    *moved*: the tenant is held to another version of its profile by now than the steps were planned for.
    """

    now: datetime
    control: str
    wanted: Wanted
    tenant: TenantConfig | None
    brake: Brake
    waits_for: str = ""
    exemption: Exemption | None = None
    facts: Facts | None = None
    doors: Doors | None = None
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    undoing: bool = False
    way_out: bool = False
    put_back: int = 0
    others: tuple[str, ...] = ()
    requested_by: str | None = None
    approved: str | None = None
    lease_lost: bool = False
    moved: bool = False

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
    "rehearsal",
    "order",
    "empty-set",
    "breaker",
    "radius",
    "blast-radius",
    "lease",
]
"""Who answers. `blast-radius` is what entries of the first round call `radius`."""


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
        if around.way_out and name not in NONE_PASSES:
            continue
        answers.append(gate(name, plan, around))
        if not answers[-1].passed:
            break
    return Ruling(tuple(answers), around.mode)


def _order(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    return _unless(name, f"waits for {around.waits_for}" if around.waits_for else "")


def _tenant(name: GateName, _plan: Drifted | None, around: Circumstances) -> GateAnswer:
    if around.tenant is None or not around.tenant.enabled:
        return _unless(name, "switched off in its config")
    if around.moved:
        return _unless(name, "it was moved to another version of its profile meanwhile")
    planned = around.wanted.tenant
    if around.tenant.dns != planned.dns:
        return _unless(name, "its DNS providers were changed meanwhile")
    asks = (around.tenant.overrides, around.tenant.service_connectors) == (
        planned.overrides,
        planned.service_connectors,
    )
    return _unless(name, "" if asks else "its overrides or service connectors were changed meanwhile")


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


def _guard(name: GateName, plan: Drifted | None, around: Circumstances) -> GateAnswer:
    """Judge what the steps would make of the tenant's doors, whoever planned them.

    What refuses more needs the MX guard. What lets in more needs the lock to be proven, or a person who answers for
    that very step; an undo is a person's word. A plan that takes from the lock itself has no proof of it to rest on,
    in none of its steps. What refuses the filter's own mail passes nobody's word.
    """
    if plan is None:
        return _unless(name, "")
    wanted = replace(around.wanted, tenant=around.tenant or around.wanted.tenant)
    taken = list(zip(plan.steps, effects(plan.steps, around.facts or Facts({}), wanted), strict=True))
    closes = any(effect.closing for _, effect in taken)
    if closes and (against := _against_closing(plan, around)):
        return _unless(name, against)
    if stopping := [said for _, effect in taken for said in effect.stopping]:
        return _unless(
            name, f"{stopping[0]}: switch the filter's connector on first, or take off what the other one restricts"
        )
    opening = [said for step, effect in taken for said in effect.opening if not _is_answered_for(step, around)]
    unlocks = any(effect.unlocking for _, effect in taken)
    if opening and not around.undoing and (against := _ITSELF if unlocks else _against_opening(around)):
        return _unless(name, f"{NOT_PROVEN}: {against}; {opening[0]}")
    return GateAnswer(name, passed=True, reason=around.doors.closing.reason if closes and around.doors else "")


def _rehearsal(name: GateName, plan: Drifted | None, around: Circumstances) -> GateAnswer:
    """What the first close would refuse has been read from the message trace, and a person has answered for it."""
    doors = around.doors
    if doors is None or plan is None or (doors.rehearsed.passed and not doors.rehearsed.reason):
        return _unless(name, "")
    if not any(effect.closing for effect in effects(plan.steps, around.facts or Facts({}), around.wanted)):
        return _unless(name, "")
    return GateAnswer(name, doors.rehearsed.passed, doors.rehearsed.reason)


def _against_closing(plan: Drifted, around: Circumstances) -> str:
    """The MX guard, and before the first close the findings of those whose mail it would refuse."""
    if around.doors is None:
        return "the MX records were not read"
    closing = around.doors.closing
    against = "" if closing.passed else closing.reason or "the MX guard does not let it close"
    waiting = [] if around.doors.seen_locked else _stopping(plan, around.wanted.inventory)
    named = to_be_answered(each for each in waiting if each.sentence not in against)
    return "; ".join(filter(None, (against, named)))


def _stopping(plan: Drifted, inventory: Inventory) -> list[Finding]:
    """The findings, of whichever control, that hold the first close until a person has answered them."""
    known = {each.id: each for each in (*open_findings(inventory), *plan.findings) if not each.noted}
    return [each for each in known.values() if each.kind in STOPS_A_CLOSE and inventory.is_open(each)]


def _against_opening(around: Circumstances) -> str:
    return around.doors.unproven(around.now) if around.doors else "the tenant's doors were not read"


_ITSELF = "the plan takes from the lock itself"


def _is_answered_for(step: Step, around: Circumstances) -> bool:
    approval = around.approvals.get(step.key)
    return approval is not None and approval.counts_at(around.now)


_MAY_BE_EMPTY = frozenset({"Comment", "Expected", "AssociatedAcceptedDomains"})
"""A comment; what a change in DNS found: where there is nothing, the first record is made; and the scope of a lock,
which has none where it is for every domain."""

_EMPTY_IF_ASKED = frozenset({
    "Wanted", "IPAllowList", "AllowedSenders", "AllowedSenderDomains", "EFSkipIPs",
})  # fmt: skip
"""May be empty only where a person asked: an undo deletes the record that we created, a removal the last way in."""


def _empty_set(name: GateName, plan: Drifted | None, around: Circumstances) -> GateAnswer:
    allowed = _MAY_BE_EMPTY | (_EMPTY_IF_ASKED if around.requested_by else frozenset())
    given = [(step, *pair) for step in (plan.steps if plan else ()) for pair in step.parameters.items()]
    empty = [
        parameter
        for step, parameter, value in given
        if value in ((), "") and parameter not in allowed and not _takes_strangers_off(step, parameter, around)
    ]
    return _unless(name, f"would write nothing into {empty[0]}" if empty else "")


def _takes_strangers_off(step: Step, parameter: str, around: Circumstances) -> bool:
    """Whether a person has the last address taken off a connector that a declared certificate still limits."""
    if parameter != "SenderIPAddresses" or not around.requested_by:
        return False
    wanted = replace(around.wanted, tenant=around.tenant or around.wanted.tenant)
    return leaves_certificate(step, around.facts or Facts({}), wanted)


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
    ("rehearsal", _rehearsal),
    ("empty-set", _empty_set),
    ("breaker", _breaker),
    ("lease", _lease),
    ("brake", _brake),
)
"""All of them, in their order: what is cheap to mend is told first, and the brake is the last question before a write.

Only the blast radius is asked apart, since asking takes a place within it.
"""


NONE_PASSES: frozenset[GateName] = frozenset({"empty-set", "lease", "brake"})
"""What the way out passes neither: mail that is being refused waits for no mode, freeze or radius."""


def radius_limit(fleet: int, *, most_tenants: int, most_percent: int) -> int:
    """How many tenants of *fleet* may get steps of one signature within BLAST_WINDOW."""
    return min(most_tenants, max(SMALL_FLEET, fleet * most_percent // 100))


def blast_radius(signature: str, rank: int, *, fleet: int, limit: int) -> GateAnswer:
    """Whether the tenant that is number *rank* (from 1) to get steps of *signature* within BLAST_WINDOW may.

    *limit*: the `radius_limit` of *fleet*. The same drift everywhere at once is our mistake until shown otherwise.
    """
    return _unless(
        "radius", "" if rank <= limit else f"more than {limit} of {fleet} tenants would get {signature} within an hour"
    )
