"""`holdfast`: import tenants, look, plan, put back, follow, brake.

Exit codes: 0 all is as documented, or was done; 1 something wants attention (drift, held, a person, failed, refused
rows); 2 the command makes no sense; 3 the service said no; 4 the service does not answer; 5 it goes on for longer than
was waited.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.progress import Progress

from cli import backup, files, show
from cli.answers import answer_commands
from cli.api import Api, Failure, open_api
from cli.fleet import fleet_commands
from cli.keys import key_app
from cli.ledger import ledger_app
from cli.notify import events_app, incidents_app, notify_app
from cli.offboard import offboard
from cli.onboard import onboard
from cli.scanners import scanner_exceptions
from cli.session import One, Session, tenants_named, utc
from cli.waves import waves_app

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
tenants_app = typer.Typer(help="Which tenants are looked after.", no_args_is_help=True)
app.add_typer(tenants_app, name="tenants")
app.add_typer(key_app, name="key")
app.add_typer(ledger_app, name="ledger")
app.add_typer(notify_app, name="notify")
app.add_typer(incidents_app, name="incidents")
app.add_typer(events_app, name="events")
app.add_typer(fleet_commands)
app.add_typer(answer_commands)
app.add_typer(waves_app, name="waves")

app.command()(onboard)
app.command()(offboard)

GOOD = frozenset({"compliant", "not_applicable", "excepted", "succeeded"})


@app.callback()
def options(
    ctx: typer.Context,
    url: Annotated[
        str, typer.Option(envvar="HOLDFAST_API_URL", help="Where the service is.")
    ] = "http://127.0.0.1:7071",
    key: Annotated[str, typer.Option(envvar="HOLDFAST_API_KEY", help="A key of the service.", show_envvar=True)] = "",
    token: Annotated[str, typer.Option(envvar="HOLDFAST_API_TOKEN", help="An Entra ID token, instead of a key.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs instead of tables.")] = False,
) -> None:
    """Options of every command."""
    ctx.obj = Session(lambda: open_api(url, key, token), as_json, Console(), Console(stderr=True))


Tenants = Annotated[list[str] | None, typer.Argument(help="Tenant ids, names or initial domains; none: all.")]
Controls = Annotated[list[str] | None, typer.Option("--control", help="Only this control; may be repeated.")]
Wait = Annotated[float, typer.Option("--wait", help="Seconds to wait for the end; 0 does not wait.")]


@tenants_app.command("import")
def import_tenants(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .json list of configs, or .csv with their plain fields.")],
    *,
    replace: Annotated[bool, typer.Option(help="Replace configs that are there already.")] = False,
) -> None:
    """Add the tenants of a file; those that are there already stay as they are. What is refused is told, row by row."""
    session: Session = ctx.obj
    configs = files.tenants(file)
    with session.service() as api:
        results = [_import(api, each, replace=replace) for each in _progress(session, "importing", configs)]
    rows = [[show.cell(r[each]) for each in ("tenant_id", "result", "detail")] for r in results]
    session.tell(results, lambda: show.table("import", ("tenant", "result", "detail"), rows))
    raise typer.Exit(1 if any(r["result"] == "refused" for r in results) else 0)


def _import(api: Api, config: dict[str, Any], *, replace: bool) -> dict[str, str]:
    tenant_id = str(config.get("tenant_id", ""))
    try:
        condition = {} if replace else {"if-none-match": "*"}
        answer = api.put(f"tenants/{UUID(tenant_id)}", config, condition)
    except ValueError:
        return {"tenant_id": tenant_id, "result": "refused", "detail": "tenant_id: should be a GUID"}
    except Failure as no:
        if no.status == httpx.codes.PRECONDITION_FAILED:
            return {"tenant_id": tenant_id, "result": "kept", "detail": "there already"}
        if no.status is None or no.status >= httpx.codes.INTERNAL_SERVER_ERROR or no.status in {401, 403}:
            raise
        return {"tenant_id": tenant_id, "result": "refused", "detail": str(no)}
    if answer.status_code == httpx.codes.ACCEPTED:
        widens = "; ".join(answer.json()["widens"])
        return {"tenant_id": tenant_id, "result": "proposed", "detail": f"waits for another person: {widens}"}
    result = "added" if answer.status_code == httpx.codes.CREATED else "replaced"
    return {"tenant_id": tenant_id, "result": result, "detail": ""}


@tenants_app.command("approve")
def approve_tenant(
    ctx: typer.Context,
    tenant_id: Annotated[str, typer.Argument(help="The id of the tenant with a proposed config.")],
    *,
    proposal: Annotated[
        str, typer.Option(help="Of the config that you have seen elsewhere; without, it is shown first.")
    ] = "",
) -> None:
    """Let a proposed config take effect: it needs another person than the one who proposed it."""
    session: Session = ctx.obj
    path = f"tenants/{quote(tenant_id, safe='')}"
    with session.service() as api:
        seen = proposal or _seen_proposal(session, api, path)
        config = api.post(f"{path}/config/approve", {"proposal": seen}).json()
    session.tell(config, lambda: f"the config of {show.cell(config['name'])} counts from now on")


def _seen_proposal(session: Session, api: Api, path: str) -> str:
    """The proposed config that a person was shown, field by field, and said yes to."""
    waits = api.get(f"{path}/config/proposed")
    [now] = [each for each in api.get("tenants") if each["tenant_id"] == waits["tenant_id"]] or [{}]
    then = waits["config"]
    rows = [
        [show.cell(name), show.cell(show.as_json(now.get(name))), show.cell(show.as_json(then[name]))]
        for name in then
        if then[name] != now.get(name)
    ]
    session.err.print(show.table(f"{waits['by']} proposes for {then['name']}", ("field", "now", "then"), rows))
    session.err.print(show.cell(f"it lets in more than the profile: {'; '.join(waits['widens'])}"))
    if not typer.confirm("Let this config take effect?", err=True):
        raise Failure(1, "nothing was done")
    return str(waits["proposal"])


@tenants_app.command("list")
def list_tenants(ctx: typer.Context) -> None:
    """Every tenant."""
    session: Session = ctx.obj
    with session.service() as api:
        found = api.get("tenants")
    rows = [[show.cell(t[each]) for each in ("tenant_id", "name", "initial_domain", "mode", "enabled")] for t in found]
    session.tell(found, lambda: show.table("tenants", ("id", "name", "initial domain", "mode", "enabled"), rows))


@app.command()
def check(ctx: typer.Context, tenants: Tenants = None, *, wait: Wait = 300) -> None:
    """Look at tenants now."""
    _work(ctx.obj, tenants, "check", lambda _: None, wait)


@app.command()
def plan(ctx: typer.Context, tenants: Tenants = None, *, control: Controls = None, wait: Wait = 300) -> None:
    """Show the exact steps that would put tenants back. Writes nothing."""
    _work(ctx.obj, tenants, "reprovision", lambda _: {"controls": control, "dry_run": True}, wait, steps=True)


@app.command()
def reprovision(
    ctx: typer.Context,
    tenants: Annotated[list[str], typer.Argument(help="Tenant ids, names or initial domains.")],
    *,
    control: Controls = None,
    reason: Annotated[str, typer.Option(help="For the ledger.")] = "",
    wait: Wait = 900,
) -> None:
    """Put tenants back now."""
    _work(ctx.obj, tenants, "reprovision", lambda _: {"controls": control, "reason": reason}, wait, steps=True)


def _work(  # noqa: PLR0913, PLR0917 - one command's words
    session: Session,
    named: list[str] | None,
    what: str,
    body: Callable[[str], object],
    wait: float,
    steps: bool = False,  # noqa: FBT001, FBT002 - by keyword only here
) -> None:
    """Ask for the work of every tenant first, then wait for each: the service does them side by side."""
    with session.service() as api:
        chosen = tenants_named(api, named)
        operations = [
            api.start(f"tenants/{each['tenant_id']}/{what}", body(each["tenant_id"]))
            for each in _progress(session, "asking", chosen)
        ]
        if wait:
            operations = [api.ended(each, wait) for each in _progress(session, "waiting", operations)]
    names = {each["tenant_id"]: each["name"] for each in chosen}
    if session.as_json:
        session.tell(operations, lambda: None)
    for operation in [] if session.as_json else operations:
        title = f"{names[operation['tenant_id']]}: {operation['kind']} {operation['state']}"
        session.out.print(show.controls(title, operation["controls"]))
        if steps:
            show.steps(session.out, operation)
    if late := [each["id"] for each in operations if wait and not each.get("finished_at")]:
        raise Failure(5, f"operation {', '.join(late)} goes on after {wait:.0f} s: look again later")
    states = {c["state"] for each in operations for c in each["controls"]} | {each["state"] for each in operations}
    raise typer.Exit(0 if not wait or states <= GOOD else 1)


@app.command("open")
def open_tenants(  # noqa: PLR0913 - one command's words
    ctx: typer.Context,
    tenants: Annotated[list[str], typer.Argument(help="Tenant ids, names or initial domains.")],
    *,
    reason: Annotated[str, typer.Option(help="For the ledger.")],
    until: Annotated[datetime, typer.Option(help="Until when the lock is held open (UTC).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the steps.")] = False,
    wait: Wait = 300,
) -> None:
    """Open the lock now: every restricting connector takes mail of any sender again."""
    wish = {"reason": reason, "until": utc(until)} | ({"dry_run": True} if dry_run else {})
    _work(ctx.obj, tenants, "open", lambda _: wish, wait, steps=True)


@app.command()
def state(ctx: typer.Context, tenants: Tenants = None) -> None:
    """How each control of tenants stands."""
    session: Session = ctx.obj
    found = _asked_of_each(session, tenants, "state")
    for tenant, each in [] if session.as_json else found:
        session.out.print(show.controls(tenant["name"], each["controls"]))
    raise typer.Exit(0 if {c["state"] for _, each in found for c in each["controls"]} <= GOOD else 1)


@app.command()
def findings(ctx: typer.Context, tenants: Tenants = None) -> None:
    """What only a person can judge: declare each, or remove it."""
    session: Session = ctx.obj
    found = _asked_of_each(session, tenants, "findings")
    for tenant, each in [] if session.as_json else found:
        rows = [
            (f["id"], f["kind"], _stands(f), show.cell(f["name"]), show.cell(f["value"]), f["lets_in"]) for f in each
        ]
        columns = ("id", "kind", "state", "on", "what", "lets in")
        session.out.print(show.table(tenant["name"], columns, rows))
    raise typer.Exit(1 if any(f["state"] == "open" for _, each in found for f in each) else 0)


def _stands(finding: dict[str, Any]) -> str:
    """Its state, and what approves its removal where that is held."""
    held = finding.get("held")
    return f"{finding['state']}; approve {finding['control']} --plan {held['plan']}" if held else finding["state"]


Finding = Annotated[str, typer.Argument(help="A finding's id, as `holdfast findings` shows it.")]


@app.command()
def declare(  # noqa: PLR0913 - one command's words
    ctx: typer.Context,
    tenant: One,
    finding: Finding,
    *,
    reason: Annotated[str, typer.Option(help="Why it may stay.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    until: Annotated[datetime, typer.Option(help="When that ends (UTC).")],
) -> None:
    """Vouch for a finding: it becomes part of the tenant's config until a date."""
    session: Session = ctx.obj
    wish = {"reason": reason, "owner": owner, "until": utc(until)}
    with session.service() as api:
        [found] = tenants_named(api, [tenant])
        said = api.post(f"tenants/{found['tenant_id']}/findings/{quote(finding, safe='')}/declare", wish).json()
    session.tell(said, lambda: f"{show.cell(said['value'])} is declared until {said['until']}")


