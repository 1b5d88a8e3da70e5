"""Changes of a profile in waves: begin one, see how far it is, pause and resume it."""

from typing import Annotated

from fastapi import Path

from handlers import waves
from handlers.api.access import as_role
from handlers.api.routing import CallerName, Neighbours, Strict, example, router_of
from handlers.waves import ShownWave, WaveDecision, WaveRequest

router = router_of("waves")

WaveInPath = Annotated[str, Path(alias="wave", pattern="^[0-9a-f]{12}$", examples=["4f1c09a7be32"])]

_EXAMPLE = {
    "profile": "exchangedefender",
    "version": "2026-11-23",
    "canaries": ["7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"],
    "reason": "the filter has a new range",
}


@router.get("/waves", **as_role("Reader"))
async def get_waves(clients: Neighbours) -> list[ShownWave]:
    """Every wave with its progress, the newest first."""
    return await waves.shown_waves(clients)


@router.post("/waves", status_code=201, **as_role("Admin", 400, 409, 415))
async def post_wave(
    wish: Annotated[WaveRequest, Strict, example(_EXAMPLE)], caller: CallerName, clients: Neighbours
) -> ShownWave:
    """Move a profile's tenants to another version of it: the canaries, then 5 %, 25 % and all, each proven first."""
    return await waves.begin_wave(wish, caller, clients)


@router.post("/waves/{wave}/pause", **as_role("Admin", 400, 404, 409, 415))
async def pause_wave(
    wave: WaveInPath,
    wish: Annotated[WaveDecision, Strict, example({"reason": "the vendor has a question"})],
    caller: CallerName,
    clients: Neighbours,
) -> ShownWave:
    """Move no further tenant; those that were moved stay, and the blast radius holds their steps as all others."""
    return await waves.pause(wave, wish.reason, caller, clients)


@router.post("/waves/{wave}/resume", **as_role("Admin", 400, 404, 409, 415))
async def resume_wave(
    wave: WaveInPath,
    wish: Annotated[WaveDecision, Strict, example({"reason": "looked at, incident 7"})],
    caller: CallerName,
    clients: Neighbours,
) -> ShownWave:
    """Let a paused wave go on, past the tenants that have failed by now."""
    return await waves.resume(wave, wish.reason, caller, clients)
