"""Gather what the gate looks at, and ask it. The gate itself is pure (domain/gate.py)."""

import logging
from dataclasses import dataclass

from clients.connect import Clients
from clients.storage.leases import Lease
from domain import guards
from domain.control import Control, Drifted, Facts
from domain.exchange import AcceptedDomain
from domain.gate import BLAST_WINDOW, BREAKER_WINDOW, Answer, Brake, Circumstances, Ruling, blast_radius, rule
from domain.guards import Guard
from domain.jobs import RemediateTenant
from domain.tenant import Wanted

log = logging.getLogger("holdfast.gate")


@dataclass(frozen=True, slots=True)
class Case:
    """One job on one tenant, under its lease."""

    job: RemediateTenant
    wanted: Wanted
    lease: Lease
    clients: Clients


async def ask(control: Control, plan: Drifted, facts: Facts, case: Case) -> Ruling:
    """Whether *plan* may be applied now, with every answer on the way."""
    clients, wanted = case.clients, case.wanted
    now, switches, tenant_id = clients.now(), clients.storage.switches, case.job.tenant_id
    around = Circumstances(
        now=now,
        brake=await switches.brake(),
        wanted=wanted,
        exemption=await switches.exemption(tenant_id, control.id),
        guard=await _guard(facts, wanted, clients) if control.guarded else None,
        corrections=await clients.storage.ledger.corrections(tenant_id, control.id, now - BREAKER_WINDOW),
        requested_by=case.job.requested_by,
    )
    ruling = rule(control, plan, around)
    if ruling.refusal:
        return ruling
    return Ruling((*ruling.answers, await _reserve(tenant_id, around.brake, clients)))


async def _guard(facts: Facts, wanted: Wanted, clients: Clients) -> Guard:
    domains = tuple(sorted(domain.key for domain in facts.all(AcceptedDomain) if domain.in_scope))
    return guards.lockdown(domains, await clients.dns.mx(domains), wanted.profile.mx_suffixes)


async def _reserve(tenant_id: str, brake: Brake, clients: Clients) -> Answer:
    """Take a place within the blast radius; the first tenant beyond it pulls the brake, so that all wait for a person.

    Releasing the brake is that person's decision, so places taken before it do not count against what follows.
    """
    now, storage, settings = clients.now(), clients.storage, clients.settings
    since = max(now - BLAST_WINDOW, brake.changed_at or now - BLAST_WINDOW)
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
        log.error("brake engaged by=holdfast reason=%s", answer.reason)
    return answer


async def stopped(case: Case) -> Answer | None:
    """What stops a writer between two steps: the brake, or a lease that another worker may have by now."""
    brake = await case.clients.storage.switches.brake()
    if brake.engaged:
        return Answer("brake", passed=False, reason=brake.reason)
    return Answer("lease", passed=False, reason="the lease on the tenant was lost") if case.lease.lost else None
