"""The kill switch."""

import logging
from dataclasses import replace
from typing import Annotated

from fastapi import Request
from pydantic import Field

from clients.storage.switches import BrakeMove
from domain.errors import NotConfigured, NotNow
from domain.gate import Brake
from domain.incident import SERVICE, service_entry
from handlers.api.access import as_role, require
from handlers.api.routing import CallerName, Neighbours, Strict, example, router_of
from handlers.guard import RENEW
from handlers.on_request import RequestBody
from handlers.operators import end_incident, tell_operators
from handlers.watch import BRAKE_INCIDENT, engaged_brake

log = logging.getLogger("holdfast.api")

router = router_of("brake")


class BrakePulled(NotNow):
    """Somebody engaged the brake while it was being released: nobody has looked at that reason yet."""

    def __init__(self, brake: Brake) -> None:
        super().__init__(f"the brake was engaged meanwhile by {brake.by}: {brake.reason}; look, then release it")


class BrakeChange(RequestBody):
    """What `PUT /brake` takes."""

    engaged: bool
    reason: str = Field("", max_length=1000)


@router.get("/brake", **as_role("Reader"))
async def get_brake(clients: Neighbours) -> Brake:
    """Whether anything may be written at all."""
    return await clients.storage.switches.brake()


@router.put("/brake", **as_role("Operator", 400, 409, 415))
async def put_brake(
    change: Annotated[BrakeChange, Strict, example({"engaged": True, "reason": "incident 7"})],
    request: Request,
    caller: CallerName,
    clients: Neighbours,
) -> Brake:
    """Engage the kill switch, or, as an Admin, release it: every writer looks at it before every write."""
    if not change.engaged:
        require(request, "Admin")
        if await clients.storage.chains.is_remade(SERVICE):
            raise NotConfigured(f"the ledger cannot be written: {RENEW}")
    switches, now, reason = clients.storage.switches, clients.now(), change.reason
    told = service_entry("brake_engaged" if change.engaged else "brake_released", now, detail=reason, by=caller)
    told = replace(told, reason=reason)
    known = await switches.brake()

    def moved(before: Brake) -> BrakeMove:
        if before.engaged and not change.engaged and before != known:
            raise BrakePulled(before)
        # It moves only when the switch does: releasing what is released opens no new blast radius.
        changed_at = before.changed_at if before.engaged == change.engaged else now
        return Brake(engaged=change.engaged, reason=reason, by=caller, changed_at=changed_at), told

    after = await switches.move_brake(moved)
    if after.engaged:
        await tell_operators(engaged_brake(after), clients, at=after.changed_at)
    else:
        await end_incident(BRAKE_INCIDENT, change.reason, clients, by=caller)
    log.warning("brake engaged=%s by=%s reason=%s", after.engaged, caller, after.reason)
    return after
