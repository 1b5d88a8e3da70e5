"""Gather what the gates look at, and ask them. The gates themselves are pure (domain/gate.py)."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from clients.connect import Clients
from clients.storage.leases import Lease
from domain.control import Control, Drifted
from domain.exemption import Exemption
from domain.gate import (
    BLAST_WINDOW,
    BREAKER_WINDOW,
    Brake,
    Circumstances,
    GateAnswer,
    Ruling,
    blast_radius,
    rule,
)
from domain.guards import Guard
from domain.incident import Incident
from domain.jobs import RemediateTenant
from domain.tenant import Wanted
from handlers.operators import tell_operators


@dataclass(frozen=True, slots=True)
class Case:
    """One job on one tenant, under its lease. *reason*: what the person who asked gave, if one did."""

    job: RemediateTenant
    wanted: Wanted
    lease: Lease
    clients: Clients
    reason: str = ""

    def asked_by(self, control: Control) -> str | None:
        """Who asked for *control*; prerequisites pulled in for another control do not count as requested."""
        return self.job.requested_by if control.id in self.job.controls else None

    def asked_at(self, control: Control) -> datetime | None:
        """Since when each step of *control* may be tried once more; a plan that was shown has none that was refused."""
        return self.job.asked_at if self.asked_by(control) and not self.job.plan else None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be written, and for whom: the gates are asked about it, and again before each of its writes.

    *plan*: None where what is written is no step. *guard*: looks anew at each asking; `unguarded` where nobody's mail
    can be refused. The other fields are those of `Circumstances`.
    """

    control: str
    wanted: Wanted
    lease: Lease
    guard: Callable[[], Awaitable[Guard]]
    plan: Drifted | None = None
    waits_for: str = ""
    exemption: Exemption | None = None
    requested_by: str | None = None
    approved: str | None = None


async def unguarded() -> Guard:
    return Guard(passed=True)


class Stopped(Exception):  # noqa: N818 - it is the answer, not a fault
    """A write may not go out after all; *ruling* says why, *answer* is its refusal."""

    def __init__(self, ruling: Ruling, answer: GateAnswer) -> None:
        super().__init__(answer.reason)
        self.ruling = ruling
        self.answer = answer


async def ask_for_plan(wish: Wish, clients: Clients) -> Ruling:
    """Whether the wish's plan may be begun: every gate, and then a place within the blast radius."""
    ruling, brake = await _ask(wish, clients)
    if ruling.refusal:
        return ruling
    place = await _reserve(wish.wanted.tenant.tenant_id, brake, clients)
    return replace(ruling, answers=(*ruling.answers, place))


async def permit(wish: Wish, clients: Clients) -> None:
    """The last question before a write goes out, asked of what is true at this moment.

    Raises:
        Stopped: A gate says no by now: the brake was pulled, the config changed, the drift was accepted, or the like.
    """
    ruling, _ = await _ask(wish, clients)
    if ruling.refusal:
        raise Stopped(ruling, ruling.refusal)


async def _ask(wish: Wish, clients: Clients) -> tuple[Ruling, Brake]:
    """Every gate's answer, and the brake as it was then: it is read last."""
    now, storage, tenant_id = clients.now(), clients.storage, wish.wanted.tenant.tenant_id
    fields = [drift.field for drift in wish.plan.drift] if wish.plan else []
    put_back = Counter[str]()
    if fields:
        put_back = await storage.ledger.put_back(tenant_id, wish.control, now - BREAKER_WINDOW)
    around = Circumstances(
        now=now,
        control=wish.control,
        wanted=wish.wanted,
        waits_for=wish.waits_for,
        exemption=wish.exemption,
        guard=await wish.guard(),
        put_back=max((put_back[field] for field in fields), default=0),
        others=await _others(wish, clients) if put_back else (),
        requested_by=wish.requested_by,
        approved=wish.approved,
        tenant=await storage.tenants.get(tenant_id),
        brake=await storage.switches.brake(),
        lease_lost=wish.lease.lost,
    )
    return rule(wish.plan, around), around.brake


async def _others(wish: Wish, clients: Clients) -> tuple[str, ...]:
    """Who made the control's drift of late."""
    since = clients.now() - BREAKER_WINDOW
    entries = await clients.storage.ledger.events(wish.wanted.tenant.tenant_id, since, "actor_named")
    return tuple(sorted({entry.actor for entry in entries if entry.control == wish.control}))


async def _reserve(tenant_id: str, brake: Brake, clients: Clients) -> GateAnswer:
    """Take a place within the blast radius; the first tenant beyond it pulls the brake, so that all wait for a person.

    Releasing the brake is that person's decision, so places taken before it do not count against what follows.
    """
    now, storage, settings = clients.now(), clients.storage, clients.settings
    # The clock of whoever moved the brake may be ahead of ours.
    since = max(now - BLAST_WINDOW, min(brake.changed_at or now - BLAST_WINDOW, now))
    rank = await storage.written.reserve(tenant_id, now, since)
    answer = blast_radius(
        rank,
        fleet=await storage.switches.fleet(),
        most_tenants=settings.most_tenants_per_hour,
        most_percent=settings.most_percent_per_hour,
    )
    if not answer.passed:
        await storage.written.release(tenant_id)
        await storage.switches.set_brake(Brake(engaged=True, reason=answer.reason, by="holdfast", changed_at=now))
        await tell_operators(Incident("brake", "brake", "the brake was pulled", answer.reason), clients)
    return answer
