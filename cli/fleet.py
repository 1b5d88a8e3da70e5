"""Lists over the whole fleet: how it stands, what waits for a person, what was asked for, alerts, what was given up."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli import show
from cli.api import Failure
from cli.session import Session, tenants_named

fleet_commands = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]
Label = Annotated[str, typer.Option(help="Only tenants with this label.")]
Control = Annotated[str, typer.Option(help="Only this control.")]


def _listed(
    session: Session, title: str, path: str, columns: Sequence[str], **params: str | int
) -> list[dict[str, Any]]:
    """Print a list of the service as a table, or as JSON."""
    with session.service() as api:
        found = api.get(path, **{name: value for name, value in params.items() if value})
    items: list[dict[str, Any]] = found["items"] if isinstance(found, dict) else found
    rows = [[_cell(name, item[name]) for name in columns] for item in items]
    session.tell(found, lambda: show.table(title, [name.replace("_", " ") for name in columns], rows))
    return items


def _cell(name: str, value: object) -> str:
    if name in {"state", "worst"}:
        return show.word(str(value))
    if isinstance(value, list):
        return show.cell(" ".join(map(str, value)))
    return show.cell("" if value is None else value)


@fleet_commands.command()
def fleet(  # noqa: PLR0913 - one command's words
    ctx: typer.Context,
    q: Annotated[str, typer.Argument(help="Part of a name, a domain or an id.")] = "",
    *,
    state: Annotated[
        str, typer.Option(help="Only tenants whose worst state is this; with --control, that one's.")
    ] = "",
    control: Control = "",
    mode: Annotated[str, typer.Option(help="observe, approve or correct.")] = "",
    label: Label = "",
    sort: Annotated[
        str, typer.Option(help="state, name, since, findings, mode, looked; with a minus the other way.")
    ] = "state",
    limit: Limit = 100,
) -> None:
    """The whole fleet, what a person should see first in front."""
    columns = ("tenant_id", "name", "state", "since", "findings", "waiting", "mode", "labels", "looked_at")
    wanted = {"q": q, "state": state, "control": control, "mode": mode, "label": label}
    _listed(ctx.obj, "fleet", "fleet", columns, sort=sort, limit=limit, **wanted)


@fleet_commands.command()
def states(
    ctx: typer.Context,
    *,
    state: Annotated[str, typer.Option(help="Only controls in this state.")] = "",
    control: Control = "",
    label: Label = "",
    limit: Limit = 100,
) -> None:
    """How controls stand, over all tenants."""
    columns = ("name", "control", "state", "since", "why", "actor")
    _listed(ctx.obj, "states", "states", columns, state=state, control=control, label=label, limit=limit)


@fleet_commands.command()
def rebuild(ctx: typer.Context) -> None:
    """Write the index that the lists over the fleet are made of anew, from configs and states."""
    session: Session = ctx.obj
    with session.service() as api:
        found = api.post("fleet/rebuild", None).json()
    session.tell(found, lambda: f"{found['tenants']} tenants are in the index")


@fleet_commands.command()
def objectives(ctx: typer.Context) -> None:
    """How soon drift is seen and proven put back, over 30 days; exit code 1 where an error budget is spent."""
    columns = ("id", "within_s", "share", "achieved", "measured", "budget_left", "burn")
    found = _listed(ctx.obj, "objectives", "objectives", columns)
    raise typer.Exit(1 if any(each["budget_left"] < 0 for each in found) else 0)


@fleet_commands.command()
def months(
    ctx: typer.Context,
    *,
    tenant: Annotated[str, typer.Option(help="A tenant's id, name or initial domain; without, all together.")] = "",
) -> None:
    """The months whose evidence is kept; `holdfast evidence` fetches one."""
    path, session = "evidence", ctx.obj
    if tenant:
        with session.service() as api:
            path = f"tenants/{tenants_named(api, [tenant])[0]['tenant_id']}/evidence"
    _listed(session, "months", path, ("month", "made_at", "entry"))


@fleet_commands.command()
def inbox(
    ctx: typer.Context,
    *,
    kind: Annotated[str, typer.Option(help="Only this kind, such as approval or finding.")] = "",
    control: Control = "",
    label: Label = "",
    limit: Limit = 100,
) -> None:
    """All that waits for a person; exit code 1 where something does."""
    columns = ("kind", "name", "control", "why", "since", "plan", "finding")
    found = _listed(ctx.obj, "inbox", "inbox", columns, kind=kind, control=control, label=label, limit=limit)
    raise typer.Exit(1 if found else 0)


@fleet_commands.command()
def operations(
    ctx: typer.Context,
    operation: Annotated[str, typer.Argument(help="An operation's id; without, the newest.")] = "",
    *,
    state: Annotated[str, typer.Option(help="Only those in this state.")] = "",
    limit: Limit = 20,
) -> None:
    """What people asked for, newest first; or one operation."""
    session: Session = ctx.obj
    if not operation:
        columns = ("created_at", "id", "kind", "state", "tenant_id", "requested_by")
        _listed(session, "operations", "operations", columns, state=state, limit=limit)
        return
    with session.service() as api:
        found = api.get(f"operations/{quote(operation, safe='')}")
    session.tell(found, lambda: show.controls(f"{found['kind']} {found['state']}", found["controls"]))


@fleet_commands.command()
def proposals(ctx: typer.Context) -> None:
    """Customers of the MSP's own tenant that could be looked after."""
    session: Session = ctx.obj
    with session.service() as api:
        found = api.get("proposals")
    rows = [[show.cell(each["tenant_id"]), show.cell(each["name"]), str(each["configured"])] for each in found]
    session.tell(found, lambda: show.table("proposals", ("tenant", "name", "looked after"), rows))


@fleet_commands.command()
def alerts(
    ctx: typer.Context,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also those that no person has to look at.")] = False,
    limit: Limit = 100,
) -> None:
    """Defender's alerts that concern the filter, each with its verdict."""
    columns = ("tenant_id", "title", "verdict", "reason", "updated", "closed")
    _listed(ctx.obj, "alerts", "alerts", columns, standing="" if every else "true", limit=limit)


@fleet_commands.command()
def parked(
    ctx: typer.Context,
    *,
    seen: Annotated[str, typer.Option(help="The id of one that a person has looked at: it is forgotten.")] = "",
    limit: Limit = 100,
) -> None:
    """Messages that were given up."""
    session: Session = ctx.obj
    if not seen:
        _listed(session, "parked", "parked", ("queue", "id", "at", "reason"), limit=limit)
        return
    with session.service() as api:
        known = {each["id"]: each["queue"] for each in api.get("parked", limit=1000)}
        if seen not in known:
            raise Failure(2, f"{seen}: no such message is parked")
        api.delete(f"parked/{known[seen]}/{seen}")
    session.tell({"seen": seen}, lambda: f"{seen} is forgotten")


@fleet_commands.command()
def radius(
    ctx: typer.Context,
    signature: Annotated[str, typer.Argument(help="A control and a cmdlet: inbound-lockdown:Set-InboundConnector.")],
    *,
    reason: Annotated[str, typer.Option(help="For the ledger.")],
) -> None:
    """Let steps of one signature go on that the blast radius holds."""
    session: Session = ctx.obj
    with session.service() as api:
        found = api.post(f"radius/{quote(signature, safe=':')}/release", {"reason": reason}).json()
    session.tell(found, lambda: f"{show.cell(signature)} goes on")
