"""The audit feed of a tenant: a hint to look now, and an hour later the name of who changed what.

The feed is late, doubled, out of order and sometimes off, so nothing rests on it: it only asks for looks, and explains
drift that a look has found. Records of others are kept until a drift fits them, whichever of the two comes first.
"""

import json
import logging
from dataclasses import replace
from datetime import datetime
from functools import partial

from clients import telemetry
from clients.connect import Clients
from clients.errors import ClientError, NotLicensed
from clients.telemetry import CheckResult
from domain.audit.attribution import AFTER, BEFORE, Us, is_ours
from domain.audit.record import AuditRecord, OddRecord, concerns_control, parse_audit_record
from domain.jobs import Done, Outcome, ReadAudit
from domain.ledger import Entry
from domain.states import ControlState, StateName
from handlers import parked
from handlers.loop.check import ask_for_look
from handlers.security.actors import name_actors
from handlers.security.audit_feed import FeedReader
from handlers.security.kept_state import keep_state
from handlers.security.needed import Needed, with_lease_at_hand
from handlers.security.parcels import AUDIT_FEED

log = logging.getLogger("holdfast.audit")


async def read_audit(job: ReadAudit, clients: Clients) -> Outcome:
    """Read on in the feed of the tenant of *job*, and act upon all that came up."""
    row = await clients.storage.tenants.recall(job.tenant_id)
    if row is None or not row.config.enabled:
        telemetry.looked(job, "skipped")
        return Done()
    return await with_lease_at_hand(job, lambda lease: _read_on(job.tenant_id, lease, clients), clients)


async def note_failed_reading(job: ReadAudit, why: str, clients: Clients) -> None:
    """Keep that the feed of the tenant of *job* could not be read."""
    telemetry.looked(job, "failed")
    await _tell(job.tenant_id, "unknown", why, clients)


async def _read_on(tenant_id: str, lease: Needed, clients: Clients) -> CheckResult:
    """Read what came up, ask for a look at what it touched, and name who made which drift.

    What was read is kept, and is not read again.
    """
    touched = set[str]()
    try:
        us = Us(clients.settings.client_id, await clients.activity.object_id(tenant_id))
        await FeedReader(tenant_id, partial(_take, tenant_id, us, touched, clients), lease, clients).read()
    except NotLicensed as refusal:
        await _tell(tenant_id, "not_applicable", f"the tenant has no audit feed: {refusal.sentence}", clients)
        return "looked"
    except ClientError as error:
        why = f"the audit feed could not be read: {error.sentence}. {getattr(error, 'remedy', '')}"
        await _tell(tenant_id, "unknown", why.strip(), clients)
        return "unread"
    else:
        await _tell(tenant_id, "compliant", "", clients)
        return "looked"
    finally:
        if touched:
            await ask_for_look(tenant_id, sorted(touched), clients)
        await name_actors(tenant_id, clients)


async def _take(tenant_id: str, us: Us, touched: set[str], clients: Clients, raw: object) -> None:
    """Keep what others did, and note in *touched* the controls that it was about. What is odd is kept as it came."""
    try:
        if not concerns_control(raw):
            return
        record = parse_audit_record(raw)
    except OddRecord as odd:
        content = json.dumps(raw, sort_keys=True).encode()
        await parked.kept("audit", tenant_id, content, f"an odd audit record: {odd}", clients)
        return
    if record.locks and await _is_filters(record, tenant_id, clients):
        await clients.storage.states.change(
            tenant_id, lambda states: (states.remembering(states.mx.seen_locked(record.at)), [])
        )
    if is_ours(record, us, await _written(tenant_id, record, clients)):
        return
    if await clients.storage.audit.add(tenant_id, record):
        touched |= set(record.controls)
        log.info("audit tenant=%s operation=%s at=%s", tenant_id, record.operation, record.at.isoformat())


async def _is_filters(record: AuditRecord, tenant_id: str, clients: Clients) -> bool:
    """Whether the lock of *record* lets the filter in: one for other addresses tells nothing of the MX."""
    row = await clients.storage.tenants.recall(tenant_id)
    if row is None:
        return False
    try:
        return clients.wanted(row.config, row.profile_version).takes_all(record.addresses)
    except ValueError:  # its config makes no sense, which is told elsewhere
        return False


async def _written(tenant_id: str, record: AuditRecord, clients: Clients) -> list[Entry]:
    """Our own writes about the time of *record*, as the ledger has them."""
    entries = await clients.storage.ledger.events(tenant_id, record.at - AFTER, "applying")
    return [entry for entry in entries if entry.at <= record.at + BEFORE]


async def _tell(tenant_id: str, state: StateName, detail: str, clients: Clients) -> None:
    """Keep whether the feed can be read."""

    def told(before: ControlState, now: datetime) -> ControlState:
        read_at = now if state == "compliant" else before.read_at
        return replace(before, read_at=read_at).becomes(state, now, detail)

    await keep_state(tenant_id, AUDIT_FEED, told, clients)