@app.command()
def remove(  # noqa: PLR0913 - one command's words
    ctx: typer.Context,
    tenant: One,
    finding: Finding,
    *,
    reason: Annotated[str, typer.Option(help="For the ledger.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the steps.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take the steps without showing them first.")] = False,
    wait: Wait = 900,
) -> None:
    """Take a finding away by exact steps, which are shown first, with what of them could not be put back."""
    path = f"findings/{quote(finding, safe='')}/remove"
    if not (dry_run or yes):
        _confirm(ctx.obj, tenant, path, wait)
    _work(ctx.obj, [tenant], path, lambda _: {"reason": reason, "dry_run": dry_run}, wait, steps=True)


def _confirm(session: Session, tenant: str, path: str, wait: float) -> None:
    """Show what *path* would do, and ask."""
    with session.service() as api:
        [found] = tenants_named(api, [tenant])
        shown = api.ended(api.start(f"tenants/{found['tenant_id']}/{path}", {"dry_run": True}), wait or 900)
    show.steps(session.err, shown)
    for control in shown["controls"]:
        session.err.print(show.cell(control["detail"]))
    if not typer.confirm("Take these steps?", err=True):
        raise Failure(1, "nothing was done")


@app.command()
def brake(
    ctx: typer.Context,
    change: Annotated[str, typer.Argument(help="engage, release, or nothing to look.")] = "",
    *,
    reason: Annotated[str, typer.Option(help="Why; everyone who is held by it reads this.")] = "",
) -> None:
    """The kill switch: within 10 seconds nothing is written any more, anywhere."""
    session: Session = ctx.obj
    if change not in {"", "engage", "release"}:
        raise Failure(2, f"'{change}': should be engage or release")
    with session.service() as api:
        found = (
            api.put("brake", {"engaged": change == "engage", "reason": reason}).json() if change else api.get("brake")
        )
    said = "[red]engaged[/]" if found["engaged"] else "[green]released[/]"
    line = " ".join(filter(None, (said, show.cell(found["reason"]), show.cell(found["by"]))))
    session.tell(found, lambda: line)


