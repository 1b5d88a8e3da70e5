"""`holdfast waves`: a change of profile, stage by stage."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli import show
from cli.session import Session, tenants_named

waves_app = typer.Typer(help="Changes of a profile in waves.", no_args_is_help=True)

OneWave = Annotated[str, typer.Argument(help="A wave's id, as `holdfast waves list` shows it.")]
ForLedger = Annotated[str, typer.Option("--reason", help="For the ledger.")]


@waves_app.command("list")
def show_waves(ctx: typer.Context) -> None:
    """Every wave with its progress, the newest first; exit code 1 where one is paused."""
    session: Session = ctx.obj
    with session.service() as api:
        found = api.get("waves")
    columns = ("id", "profile", "version", "state", "stage", "proven", "failed", "detail")
    session.tell(found, lambda: show.table("waves", columns, [_row(each) for each in found]))
    raise typer.Exit(1 if any(each["state"] == "paused" for each in found) else 0)


def _row(wave: dict[str, Any]) -> list[str]:
    count = {name: sum(each[name] for each in wave["stages"]) for name in ("tenants", "proven", "failed")}
    words = [show.cell(wave[each]) for each in ("id", "profile", "version", "state", "stage")]
    return [*words, f"{count['proven']} of {count['tenants']}", str(count["failed"]), show.cell(wave["detail"])]


@waves_app.command("start")
def start_wave(
    ctx: typer.Context,
    version: Annotated[str, typer.Argument(help="The version that tenants are moved to.")],
    canaries: Annotated[list[str], typer.Argument(help="Tenant ids, names or initial domains that are moved first.")],
    *,
    profile: Annotated[str, typer.Option(help="Whose version that is.")] = "exchangedefender",
    reason: ForLedger = "",
) -> None:
    """Begin a wave: the canaries, then 5 %, 25 % and all, each proven before the next."""
    session: Session = ctx.obj
    with session.service() as api:
        chosen = [each["tenant_id"] for each in tenants_named(api, canaries)]
        wish = {"profile": profile, "version": version, "canaries": chosen, "reason": reason}
        wave = api.post("waves", wish).json()
    session.tell(wave, lambda: f"wave {wave['id']} has begun: holdfast waves list")


@waves_app.command("pause")
def ask_to_pause(ctx: typer.Context, wave: OneWave, *, reason: ForLedger = "") -> None:
    """Move no further tenant."""
    _decide(ctx.obj, wave, "pause", reason)


@waves_app.command("resume")
def ask_to_resume(ctx: typer.Context, wave: OneWave, *, reason: ForLedger = "") -> None:
    """Let a paused wave go on, past the tenants that have failed."""
    _decide(ctx.obj, wave, "resume", reason)


def _decide(session: Session, wave: str, what: str, reason: str) -> None:
    with session.service() as api:
        after = api.post(f"waves/{quote(wave, safe='')}/{what}", {"reason": reason}).json()
    session.tell(after, lambda: f"wave {after['id']} is {after['state']}{after['detail'] and ': '}{after['detail']}")
