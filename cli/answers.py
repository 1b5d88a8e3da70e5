"""A person's answers about one control: approve a plan, accept drift, undo what was done."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import typer

from cli import show
from cli.api import Failure
from cli.session import One, Session, tenants_named, utc

answer_commands = typer.Typer()

ControlName = Annotated[str, typer.Argument(help="A control's id, such as spf.")]
Reason = Annotated[str, typer.Option(help="For the ledger.")]
Owner = Annotated[str, typer.Option(help="Who answers for it.")]
Until = Annotated[datetime | None, typer.Option(help="When that ends (UTC).")]
Patience = Annotated[float, typer.Option("--wait", help="Seconds to wait for the end; 0 does not wait.")]


def _utc(until: datetime | None) -> str | None:
    return utc(until) if until else None


def _follow(session: Session, tenant: str, path: str, wish: Mapping[str, str | bool | None], wait: float) -> None:
    """Ask for an operation, and show how it ended."""
    with session.service() as api:
        [found] = tenants_named(api, [tenant])
        body = {name: value for name, value in wish.items() if value}
        operation = api.start(f"tenants/{found['tenant_id']}/{path}", body)
        operation = api.ended(operation, wait) if wait else operation
    title = f"{found['name']}: {operation['kind']} {operation['state']}"
    session.tell(operation, lambda: show.controls(title, operation["controls"]))
    if wait and not operation.get("finished_at"):
        raise Failure(5, f"operation {operation['id']} goes on after {wait:.0f} s: look again later")
    raise typer.Exit(0 if not wait or operation["state"] == "succeeded" else 1)


@answer_commands.command()
def approve(  # noqa: PLR0913 - one command's words
    ctx: typer.Context,
    tenant: One,
    control: ControlName,
    *,
    plan: Annotated[str, typer.Option(help="The plan that was shown; without, the one that waits now.")] = "",
    reason: Reason = "",
    owner: Owner = "",
    until: Until = None,
    wait: Patience = 300,
) -> None:
    """Take the steps of a plan; reason, owner and end go together, where the lock is not proven."""
    wish = {"plan": plan, "reason": reason, "owner": owner, "until": _utc(until)}
    _follow(ctx.obj, tenant, f"controls/{control}/approve", wish, wait)


@answer_commands.command("except")
def accept(  # noqa: PLR0913 - one command's words
    ctx: typer.Context,
    tenant: One,
    control: ControlName,
    *,
    reason: Reason = "",
    owner: Owner = "",
    until: Until = None,
    end: Annotated[bool, typer.Option("--end", help="Accept it no longer.")] = False,
) -> None:
    """Accept a control's drift until a date, or no longer."""
    session: Session = ctx.obj
    if not end and not (reason and owner and until):
        raise Failure(2, "give --reason, --owner and --until, or --end")
    with session.service() as api:
        [found] = tenants_named(api, [tenant])
        path = f"tenants/{found['tenant_id']}/controls/{control}/except"
        if end:
            api.delete(path)
            said = {"ended": control}
        else:
            said = api.post(path, {"reason": reason, "owner": owner, "until": _utc(until)}).json()
    session.tell(said, lambda: f"{show.cell(control)} is accepted {'no longer' if end else f'until {_utc(until)}'}")


@answer_commands.command()
def undo(  # noqa: PLR0913 - one command's words
    ctx: typer.Context,
    tenant: One,
    control: ControlName,
    entry: Annotated[str, typer.Argument(help="The id of the ledger entry that wrote.")],
    *,
    reason: Reason = "",
    until: Until = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the steps.")] = False,
    wait: Patience = 900,
) -> None:
    """Put back what one ledger entry found, and accept it for a while."""
    wish = {"entry": entry, "reason": reason, "until": _utc(until), "dry_run": dry_run}
    _follow(ctx.obj, tenant, f"controls/{control}/undo", wish, wait)
