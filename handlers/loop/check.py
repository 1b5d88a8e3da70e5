"""Look at one tenant: read, compare, record, and ask for a remediation where something drifted."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from clients import telemetry
from clients.connect import Clients
from clients.storage.documents import NewerRow
from clients.storage.states import StatesMoved, TenantStates
from clients.storage.tenants import TenantRow
from domain.control import Judgement, Unknown
from domain.controls import CATALOGUE, in_lane, inbound_lockdown, mx
from domain.corrections import followed_until
from domain.errors import UnreadableConfig
from domain.exchange import InboundConnector
from domain.facts import Facts
from domain.findings import newly_told, to_be_answered
from domain.fleet import Rhythm
from domain.jobs import Again, CheckTenant, Done, Outcome, RemediateTenant
from domain.ledger import Entry, of_first_look, of_missed_looks, of_transition
from domain.operations import ending, outcome
from domain.states import ControlState, Look, StateName, after_check, after_judgement, wants_remedy
from domain.tenant import TenantConfig, Wanted
from handlers import operations
from handlers.loop import mail
from handlers.objectives import note_seen
from handlers.restraint import alone

MOVED = timedelta(seconds=2)
"""A remediation wrote while we read: look again after this."""

MOST_INTERVALS = 2
"""Two good looks at most so far apart prove the time between them."""

_UNTOLD: frozenset[StateName] = frozenset({"unknown", "excepted"})
"""States whose entry in the ledger names no finding."""


async def check_tenant(
    job: CheckTenant, clients: Clients, *, due_by: datetime | None = None, began: datetime | None = None
) -> Outcome:
    """Check the tenant of *job*: read, compare, record. Nothing is done where all was looked at since *due_by*.

    *began*: when the reading of a look that was asked for began, the tenant's own rows included.

    Again, where a remediation wrote meanwhile, so that what was read may be older than what the states say now. What
    rests because a service turned the tenant away is unknown, and says until when; so is all of a tenant whose config
    makes no sense.
    """
    try:
        # States are loaded before the tenant is looked at: a write by another worker after this makes our save fail.
        row, before = await asyncio.gather(
            clients.storage.tenants.recall(job.tenant_id), clients.storage.states.recall(job.tenant_id)
        )
    except UnreadableConfig as odd:
        await note_failed_check(job, str(odd), clients)
        await operations.fail(job.operation_id, str(odd), clients)
        return Done()
    if row is None or not row.config.enabled:
        await operations.fail(job.operation_id, "the tenant is not configured, or switched off", clients)
        telemetry.looked(job, "skipped")
        return Done()
    if due_by and before.looked_since(job.lanes, due_by):
        telemetry.looked(job, "skipped")
        return Done()
    if job.asked_at and before.answers(selected(job), job.asked_at):
        await _answer(job, before, clients)
        telemetry.looked(job, "skipped")
        return Done()
    await operations.begin(job.operation_id, clients)
    after = await _look(row, job, before, clients)
    after = after.answering(selected(job), began) if began else after
    try:
        await _record(job, row.config, before, after, clients)
    except StatesMoved:
        telemetry.looked(job, "moved")
        return Again(MOVED)
    telemetry.looked(job, "looked")
    return Done()


def check_lease(tenant_id: str) -> str:
    """The name of the lease of who looks at a tenant because it was asked for."""
    return f"check-{tenant_id}"


async def check_as_asked(job: CheckTenant, clients: Clients) -> Outcome:
    """As `check_tenant`, one at a time for a tenant: whoever asks meanwhile waits, and one look answers all of them."""
    async with clients.storage.leases.hold(check_lease(job.tenant_id)) as lease:
        if lease is None:
            return Again(job.pause)
        began = clients.now()
        async with alone(job.tenant_id, clients):
            return await check_tenant(job, clients, began=began)


async def ask_for_look(tenant_id: str, controls: Iterable[str], clients: Clients) -> None:
    """Have *controls* looked at as they are from now on, all where none is named: one look answers many who ask."""
    job = CheckTenant(tenant_id=tenant_id, controls=tuple(controls), asked_at=clients.now())
    await clients.storage.queues.send(job)


async def note_failed_check(job: CheckTenant, why: str, clients: Clients) -> None:
    """Keep that the look of *job* failed: its controls are unknown, of a tenant whose config cannot be read, too."""
    telemetry.looked(job, "failed")
    tenant: TenantConfig | None = None
    with suppress(NewerRow, UnreadableConfig):
        tenant = await clients.storage.tenants.get(job.tenant_id)
        if tenant is None:
            return

    def failed(before: TenantStates) -> tuple[TenantStates, list[Entry]]:
        after = _blind(tenant, job, before, why, clients)
        return after, _news(job, tenant, before, after, clients.now())

    await clients.storage.states.change(job.tenant_id, failed)


async def _answer(job: CheckTenant, states: TenantStates, clients: Clients) -> None:
    """End the operation with what a look found that began after it was asked for."""
    outcomes = tuple(outcome(states.of(each)) for each in selected(job))
    await operations.finish(job.operation_id, outcomes, ending(outcomes, looked_only=True), clients)


def selected(job: CheckTenant) -> tuple[str, ...]:
    """The controls to look at, in the catalogue's order: those named, those of the lane, or all."""
    chosen = job.controls or (in_lane(job.lane) if job.lane else tuple(CATALOGUE))
    return tuple(control for control in CATALOGUE if control in chosen)


