"""Look at one tenant: read, compare, record, and ask for a remediation where something drifted."""

import logging

from clients.connect import Clients
from clients.errors import Throttled
from domain.control import Facts
from domain.controls import CATALOGUE, in_lane
from domain.facts import Unseen
from domain.jobs import CheckTenant, ForeignMessage, RemediateTenant, parse
from domain.ledger import of_transition
from domain.operations import ending, outcome
from domain.states import ControlState, Look, after_check, wants_remedy
from domain.tenant import Wanted
from handlers import operations, park

log = logging.getLogger("holdfast.check")

MOST_WAITS = 5
"""Throttled this often in a row, the tenant's controls are unknown until the next sweep."""


async def run(body: bytes, clients: Clients) -> None:
    """Check the tenant that *body* names.

    Returns when the look is recorded, or put back on the queue because a service asked to wait.
    Raises StatesMoved when a remediation wrote meanwhile: the queue delivers the message again, and it looks afresh.
    """
    try:
        job = parse(CheckTenant, body)
    except ForeignMessage as foreign:
        await park.foreign("checks", body, str(foreign), clients)
        return
    tenant = await clients.storage.tenants.get(job.tenant_id)
    if tenant is None or not tenant.enabled:
        await operations.fail(job.operation_id, "the tenant is not configured, or switched off", clients)
        return
    wanted = clients.wanted(tenant)
    controls = selected(job)
    queries = [query for control in controls for query in CATALOGUE[control].queries]
    # Loaded before the tenant is read: whoever writes the states after this moment makes our save fail.
    before = await clients.storage.states.load(job.tenant_id)
    try:
        reading = await clients.read(tenant, queries)
    except Throttled as wait:
        if job.attempt < MOST_WAITS:
            await clients.storage.queues.check(job.again(), delay_s=wait.retry_after_s or 0)
            return
        reading = dict.fromkeys(queries, Unseen(str(wait), clients.now()))
    facts = Facts(reading)
    changed = {control: _look(control, before.of(control), facts, wanted, clients) for control in controls}
    known = {"at": clients.now(), "tenant_id": job.tenant_id, "operation_id": job.operation_id}
    entries = [entry for c, state in changed.items() if (entry := of_transition(before.of(c), state, **known))]
    await clients.storage.states.save(job.tenant_id, before.with_changes(changed), entries)
    for entry in entries:
        log.info("%s tenant=%s control=%s", entry.event, entry.tenant_id, entry.control)
    drifted = tuple(c for c, state in changed.items() if wants_remedy(state, tenant.mode_of(c)))
    if drifted:
        await clients.storage.queues.remediate(RemediateTenant(tenant_id=job.tenant_id, controls=drifted))
    outcomes = tuple(map(outcome, changed.values()))
    await operations.finish(job.operation_id, outcomes, ending(outcomes, looked_only=True), clients)


def selected(job: CheckTenant) -> tuple[str, ...]:
    """The controls to look at, in the catalogue's order: those named, those of the lane, or all."""
    chosen = job.controls or (in_lane(job.lane) if job.lane else tuple(CATALOGUE))
    return tuple(control for control in CATALOGUE if control in chosen)


def _look(control_id: str, before: ControlState, facts: Facts, wanted: Wanted, clients: Clients) -> ControlState:
    control = CATALOGUE[control_id]
    look = Look(control, wanted.tenant.mode_of(control_id), facts.read_at(control.queries), clients.now())
    after = after_check(before, control.find(facts, wanted), look)
    return after.model_copy(update={"profile_version": wanted.profile.version})
