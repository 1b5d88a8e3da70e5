"""The monthly evidence: made once for each tenant when a month is over, kept, named in the ledger, and sent.

A tick asks for it (`handlers/evidence.py`); a person may ask for any month, also for the one that goes on. Imported
when it is needed, once a day: no function waits for it when it starts.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime

from pydantic import JsonValue, TypeAdapter

from clients.connect import Clients
from clients.storage.evidence import FORMS, Form
from clients.storage.leases import Lease
from domain.chain import Proof
from domain.errors import NotNow, UnknownTenant
from domain.evidence.accepted import TOLD_BY
from domain.evidence.brand import Brand
from domain.evidence.fleet import FleetMonth, MonthRow, fleet_as_csv, row_of
from domain.evidence.message import EVIDENCE
from domain.evidence.month import Known, Month, month_of, percent
from domain.evidence.page import as_page, fleet_as_page
from domain.evidence.period import bounds
from domain.evidence.spans import BEFORE
from domain.evidence.table import as_csv
from domain.exemption import LONGEST_ACCEPTED
from domain.incident import SERVICE, service_entry
from domain.jobs import Again, Done, MakeEvidence, Outcome
from domain.ledger import Entry, row_key
from handlers.evidence import proof_of
from handlers.groups import in_groups

log = logging.getLogger("holdfast.evidence")

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""Before any evidence was made."""
_AT_ONCE = 32

MONTHS: TypeAdapter[Month] = TypeAdapter(Month)
FLEETS: TypeAdapter[FleetMonth] = TypeAdapter(FleetMonth)


class BeingMade(NotNow):
    """Another worker makes evidence of that tenant."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"evidence of tenant {tenant_id} is being made: ask again")


async def make_evidence(job: MakeEvidence, clients: Clients) -> Outcome:
    """Make what *job* asks for, unless it was made; whatever died in between is done again."""
    if job.tenant_id == SERVICE:
        fleet = await _keep_fleet(job.month, clients)
        await _ask_for_missing(fleet, clients)
    elif await clients.storage.tenants.get(job.tenant_id):
        try:
            await keep_month(job.tenant_id, job.month, clients)
        except BeingMade:
            return Again(job.pause)
    return Done()


async def month_now(tenant_id: str, month: str, clients: Clients) -> Month:
    """A tenant's month as it is known now; nothing is kept.

    Raises:
        UnknownTenant: It is not looked after.
        ValueError: There is no such month, or it has not begun.
    """
    config = await clients.storage.tenants.get(tenant_id)
    if config is None:
        raise UnknownTenant(tenant_id)
    states, ledger, start = await clients.storage.states.load(tenant_id), clients.storage.ledger, bounds(month).start
    accepted = await ledger.events(tenant_id, start - LONGEST_ACCEPTED, *TOLD_BY)
    known = Known(
        config=config,
        entries=await ledger.since(tenant_id, start - BEFORE),
        accepted=accepted[::-1],
        states=states.controls,
        exceptions=states.exceptions,
        findings=tuple(states.findings.values()),
        proof=await proof_of(tenant_id, clients),
    )
    return month_of(known, month, clients.now())


async def keep_month(tenant_id: str, month: str, clients: Clients, *, patience_s: float = 0) -> Entry:
    """Make, keep and name in the ledger the evidence of a month that is over: once, whoever asks at the same time.

    Raises:
        UnknownTenant, ValueError: As `month_now`; or the month is not over.
        BeingMade: Another worker has been at it for all of *patience_s*.
    """
    if clients.now() < bounds(month).end:
        raise ValueError("month: is not over yet")
    async with clients.storage.leases.hold(f"evidence-{tenant_id}", patience_s=patience_s) as lease:
        if lease is None:
            raise BeingMade(tenant_id)
        return await _kept_once(tenant_id, month, lease, clients)


async def _kept_once(tenant_id: str, month: str, lease: Lease, clients: Clients) -> Entry:
    told = await clients.storage.ledger.events(tenant_id, bounds(month).end, "evidence_made")
    if before := next((each for each in told if each.control == f"{EVIDENCE}{month}"), None):
        return before
    store = clients.storage.evidence
    kept = await store.get(tenant_id, month, "json")
    made = MONTHS.validate_json(kept) if kept else await month_now(tenant_id, month, clients)
    row = row_of(made)
    figures = {name: str(value) for name, value in asdict(row).items() if name not in {"name", "tenant_id"}}
    brand = clients.settings.brand
    hashes: dict[str, JsonValue] = {
        form: await store.keep(tenant_id, month, form, month_in(form, made, brand), figures) for form in FORMS
    }
    entry = Entry(
        at=clients.now(),
        tenant_id=tenant_id,
        control=f"{EVIDENCE}{month}",
        event="evidence_made",
        detail=f"{percent(made.proven)} of the time proven as documented, {row.fixed} of {row.drifts} drifts put back",
        after={
            "month": month,
            "sha256": hashes,
            "standing": {each.id: each.at_end for each in made.controls},
            "proof": _as_json(made.proof),
        },
        profile_version=made.profile,
    )
    if lease.lost:
        raise BeingMade(tenant_id)
    await clients.storage.ledger.append(entry)
    log.info("evidence tenant=%s month=%s", tenant_id, month)
    return entry


def _as_json(proof: Proof | None) -> JsonValue:
    """As the message has it: a tuple would come back from storage as a list."""
    kept: JsonValue = _PROOFS.dump_python(proof, mode="json") if proof else None
    return kept


_PROOFS = TypeAdapter(Proof)


async def fleet_month(month: str, clients: Clients) -> FleetMonth:
    """The month of every tenant whose evidence is kept. Raises ValueError for what is no month."""
    bounds(month)
    configs = await clients.storage.tenants.all_since()
    names = {tenant: config.name if config else tenant for tenant, (config, _) in configs.items()}
    made = {each.ledger: each.figures for each in await clients.storage.evidence.months() if each.month == month}
    rows = tuple(_row(tenant, names.get(tenant, tenant), each) for tenant, each in made.items() if tenant != SERVICE)
    missing = tuple(sorted(names.keys() - made.keys()))
    return FleetMonth(month, clients.now(), rows, missing)


def _row(tenant_id: str, name: str, figures: Mapping[str, str]) -> MonthRow:
    return MonthRow(
        tenant_id=tenant_id,
        name=name,
        proven=float(figures["proven"]),
        drifts=int(figures["drifts"]),
        fixed=int(figures["fixed"]),
        findings=int(figures["findings"]),
        alerts_closed=int(figures["alerts_closed"]),
    )


async def _keep_fleet(month: str, clients: Clients) -> FleetMonth:
    """Make and keep the MSP's month, and name it in the ledger: once, where any tenant has one."""
    store = clients.storage.evidence
    kept = await store.get(SERVICE, month, "json")
    fleet = FLEETS.validate_json(kept) if kept else await fleet_month(month, clients)
    if not fleet.tenants:
        return fleet
    hashes: dict[str, JsonValue] = {
        form: await store.keep(SERVICE, month, form, fleet_in(form, fleet, clients.settings.brand), {})
        for form in FORMS
    }
    same_at = bounds(month).end  # however often it is made
    entry = service_entry("evidence_made", same_at, detail=f"{month} of {len(fleet.tenants)} tenants")
    made = replace(entry, after={"month": month, "sha256": hashes})
    await clients.storage.ledger.append(made, announced=False)
    return fleet


