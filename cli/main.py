"""`holdfast`: import tenants, look, plan, put back, follow, brake.

Exit codes: 0 all is as documented, or was done; 1 something wants attention (drift, held, a person, failed, refused
rows); 2 the command makes no sense; 3 the service said no; 4 the service does not answer; 5 it goes on for longer than
was waited.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from cli import files, show
from cli.api import Api, Failure, open_api

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
tenants_app = typer.Typer(help="Which tenants are looked after.", no_args_is_help=True)
app.add_typer(tenants_app, name="tenants")
key_app = typer.Typer(help="Keys of the API.", no_args_is_help=True)
app.add_typer(key_app, name="key")

GOOD = frozenset({"compliant", "not_applicable", "excepted", "succeeded"})
FOLLOW_EVERY_S = 2.0


@dataclass
class Session:
    """What the options before the command say."""

    service: Callable[[], AbstractContextManager[Api]]
    as_json: bool
    out: Console
    err: Console

    def tell(self, data: object, table: Callable[[], object]) -> None:
        """*data* for programs, or the table for people."""
        if self.as_json:
            self.out.out(json.dumps(data, ensure_ascii=False), highlight=False)
        else:
            self.out.print(table())


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
One = Annotated[str, typer.Argument(help="A tenant's id, name or initial domain.")]
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
    rows = [(r["tenant_id"], r["result"], r["detail"]) for r in results]
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
    return {
        "tenant_id": tenant_id,
        "result": "added" if answer.status_code == httpx.codes.CREATED else "replaced",
        "detail": "",
    }


@tenants_app.command("list")
def list_tenants(ctx: typer.Context) -> None:
    """Every tenant."""
    session: Session = ctx.obj
    with session.service() as api:
        found = api.get("tenants")
    rows = [(t["tenant_id"], t["name"], t["initial_domain"], t["mode"], str(t["enabled"])) for t in found]
    session.tell(found, lambda: show.table("tenants", ("id", "name", "initial domain", "mode", "enabled"), rows))


class Role(StrEnum):
    """What a key may do; each includes Reader, and Admin all."""

    READER = "Reader"
    OPERATOR = "Operator"
    APPROVER = "Approver"
    ADMIN = "Admin"


@key_app.command("new")
def new_key(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="How the ledger is to name whoever uses it.")],
    role: Annotated[list[Role], typer.Option(help="What it may do; may be repeated.")],
    *,
    until: Annotated[datetime | None, typer.Option(help="When it ends (UTC); without, it does not.")] = None,
) -> None:
    """Make a key: it is shown this once, and its entry goes into the list in HOLDFAST_KEYS. Asks no service."""
    session: Session = ctx.obj
    key = secrets.token_urlsafe(32)
    entry = {"name": name, "sha256": sha256(key.encode()).hexdigest(), "roles": [each.value for each in role]}
    if until:
        entry["until"] = until.replace(tzinfo=UTC).isoformat()
    lines = f"key    {key}\nentry  {json.dumps(entry)}"
    if session.as_json:
        lines = json.dumps({"key": key, "entry": entry})
    session.out.out(lines, highlight=False)


@key_app.command("end")
def end_key(ctx: typer.Context, name: Annotated[str, typer.Argument(help="The key's name in HOLDFAST_KEYS.")]) -> None:
    """Have a key refused everywhere, within 10 seconds and for good."""
    session: Session = ctx.obj
    with session.service() as api:
        api.delete(f"keys/{quote(name, safe='')}")
    session.tell({"ended": name}, lambda: f"{escape(name)} is refused from now on")


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
        chosen = _resolved(api, named)
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


@app.command()
def state(ctx: typer.Context, tenants: Tenants = None) -> None:
    """How each control of tenants stands."""
    session: Session = ctx.obj
    found = _asked_of_each(session, tenants, "state")
    for tenant, each in [] if session.as_json else found:
        session.out.print(show.controls(tenant["name"], each["controls"]))
    raise typer.Exit(0 if {c["state"] for _, each in found for c in each["controls"]} <= GOOD else 1)


@app.command()
def ledger(
    ctx: typer.Context,
    tenant: One,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens next.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Entries to begin with.")] = 20,
) -> None:
    """What happened in a tenant, oldest first."""
    session: Session = ctx.obj
    with session.service() as api:
        [found] = _resolved(api, [tenant])
        path = f"tenants/{found['tenant_id']}/ledger"
        last = ""
        while True:
            for entry in reversed(_since(api, path, last, limit)):
                line = json.dumps(entry, ensure_ascii=False) if session.as_json else show.entry(entry)
                session.out.out(line, highlight=False)
                last = entry["id"]
            if not follow:
                return
            time.sleep(FOLLOW_EVERY_S)


def _since(api: Api, path: str, last: str, limit: int) -> list[dict[str, Any]]:
    """Entries that are newer than *last*, newest first: ids of newer entries sort before those of older ones."""
    entries: list[dict[str, Any]] = []
    after = ""
    while True:
        page = api.get(path, limit=limit, **({"after": after} if after else {}))
        entries += [entry for entry in page if not last or entry["id"] < last]
        if not last or len(page) < limit or page[-1]["id"] >= last:
            return entries
        after = page[-1]["id"]


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
    line = " ".join(filter(None, (said, escape(found["reason"]), escape(found["by"]))))
    session.tell(found, lambda: line)


@app.command()
def readiness(ctx: typer.Context, tenants: Tenants = None) -> None:
    """What tenants have granted, and what is missing, with the grant that mends it."""
    session: Session = ctx.obj
    found = _asked_of_each(session, tenants, "readiness")
    for tenant, each in [] if session.as_json else found:
        rows = [(i["id"], show.word(i["state"]), escape(i["detail"])) for i in each["items"]]
        session.out.print(show.table(tenant["name"], ("what", "state", "detail"), rows))
        for item in each["items"]:
            if item["state"] in {"missing", "unknown"} and item["remedy"]:
                session.out.out(f"{item['id']}: {item['remedy']}", highlight=False)
        session.out.out(f"admin consent: {each['consent_url']}", highlight=False)
    raise typer.Exit(0 if all(each["ready"] for _, each in found) else 1)


def _asked_of_each(session: Session, tenants: list[str] | None, what: str) -> list[tuple[dict[str, Any], Any]]:
    """Each tenant with its *what*, which is printed here where JSON is wanted."""
    with session.service() as api:
        chosen = _resolved(api, tenants)
        found = [(t, api.get(f"tenants/{t['tenant_id']}/{what}")) for t in _progress(session, "asking", chosen)]
    if session.as_json:
        session.tell([each for _, each in found], lambda: None)
    return found


def _resolved(api: Api, named: list[str] | None) -> list[dict[str, Any]]:
    """The configs of the tenants that were named by id, name or initial domain; all where none was.

    Raises:
        Failure: No tenant has such a name, or several have.
    """
    known: list[dict[str, Any]] = api.get("tenants")
    return [_one(known, name) for name in named] if named else known


def _one(known: list[dict[str, Any]], name: str) -> dict[str, Any]:
    wanted = name.casefold()
    found = [t for t in known if wanted in {t["tenant_id"], t["name"].casefold(), t["initial_domain"].casefold()}]
    if len(found) != 1:
        why = "no tenant has" if not found else f"{len(found)} tenants have"
        raise Failure(2, f"'{name}': {why} that id, name or initial domain")
    return found[0]


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
        Console(stderr=True).print(f"holdfast: {failure}", markup=False, highlight=False)
        raise SystemExit(failure.code) from None
