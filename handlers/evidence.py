"""What a stranger can check later: settings at a worker's start, hourly roots, and when a month's evidence is due."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import rfc8785

from clients.connect import Clients
from clients.storage.anchors import Anchor
from domain import chain
from domain.chain import Head, Proof
from domain.evidence.period import month_before
from domain.fleet import Cursor, Rhythm, place_of
from domain.incident import SERVICE, service_entry
from domain.jobs import MakeEvidence
from handlers.groups import in_groups

log = logging.getLogger("holdfast.evidence")

TENANTS_AT = "0 0 4 1 * *"
"""The first of the month, in UTC: each tenant at its own place in an hour."""
SERVICE_AT, SERVICE_AFTER = "0 30 5 * * *", timedelta(hours=5, minutes=30)
"""Then the MSP, and once more each day, by which what a queue has lost of the tenants' evidence is asked for again."""
_AT_ONCE = 32


async def note_settings(clients: Clients) -> None:
    """The service's ledger says that a worker started with other settings than the one before, without secrets."""
    shown, switches = clients.settings.shown(), clients.storage.switches
    digest = sha256(rfc8785.dumps(shown)).hexdigest()
    if digest == await switches.settings_hash():
        return
    detail = f"a worker started with settings {digest[:12]}"
    entry = replace(
        service_entry("settings_changed", clients.now(), detail=detail),
        after={"sha256": digest, "set": tuple(sorted(name for name, value in shown.items() if value))},
    )
    await clients.storage.ledger.append(entry, announced=False)
    await switches.set_settings_hash(digest)


async def anchor_heads(clients: Clients) -> bool:
    """Keep the Merkle root over the heads of every chain for this hour, where nobody can change it.

    Returns:
        Whether this call did: False where the hour has its root already, or there is no chain.
    """
    hour = clients.now().strftime("%Y-%m-%dT%H")
    anchors = clients.storage.anchors
    if await anchors.has(hour):
        return False
    heads = [head async for head in clients.storage.chains.heads.all()]
    if not heads or not await anchors.add(hour, chain.merkle_root(heads), heads):
        return False
    log.info("anchored hour=%s chains=%d", hour, len(heads))
    return True


async def newest_anchor(clients: Clients) -> Anchor | None:
    """The newest hourly root; None where neither today nor yesterday has one."""
    now = clients.now()
    for day in (now, now - timedelta(days=1)):
        if anchor := await clients.storage.anchors.latest(day.strftime("%Y-%m-%d")):
            return anchor
    return None


async def proof_of(ledger: str, clients: Clients, at: str = "") -> Proof | None:
    """The way from the chain of *ledger* to the root of the hour *at*, or the newest; None where that has it not."""
    anchor = await (clients.storage.anchors.get(at) if at else newest_anchor(clients))
    return chain.prove(anchor.heads, ledger, anchor.hour) if anchor else None


async def known_heads(clients: Clients) -> dict[str, Head]:
    """The head of every chain: as its row says, and as the newest root has it where somebody took the row away."""
    anchor = await newest_anchor(clients)
    under_root = {head.ledger: head for head in anchor.heads} if anchor else {}
    return under_root | {head.ledger: head async for head in clients.storage.chains.heads.all()}


async def ask_for_months(tenants: Iterable[str], cursor: Cursor, now: datetime, clients: Clients) -> None:
    """Enqueue the evidence that came due since *cursor*."""
    window, own = (Rhythm.of(each, now).window(cursor.done, now) for each in (TENANTS_AT, SERVICE_AT))
    month = month_before(now)
    messages = [MakeEvidence(tenant_id=each, month=month) for each in tenants if window.has(place_of(each))]
    if own.has(0):  # a tick that is late over the end of a month does not take the MSP before its tenants
        messages.append(MakeEvidence(tenant_id=SERVICE, month=month_before(now - SERVICE_AFTER)))
    await in_groups(map(clients.storage.queues.send, messages), _AT_ONCE)
