"""Keys of the API. They are made by `holdfast key new` and live in HOLDFAST_KEYS; here one can only be ended."""

import logging

from domain.errors import UnknownKey
from domain.incident import service_entry
from handlers.api.access import as_role
from handlers.api.routing import CallerName, Configured, Neighbours, router_of

log = logging.getLogger("holdfast.api")


router = router_of("keys")


@router.delete("/keys/{name}", status_code=204, **as_role("Admin", 404))
async def delete_key(name: str, caller: CallerName, settings: Configured, clients: Neighbours) -> None:
    """Refuse a key from now on, everywhere within ten seconds."""
    key = next((each for each in settings.api_keys() if each.name == name), None)
    if key is None:
        raise UnknownKey(name)
    if await clients.storage.switches.end_key(key):
        entry = service_entry("key_ended", clients.now(), detail=name, by=caller)
        await clients.storage.ledger.append(entry, announced=False)
        log.warning("key_ended name=%s by=%s", name, caller)