async def _look(row: TenantRow, job: CheckTenant, before: TenantStates, clients: Clients) -> TenantStates:
    """Read all that the controls of *job* see, and let each judge. Who asks wants to know how it is now."""
    ids, tenant, lane = selected(job), row.config, job.one_lane
    try:
        held_to = clients.wanted(tenant, row.profile_version, row.move)
        wanted = replace(held_to, inventory=before.inventory(tenant, clients.now()))
    except ValueError as mistake:
        return _blind(tenant, job, before, f"the tenant's config makes no sense: {mistake}", clients)
    controls = [CATALOGUE[each] for each in ids]
    with telemetry.span("look"):
        facts = await clients.reader.look(wanted, controls, dns="fresh" if job.asked_at else "cached", lane=lane)
    flow = mail.seen(before, facts, clients.now())
    if any(control.asks_mail for control in controls):
        domains = mx.guarded(facts, wanted, mx.sights(facts, wanted))
        flow = await mail.read_on(flow, before.mx, domains, wanted, clients)
    wanted = replace(wanted, inventory=replace(wanted.inventory, mail=flow))
    after, inventory = dict[str, ControlState](), wanted.inventory
    for control in controls:
        exemption, now = before.exceptions.get(control.id), clients.now()
        read_at = flow.read_at if control.asks_mail else control.read_at(facts)
        look = Look(
            control,
            tenant.mode_of(control.id),
            read_at,
            now,
            exemption=exemption,
            lane=lane,
            asked=control.asks(tenant),
        )
        judgement = control.find(facts, wanted)
        inventory = after_judgement(inventory, control, judgement, now)
        state = after_check(before.of(control.id), judgement, look)
        after[control.id] = replace(state, profile_version=wanted.profile.version)
    states = before.with_changes(after).with_inventory(inventory)
    told = mail.changed(flow, before, states, clients.now())
    return _with_doors(states.hearing(told), facts, wanted, clients.now())


def _with_doors(states: TenantStates, facts: Facts, wanted: Wanted, now: datetime) -> TenantStates:
    """*states* with what *facts* tell of the tenant's MX and its lock, whichever controls they were read for."""
    seen = mx.sights(facts, wanted)
    memories = mx.remembered(states.mx, facts, wanted, seen, now)
    closing = mx.mx_guard(facts, wanted, seen, memories, now)
    locking = (each.key for each in facts.known(InboundConnector) if each.locks)
    lock = inbound_lockdown.lock_seen(facts, wanted, closing, now)
    return states.remembering(memories).seeing(lock).seeing_closed(locking, now)


