"""Signatures that the blast radius holds: what stopped everywhere at once goes on when a person has looked."""

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from fastapi import Path
from pydantic import Field

from clients.storage.rows import RowMoved
from clients.storage.switches import Radius
from domain.incident import held_by_radius
from handlers.api.access import as_role
from handlers.api.routing import CallerName, Neighbours, Strict, example, router_of
from handlers.on_request import RequestBody, known_control
from handlers.operators import end_incident, tell_operators

log = logging.getLogger("holdfast.api")

router = router_of("radius")

SignatureInPath = Annotated[
    str, Path(pattern="^[a-z-]{1,40}:[A-Za-z-]{1,80}$", examples=["inbound-lockdown:Set-InboundConnector"])
]


class RadiusRelease(RequestBody):
    """What `POST /radius/{signature}/release` takes."""

    reason: str = Field("", max_length=1000)


@router.post("/radius/{signature}/release", **as_role("Admin", 400, 404, 415))
async def release_radius(
    signature: SignatureInPath,
    release: Annotated[RadiusRelease, Strict, example({"reason": "looked at, incident 7"})],
    caller: CallerName,
    clients: Neighbours,
) -> Radius:
    """Let steps of one signature (control and cmdlet, or `dns`) go on; what was written before no longer counts."""
    known_control(signature.partition(":")[0])
    switches = clients.storage.switches
    while True:
        before, version = await switches.radius(signature)
        after = replace(before, held_since=None, reason=release.reason, released_at=clients.now(), by=caller)
        with suppress(RowMoved):
            await switches.set_radius(signature, after, version)
            break
    incident = held_by_radius(signature, before.reason)
    if before.held_since:  # the worker that held it tells of it, perhaps only after this: told now, it ends now
        await tell_operators(incident, clients, at=before.held_since)
    await end_incident(incident.id, release.reason, clients, by=caller)
    log.warning("radius released signature=%s by=%r reason=%r", signature, caller, release.reason)
    return after