@app.command()
def readiness(ctx: typer.Context, tenants: Tenants = None) -> None:
    """What tenants have granted, and what is missing, with the grant that mends it."""
    session: Session = ctx.obj
    found = _asked_of_each(session, tenants, "readiness")
    for tenant, each in [] if session.as_json else found:
        rows = [(show.cell(i["id"]), show.word(i["state"]), show.cell(i["detail"])) for i in each["items"]]
        session.out.print(show.table(tenant["name"], ("what", "state", "detail"), rows))
        for item in each["items"]:
            if item["state"] in {"missing", "unknown"} and item["remedy"]:
                session.out.out(show.plain(f"{item['id']}: {item['remedy']}"), highlight=False)
        session.out.out(show.plain(f"admin consent: {each['consent_url']}"), highlight=False)
    raise typer.Exit(0 if all(each["ready"] for _, each in found) else 1)


@app.command("backup")
def write_backup(ctx: typer.Context, file: Annotated[Path, typer.Argument(help="Where to: JSON Lines.")]) -> None:
    """Write what nothing else has: tenants, states, the ledger, switches, which ticket a cause has, waves."""
    session: Session = ctx.obj
    with session.service() as api:
        counts, digest = backup.write_backup(api, file)
    session.tell({"rows": counts, "sha256": digest}, lambda: f"{sum(counts.values())} rows, SHA-256 {digest}")


