"""What a stranger can check later: the settings that workers started with, and hourly the heads of every chain."""

import logging
from hashlib import sha256

import rfc8785

from clients.connect import Clients
from domain import chain
from domain.incident import SERVICE
from domain.ledger import Entry

log = logging.getLogger("holdfast.evidence")


async def note_settings(clients: Clients) -> None:
    """The service's ledger says that a worker started with other settings than the one before, without secrets."""
    shown, switches = clients.settings.shown(), clients.storage.switches
    digest = sha256(rfc8785.dumps(shown)).hexdigest()
    if digest == await switches.settings_hash():
        return
    entry = Entry(
        at=clients.now(),
        tenant_id=SERVICE,
        event="settings_changed",
        detail=f"a worker started with settings {digest[:12]}",
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