def _blind(
    tenant: TenantConfig | None, job: CheckTenant, before: TenantStates, why: str, clients: Clients
) -> TenantStates:
    """What is known of the controls of *job* when nothing could be read. *tenant* None: its config neither."""
    judgement: Judgement = Unknown(why)
    looks = {
        control.id: Look(
            control,
            tenant.mode_of(control.id) if tenant else "observe",
            None,
            clients.now(),
            lane=job.one_lane,
            asked=control.asks(tenant) if tenant else None,
        )
        for control in map(CATALOGUE.__getitem__, selected(job))
    }
    return before.with_changes({each: after_check(before.of(each), judgement, look) for each, look in looks.items()})


async def _record(
    job: CheckTenant, tenant: TenantConfig, before: TenantStates, after: TenantStates, clients: Clients
) -> None:
    now, tenant_id, operation_id = clients.now(), job.tenant_id, job.operation_id
    over = {control: each.sentence for control, each in before.exceptions.items() if not each.holds_at(now)}
    entries = [
        Entry(at=now, tenant_id=tenant_id, operation_id=operation_id, event="exception_ended", control=each, detail=why)
        for each, why in over.items()
    ]
    looked = {each: after.of(each) for each in selected(job)}
    entries += _missed(job, before, now, clients) + _news(job, tenant, before, after, now)
    kept = after.excepting(dict.fromkeys(over)).looked_at(job.lanes, clients.now())
    wanting = [each for each, state in looked.items() if wants_remedy(state, tenant.mode_of(each))]
    drifted = tuple(each for each in wanting if not before.is_followed(each, now))
    kept = kept.following(dict.fromkeys(drifted, followed_until(now)))
    await clients.storage.states.save(job.tenant_id, kept, entries)
    await asyncio.gather(_ask_for_remedy(tenant_id, drifted, clients), _count(before, looked, clients))
    await _answer(job, kept, clients)


async def _ask_for_remedy(tenant_id: str, controls: tuple[str, ...], clients: Clients) -> None:
    if controls:
        await clients.storage.queues.send(RemediateTenant(tenant_id=tenant_id, controls=controls))


async def _count(before: TenantStates, looked: Mapping[str, ControlState], clients: Clients) -> None:
    for each, state in looked.items():
        telemetry.count_judged(before.of(each), state)
        await note_seen(CATALOGUE[each], before.of(each), state, clients)


def _news(
    job: CheckTenant, tenant: TenantConfig | None, before: TenantStates, after: TenantStates, now: datetime
) -> list[Entry]:
    """What is news between the two, for the ledger. Which findings are news the config says."""
    looked = selected(job)
    transitions = (
        of_transition(before.of(each), after.of(each), at=now, tenant_id=job.tenant_id, operation_id=job.operation_id)
        for each in looked
    )
    first = of_first_look(map(before.of, looked), map(after.of, looked), at=now, tenant_id=job.tenant_id)
    news = [entry for entry in (first, *transitions) if entry]
    if tenant is None:
        return news
    told = {entry.control for entry in news if entry.event == "needs_person"}
    inventory = after.inventory(tenant, now)
    found = {
        each: newly_told(
            before.findings,
            inventory,
            each,
            untold=after.of(each).state in _UNTOLD,
            lapsed=tenant.declared_at(before.of(each).read_at or now) - tenant.declared_at(now),
        )
        for each in looked
        if each not in told
    }
    return news + [
        Entry(
            at=now,
            tenant_id=job.tenant_id,
            operation_id=job.operation_id,
            event="needs_person",  # a finding beside a proven state is told at once, whatever its control waits for
            control=control,
            detail=to_be_answered(findings),
        )
        for control, findings in found.items()
        if findings
    ]


def _missed(job: CheckTenant, before: TenantStates, now: datetime, clients: Clients) -> list[Entry]:
    """That nobody looked for more than two intervals: what lies between is not proven."""
    last = {lane: before.looked[lane] for lane in job.lanes if lane in before.looked}
    intervals = {lane: Rhythm.of(getattr(clients.settings, f"{lane}_schedule"), now).interval for lane in last}
    missed = {lane: at for lane, at in last.items() if (each := intervals[lane]) and now - at > MOST_INTERVALS * each}
    entry = of_missed_looks(missed, at=now, tenant_id=job.tenant_id)
    return [entry] if entry else []