async def _ask_for_missing(fleet: FleetMonth, clients: Clients) -> None:
    """Ask for the evidence of those tenants that *fleet* names as missing, where their messages were lost."""
    configs = await clients.storage.tenants.all_since() if fleet.missing else {}
    enabled = {tenant_id for tenant_id, (config, _) in configs.items() if config and config.enabled}
    missing = [tenant_id for tenant_id in fleet.missing if tenant_id in enabled]
    await in_groups((_ask_if_lost(each, fleet.month, clients) for each in missing), _AT_ONCE)


async def _ask_if_lost(tenant_id: str, month: str, clients: Clients) -> None:
    """Ask for a month's evidence of a tenant that was looked after in it, unless its ledger says that it was made."""
    span, ledger = bounds(month), clients.storage.ledger
    newest = await ledger.page(tenant_id, after=row_key(span.end), limit=1)
    if not newest or newest[0].at < span.start:
        return
    made = await ledger.readable_events(tenant_id, span.end, "evidence_made")
    if f"{EVIDENCE}{month}" not in {each.control for each in made}:
        log.warning("evidence_missing tenant=%s month=%s", tenant_id, month)
        await clients.storage.queues.send(MakeEvidence(tenant_id=tenant_id, month=month))


def month_in(form: Form, month: Month, brand: Brand) -> bytes:
    match form:
        case "json":
            return MONTHS.dump_json(month, indent=1)
        case "html":
            return as_page(month, brand).encode()
        case "csv":
            return as_csv(month).encode()


def fleet_in(form: Form, fleet: FleetMonth, brand: Brand) -> bytes:
    match form:
        case "json":
            return FLEETS.dump_json(fleet, indent=1)
        case "html":
            return fleet_as_page(fleet, brand).encode()
        case "csv":
            return fleet_as_csv(fleet.tenants).encode()
