"""A ledger that was made anew, or cannot be written, stops every write until a person has looked."""

import logging
from dataclasses import replace

from azure.core.exceptions import HttpResponseError

from clients.connect import Clients
from domain.incident import SERVICE, service_entry

log = logging.getLogger("holdfast.guard")

FORBIDDEN = 403
RENEW = (
    "renew the role assignment 'Holdfast ledger' (or Storage Table Data Contributor) of the app's identity on table"
    " ledger: an assignment goes with the table that was deleted (docs/deploy.md#the-ledgers-role-and-the-hourly-roots)"
)


async def ledger_fault(clients: Clients) -> str:
    """What is wrong with the ledger as a whole, and which assignment to renew; empty where nothing is.

    Asked of the service's own chain: where its newest link is gone a new entry says so, if it can be written.
    """
    if not await clients.storage.chains.is_remade(SERVICE):
        return ""
    try:
        detail = "the ledger was made anew, or its newest entries were deleted: the brake is engaged"
        entry = service_entry("brake_engaged", clients.now(), detail=detail)
        remade = replace(entry, reason="the ledger is not the one that was written")
        await clients.storage.ledger.append(remade, announced=False)
    except HttpResponseError as error:
        if error.status_code != FORBIDDEN:
            raise
        return f"the ledger was made anew and cannot be written: {RENEW}"
    return "the ledger is not the one that was written: its newest entries are gone"


async def guard_ledger(clients: Clients) -> bool:
    """Engage the brake where the ledger is not the one that was written. Returns whether all is well."""
    fault = await ledger_fault(clients)
    if not fault:
        return True
    log.error("ledger_remade %s", fault)
    try:
        await clients.storage.switches.engage(fault, clients.now())
    except HttpResponseError as error:  # the switch is moved; what waits beside it for the ledger goes on waiting
        if error.status_code != FORBIDDEN:
            raise
    return False