@app.command("restore")
def restore_backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A backup.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only read it: counts, and whether its chains verify.")
    ] = False,
) -> None:
    """Write a backup into an installation without tenants: the brake engages, and a person releases it."""
    session: Session = ctx.obj
    rows = backup.read_backup(file)
    counts = {table: sum(1 for each, _ in rows if each == table) for table in backup.IN_ORDER}
    if dry_run:
        session.tell({"rows": counts, "dry_run": True}, lambda: f"{counts}: its chains verify; nothing was written")
        return
    with session.service() as api:
        ended = backup.restore(api, file, rows)
    line = f"{ended['tenants']} tenants, {ended['chains']} chains; the brake is engaged: look, then release it"
    session.tell(ended, lambda: line)


EVIDENCE_FORMS = ("json", "html", "csv")


@app.command()
def evidence(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="A month, such as 2026-11; or scanner-exceptions (docs/scanners.md).")],
    file: Annotated[
        Path | None, typer.Argument(help="Where to; its ending says as what: .json, .html (prints to PDF), .csv.")
    ] = None,
    *,
    tenant: Annotated[str, typer.Option(help="A tenant's id, name or initial domain; without, all tenants.")] = "",
    make: Annotated[bool, typer.Option("--make", help="Make and keep it first: a month that is over.")] = False,
) -> None:
    """The evidence of a month, for one customer or, for the MSP, of all."""
    session: Session = ctx.obj
    if month == "scanner-exceptions":
        scanner_exceptions(session, tenant)
        return
    form = file.suffix.removeprefix(".") if file else ""
    if file is None or form not in EVIDENCE_FORMS:
        raise Failure(2, f"{file}: should end in {', '.join(f'.{each}' for each in EVIDENCE_FORMS)}")
    with session.service() as api:
        path = f"evidence/{month}"
        if tenant:
            tenant_id = tenants_named(api, [tenant])[0]["tenant_id"]
            path = f"tenants/{tenant_id}/evidence/{month}"
            if make:
                api.post(f"tenants/{tenant_id}/evidence", {"month": month})
        content = api.content(path, format=form)
    file.write_bytes(content)
    digest = sha256(content).hexdigest()
    session.tell({"file": str(file), "sha256": digest}, lambda: show.cell(f"{file}: SHA-256 {digest}"))


def _asked_of_each(session: Session, tenants: list[str] | None, what: str) -> list[tuple[dict[str, Any], Any]]:
    """Each tenant with its *what*, which is printed here where JSON is wanted."""
    with session.service() as api:
        chosen = tenants_named(api, tenants)
        found = [(t, api.get(f"tenants/{t['tenant_id']}/{what}")) for t in _progress(session, "asking", chosen)]
    if session.as_json:
        session.tell([each for _, each in found], lambda: None)
    return found


def _progress[T](session: Session, what: str, items: Iterable[T]) -> Iterable[T]:
    """The items, with a bar for people where there are several; it is on stderr, and goes away."""
    listed = list(items)
    if session.as_json or len(listed) < 2:  # noqa: PLR2004 - one needs no bar
        return listed
    return _barred(session.err, what, listed)


def _barred[T](console: Console, what: str, items: list[T]) -> Iterable[T]:
    with Progress(console=console, transient=True) as bar:
        yield from bar.track(items, description=what)


def main() -> None:
    """Run the command. What goes wrong is one line on stderr and an exit code."""
    try:
        app()
    except Failure as failure:
        Console(stderr=True).print(show.plain(f"holdfast: {failure}"), markup=False, highlight=False)
        raise SystemExit(failure.code) from None
