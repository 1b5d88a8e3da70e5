"""Gather what the gate looks at, and ask it. The gate itself is pure (domain/gate.py)."""

from dataclasses import dataclass

from clients.connect import Clients
from clients.storage.leases import Lease
from domain.control import Control, Drifted
from domain.exemption import Exemption
from domain.gate import BLAST_WINDOW, BREAKER_WINDOW, Brake, Circumstances, GateAnswer, Ruling, blast_radius, rule
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
        """Who asked for *control*: what comes along because another one needs it, nobody asked for."""
        return self.job.requested_by if control.id in self.job.controls else None


class Stopped(Exception):  # noqa: N818 - it is the answer, not a fault
    """A write may not go out after all; *answer* says why."""

    def __init__(self, answer: GateAnswer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


async def ask(
    control: Control, plan: Drifted, case: Case, *, exemption: Exemption | None, guard: Guard | None
) -> Ruling:
    """Whether *plan* may be applied now, with every answer on the way. Each is None where *control* has none."""
    clients, wanted = case.clients, case.wanted
    now, switches, tenant_id = clients.now(), clients.storage.switches, case.job.tenant_id
    put_back = await clients.storage.ledger.put_back(tenant_id, control.id, now - BREAKER_WINDOW)
    around = Circumstances(
        now=now,
        brake=await switches.brake(),
        wanted=wanted,
        exemption=exemption,
        guard=guard,
        corrections=max(put_back[drift.field] for drift in plan.drift),
        requested_by=case.asked_by(control),
        approved=case.job.plan if case.asked_by(control) else None,
        others=await _others(control, case) if put_back else (),
    )
    ruling = rule(control, plan, around)
    if ruling.refusal:
        return ruling
    return Ruling((*ruling.answers, await _reserve(tenant_id, around.brake, clients)))


async def _others(control: Control, case: Case) -> tuple[str, ...]:
    """Who made the control's drift of late."""
    since = case.clients.now() - BREAKER_WINDOW
    entries = await case.clients.storage.ledger.events(case.job.tenant_id, since, "actor_named")
    return tuple(sorted({entry.actor for entry in entries if entry.control == control.id}))


async def permit(control: Control, case: Case, exemption: Exemption | None = None) -> None:
    """The last question before a write goes out, asked of what is true at this moment.

    Raises:
        Stopped: The brake was pulled, the lease may be another worker's by now, or the tenant's config has changed,
            or the control's drift was accepted.
    """
    storage, now = case.clients.storage, case.clients.now()
    brake = await storage.switches.brake()
    if brake.engaged:
        raise Stopped(GateAnswer("brake", passed=False, reason=brake.reason))
    tenant = await storage.tenants.get(case.job.tenant_id)
    if tenant is None or not tenant.enabled:
        raise Stopped(GateAnswer("tenant", passed=False, reason="switched off in its config"))
    if window := tenant.frozen_at(now):
        raise Stopped(
            GateAnswer("freeze", passed=False, reason=f"frozen until {window.end.isoformat()}: {window.reason}")
        )
    if exemption and exemption.holds_at(now):
        raise Stopped(GateAnswer("exception", passed=False, reason=exemption.sentence))
    if tenant.mode_of(control.id) != "correct" and not case.asked_by(control):
        raise Stopped(GateAnswer("tenant", passed=False, reason="its mode was changed meanwhile"))
    if tenant.dns != case.wanted.tenant.dns:
        raise Stopped(GateAnswer("tenant", passed=False, reason="its DNS providers were changed meanwhile"))
    if case.lease.lost:
        raise Stopped(GateAnswer("lease", passed=False, reason="the lease on the tenant was lost"))


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
