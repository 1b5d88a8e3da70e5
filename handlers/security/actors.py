"""Who made which drift: records of the audit feed that others left are matched with what looks have found."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta

from clients.connect import Clients
from clients.storage.states import TenantStates
from domain.audit.attribution import explained, made_by, named
from domain.audit.record import AuditRecord
from domain.findings import Finding
from domain.ledger import Entry
from domain.moments import to_the_second
from domain.shown import quoted

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
    findings = (await clients.storage.states.load(tenant_id)).findings.values()
    for record in records:
        drifts, made = explained(record, found), made_by(record, findings)
        entries = [_entry(record, drift, tenant_id, clients) for drift in drifts]
        entries += _of_findings(record, made, {drift.control for drift in drifts}, clients, tenant_id)
        news = [entry for entry in entries if (entry.of, entry.detail) not in told]
        if news or any(each.actor != str(record.actor) for each in made):
            await _name(record, news, made, tenant_id, clients)
        if drifts or made or record.at < clients.now() - UNEXPLAINED:
            await kept.settle(tenant_id, record)


def _entry(record: AuditRecord, drift: Entry, tenant_id: str, clients: Clients) -> Entry:
    return Entry(
        at=clients.now(),
        tenant_id=tenant_id,
        control=drift.control,
        event="actor_named",
        actor=record.actor.who,
        detail=f"{record.actor}: this made the drift found at {to_the_second(drift.at)}",
        of=drift.id,
        drift=drift.drift,
    )


def _of_findings(
    record: AuditRecord, made: Iterable[Finding], told: Collection[str], clients: Clients, tenant_id: str
) -> list[Entry]:
    """An entry for each control of which *record* made findings, where none of a drift has *told* of it."""
    by_control: dict[str, list[Finding]] = {}
    for each in made:
        by_control.setdefault(each.control, []).append(each)
    return [
        Entry(
            at=clients.now(),
            tenant_id=tenant_id,
            control=control,
            event="actor_named",
            actor=record.actor.who,
            detail=f"{record.actor}: this made what was found: {', '.join(quoted(each.name) for each in those)}",
        )
        for control, those in by_control.items()
        if control not in told
    ]


async def _name(
    record: AuditRecord, news: list[Entry], made: Iterable[Finding], tenant_id: str, clients: Clients
) -> None:
    """Put the name into the states and, by their outbox, into the ledger."""
    ids = frozenset(each.id for each in made)

    def with_name(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        after = states.with_changes({e.control: named(states.of(e.control), record) for e in news})
        return after.naming(ids, str(record.actor)), news

    await clients.storage.states.change(tenant_id, with_name)
