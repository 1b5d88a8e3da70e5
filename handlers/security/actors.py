"""Who made which drift: records of the audit feed that others left are matched with what looks have found."""

from dataclasses import replace
from datetime import timedelta

from clients.connect import Clients
from clients.storage.states import TenantStates
from domain.audit.attribution import explained, named
from domain.audit.record import AuditRecord
from domain.ledger import Entry

UNEXPLAINED = timedelta(hours=48)
"""A record that fits no drift for so long was about a change that no control minds."""


async def name_actors(tenant_id: str, clients: Clients) -> None:
    """Match the tenant's open records with the drift that was found about their time, and name who made it."""
    kept, ledger = clients.storage.audit, clients.storage.ledger
    book = await kept.book(tenant_id)
    records = sorted(await kept.open(tenant_id), key=lambda record: record.at) if book.open else []
    if book.open and not records:
        await kept.set_book(tenant_id, replace(book, open=False))
    if not records:
        return
    since = records[0].at - timedelta(hours=1)
    found = await ledger.events(tenant_id, since, "drift_found", "needs_person")
    told = {(entry.of, entry.detail) for entry in await ledger.events(tenant_id, since, "actor_named")}
    for record in records:
        drifts = explained(record, found)
        entries = [_entry(record, drift, tenant_id, clients) for drift in drifts]
        if news := [entry for entry in entries if (entry.of, entry.detail) not in told]:
            await _name(record, news, tenant_id, clients)
        if drifts or record.at < clients.now() - UNEXPLAINED:
            await kept.settle(tenant_id, record)


def _entry(record: AuditRecord, drift: Entry, tenant_id: str, clients: Clients) -> Entry:
    return Entry(
        at=clients.now(),
        tenant_id=tenant_id,
        control=drift.control,
        event="actor_named",
        actor=record.actor.who,
        detail=f"{record.actor}: this made the drift found at {drift.at:%Y-%m-%d %H:%M:%S} UTC",
        of=drift.id,
        drift=drift.drift,
    )


async def _name(record: AuditRecord, news: list[Entry], tenant_id: str, clients: Clients) -> None:
    """Put the name into the states and, by their outbox, into the ledger."""

    def with_name(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        return states.with_changes({e.control: named(states.of(e.control), record) for e in news}), news

    await clients.storage.states.change(tenant_id, with_name)
