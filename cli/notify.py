"""`holdfast notify`: the channels that notices go to; `holdfast incidents`: what a person has to look at."""

from typing import Annotated

import typer

from cli import show
from cli.session import One, Session, tenants_named

notify_app = typer.Typer(help="The channels that notices go to.", no_args_is_help=True)
incidents_app = typer.Typer(help="What the service needs a person for.", no_args_is_help=True)

OneIncident = Annotated[str, typer.Argument(help="An incident's id, as its notices have it.")]
Why = Annotated[str, typer.Option(help="For the ledger, and for who reads the channels.")]


@notify_app.command("list")
def show_channels(ctx: typer.Context) -> None:
    """Every channel, by name."""
    session: Session = ctx.obj
    with session.service() as api:
        found = api.get("channels")
    columns = ("name", "scheme", "operators", "failing since")
    rows = [[show.cell(c[each] or "") for each in ("name", "scheme", "operators", "failing_since")] for c in found]
    session.tell(found, lambda: show.table("channels", columns, rows))


@notify_app.command("test")
def try_channels(
    ctx: typer.Context,
    channels: Annotated[list[str] | None, typer.Argument(help="Names of channels; none: all.")] = None,
) -> None:
    """Send a test to channels; exit code 1 where one did not take it."""
    session: Session = ctx.obj
    with session.service() as api:
        found = api.post("channels/test", {"channels": channels or []}).json()
    rows = [[show.cell(c["channel"]), show.word("ok" if c["ok"] else "failed"), show.cell(c["detail"])] for c in found]
    session.tell(found, lambda: show.table("test", ("channel", "result", "detail"), rows))
    raise typer.Exit(0 if all(each["ok"] for each in found) else 1)


@incidents_app.command("list")
def show_incidents(ctx: typer.Context) -> None:
    """The incidents that last; exit code 1 where there is one."""
    session: Session = ctx.obj
    with session.service() as api:
        found = api.get("incidents")
    columns = ("id", "number", "begun", "owner", "what")
    rows = [[show.cell(i[each]) for each in ("id", "number", "begun_at", "owner", "detail")] for i in found]
    session.tell(found, lambda: show.table("incidents", columns, rows))
    raise typer.Exit(1 if found else 0)


@incidents_app.command("take")
def take_over(ctx: typer.Context, incident: OneIncident, *, reason: Why = "") -> None:
    """Take an incident over: the channels are told whose it is."""
    _note(ctx.obj, incident, "take", reason)


@incidents_app.command("end")
def call_over(ctx: typer.Context, incident: OneIncident, *, reason: Why = "") -> None:
    """Say that an incident is over."""
    _note(ctx.obj, incident, "end", reason)


def _note(session: Session, incident: str, what: str, reason: str) -> None:
    with session.service() as api:
        api.post(f"incidents/{incident}/{what}", {"reason": reason})
    session.tell({"incident": incident, "what": what}, lambda: f"{show.cell(incident)}: {what}")


events_app = typer.Typer(help="Events out.", no_args_is_help=True)


@events_app.command("replay")
def replay_events(
    ctx: typer.Context,
    tenant: One,
    *,
    after: Annotated[int, typer.Option(min=0, help="A position of the tenant's ledger; 0: from the beginning.")],
) -> None:
    """Send a tenant's events again, from a position of its ledger."""
    session: Session = ctx.obj
    with session.service() as api:
        [found] = tenants_named(api, [tenant])
        api.post(f"tenants/{found['tenant_id']}/events/replay", {"after": after})
    session.tell({"after": after}, lambda: f"{show.cell(found['name'])}: sent again from position {after}")
