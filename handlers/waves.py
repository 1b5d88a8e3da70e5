"""A change of profile in waves, as people ask for it and see it. The ticks move it on."""

from dataclasses import dataclass, replace
from typing import Annotated, Self

from pydantic import AwareDatetime, Field

from clients.connect import Clients
from clients.storage.waves import WaveMoved
from domain.errors import BadField, UnknownWave, WaveOver, WaveRuns
from domain.incident import Incident, wave_incident
from domain.ledger import Entry, LedgerEvent
from domain.tenant import TenantId
from domain.waves import (
    MOST_CANARIES,
    FailedMove,
    StageName,
    StageProgress,
    Wave,
    new_wave,
)
from handlers.on_request import RequestBody
from handlers.operators import end_incident, tell_operators
from handlers.wave_look import is_due, look_at_tenants, mark_move


class WaveRequest(RequestBody):
    """What `POST /waves` takes. *canaries*: the tenants that are moved first."""

    profile: str = Field("exchangedefender", min_length=1, max_length=64)
    version: str = Field(min_length=1, max_length=64)
    canaries: Annotated[list[TenantId], Field(min_length=1, max_length=MOST_CANARIES)]
    reason: str = Field("", max_length=1000)


class WaveDecision(RequestBody):
    """What `POST /waves/{wave}/pause` and `/resume` take."""

    reason: str = Field("", max_length=1000)


@dataclass(frozen=True, slots=True)
class ShownWave:
    """A wave as the API, the command line and the console show it: `Wave` without what only decides who comes when.

    *stages*: all four with their tenants, as of *judged_at*; none before the first tick has judged.
    """

    id: str
    profile: str
    version: str
    state: str
    stage: StageName
    canaries: tuple[str, ...]
    by: str
    reason: str
    detail: str
    begun_at: AwareDatetime
    changed_at: AwareDatetime
    judged_at: AwareDatetime | None
    stages: tuple[StageProgress, ...]
    failed: tuple[FailedMove, ...]

    @classmethod
    def of(cls, wave: Wave) -> Self:
        return cls(
            id=wave.id,
            profile=wave.profile,
            version=wave.version,
            state=wave.state,
            stage=wave.stage,
            canaries=wave.canaries,
            by=wave.by,
            reason=wave.reason,
            detail=wave.detail,
            begun_at=wave.begun_at,
            changed_at=wave.changed_at,
            judged_at=wave.judged_at,
            stages=wave.progress,
            failed=wave.failed,
        )


async def shown_waves(clients: Clients) -> list[ShownWave]:
    """Every wave, the newest first."""
    return [ShownWave.of(each) for each in await clients.storage.waves.all()]


async def begin_wave(wish: WaveRequest, by: str, clients: Clients) -> ShownWave:
    """Begin a wave: its canaries are moved by the next tick.

    Raises:
        RequestError: BadField: an unknown profile, version or canary, or a version that every tenant has; WaveRuns.
    """
    try:
        clients.profiles.held_to(wish.profile, wish.version)
    except ValueError as error:
        field, _, fault = str(error).partition(": ")
        raise BadField(f"body.{field.removeprefix('profile_')}", fault) from None
    rows = [row async for row in clients.storage.tenants.rows()]
    due = {row.config.tenant_id for row in rows if is_due(row, wish.profile, wish.version, clients)}
    if not due:
        raise BadField("body.version", f"no tenant of {wish.profile} is held to another one")
    for number, each in enumerate(wish.canaries):
        if each not in due:
            fault = f"{each} is no tenant that is switched on and held to another version of {wish.profile}"
            raise BadField(f"body.canaries.{number}", fault)
    before = await clients.storage.waves.find(wish.profile)
    if before and before[0] and not before[0].is_over:
        raise WaveRuns(before[0].id, wish.profile)
    now = clients.now()
    wave = new_wave(
        profile=wish.profile,
        version=wish.version,
        canaries=wish.canaries,
        tenants=due,
        by=by,
        reason=wish.reason,
        now=now,
    )
    try:
        await clients.storage.waves.begin(wave, before, wave.entry("wave_begun", now, by, wish.reason))
    except WaveMoved:
        raise WaveRuns("that was begun at the same time", wish.profile) from None
    return ShownWave.of(wave)


async def pause(wave_id: str, reason: str, by: str, clients: Clients) -> ShownWave:
    """Move no further tenant until it is resumed. Raises UnknownWave, or WaveOver."""
    while True:
        wave, etag = await _known(wave_id, clients)
        if wave.state == "paused":
            return ShownWave.of(wave)
        paused = wave.paused(f"by {by}", clients.now())
        if await _changed(paused, etag, "wave_paused", by, reason, clients):
            await tell_pause(paused, clients)
            return ShownWave.of(paused)


async def resume(wave_id: str, reason: str, by: str, clients: Clients) -> ShownWave:
    """Let a paused wave go on, past the tenants that have failed by now. Raises UnknownWave, or WaveOver."""
    while True:
        wave, etag = await _known(wave_id, clients)
        if wave.state == "running":
            return ShownWave.of(wave)
        failed = [
            each for each, (result, _) in (await look_at_tenants(wave, clients)).results.items() if result == "failed"
        ]
        for tenant_id in failed:
            await _pass_over(tenant_id, wave, by, reason, clients)
        told = f"{len(failed)} tenants that failed were passed over" if failed else ""
        resumed = wave.resumed(told, clients.now())
        if await _changed(resumed, etag, "wave_resumed", by, reason, clients):
            await end_incident(wave_incident(wave.id), reason, clients, by=by)
            return ShownWave.of(resumed)


async def _known(wave_id: str, clients: Clients) -> tuple[Wave, str]:
    waves = {each.id: each for each in await clients.storage.waves.all()}
    if wave_id not in waves:
        raise UnknownWave(wave_id)
    wave, etag = await clients.storage.waves.find(waves[wave_id].profile) or (None, "")
    if wave is None or wave.id != wave_id or wave.is_over:
        raise WaveOver(wave_id)
    return wave, etag


async def _changed(  # noqa: PLR0913, PLR0917 - a change, and who made it
    wave: Wave, etag: str, event: LedgerEvent, by: str, reason: str, clients: Clients
) -> bool:
    """Whether *wave* was written; False where somebody wrote first."""
    try:
        await clients.storage.waves.change(wave, etag, wave.entry(event, wave.changed_at, by, reason))
    except WaveMoved:
        return False
    return True


async def tell_pause(wave: Wave, clients: Clients) -> None:
    """Tell the operators, once for each pause; again where a worker died before it had."""
    incident = Incident(
        id=wave_incident(wave.id),
        kind="wave",
        summary="a change of profile is paused",
        detail=f"{wave.profile} to version {wave.version}, stage {wave.stage}: {wave.detail};"
        f" POST /api/waves/{wave.id}/resume lets it go on past what failed",
    )
    await tell_operators(incident, clients, at=wave.changed_at)


async def _pass_over(tenant_id: str, wave: Wave, by: str, reason: str, clients: Clients) -> None:
    entry = Entry(
        at=clients.now(),
        tenant_id=tenant_id,
        event="configured",
        detail=f"passed over by wave {wave.id}",
        actor=by,
        requested_by=by,
        reason=reason,
        profile_version=wave.version,
    )
    await mark_move(tenant_id, wave, lambda move: replace(move, passed_over=True), clients, entry)
