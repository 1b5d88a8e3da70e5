"""The page of changes of profile in waves: how far each is, and for an Admin to begin, pause and resume one."""

from difflib import get_close_matches
from typing import Literal

from fastapi import HTTPException, Request, Response

from clients.connect import Clients
from domain.shown import quoted
from handlers import waves
from handlers.api.routing import Neighbours
from handlers.console.actions import wish_of
from handlers.console.config_form import words_in
from handlers.console.web import SentForm, render_page, require_role, router, see
from handlers.waves import WaveDecision, WaveRequest

wave_pages = router()


@wave_pages.get("/waves")
async def waves_page(request: Request, clients: Neighbours) -> Response:
    """Every wave with its progress, the newest first."""
    return render_page(
        request,
        "waves.html",
        title="Waves",
        waves=await waves.shown_waves(clients),
        names={row.tenant_id: row.name for row in await clients.storage.index.rows()},
        versions=[(each.id, each.version) for each in reversed(clients.profiles.versions)],
        data="/api/waves",
    )


@wave_pages.post("/waves")
async def begin_by_form(form: SentForm, clients: Neighbours) -> Response:
    """Begin a wave with the canaries that are named."""
    require_role(form.session, "Admin")
    profile, _, version = form.text("target").partition(" ")
    canaries = await _tenants_named(form.text("canaries"), clients)
    fields = {"profile": profile, "version": version, "canaries": canaries, "reason": form.text("reason")}
    await waves.begin_wave(wish_of(WaveRequest, fields), form.session.name, clients)
    return see("/waves")


async def _tenants_named(text: str, clients: Clients) -> tuple[str, ...]:
    """The ids of tenants that are named by name, initial domain or id. Raises HTTPException 422 for an unknown one."""
    known = dict[str, str]()
    for row in await clients.storage.index.rows():
        known |= dict.fromkeys((row.name.casefold(), row.initial_domain.casefold(), row.tenant_id), row.tenant_id)
    wanted = words_in(text)
    for each in wanted:
        if each.casefold() not in known:
            near = get_close_matches(each.casefold(), known, 1)
            hint = f"; the nearest is {near[0]}" if near else ""
            raise HTTPException(422, f"canaries: no tenant has the name, initial domain or id {quoted(each)}{hint}")
    return tuple(known[each.casefold()] for each in wanted)


@wave_pages.post("/waves/{wave}/{decision}")
async def decide(wave: str, decision: Literal["pause", "resume"], form: SentForm, clients: Neighbours) -> Response:
    """Pause a wave, or let it go on past what has failed."""
    require_role(form.session, "Admin")
    wish = wish_of(WaveDecision, {"reason": form.text("reason")})
    story = waves.pause if decision == "pause" else waves.resume
    await story(wave, wish.reason, form.session.name, clients)
    return see("/waves")
