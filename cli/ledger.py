"""`holdfast ledger`: what happened in a tenant, and whether its chain is as it was written."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape
from typer.core import TyperGroup

from cli import chains, prune, show
from cli.api import Api
from cli.session import One, Session, tenants_named

FOLLOW_EVERY_S = 2.0
_SERVICE = "service"
"""The ledger of the service itself."""


class _ShowFirst(TyperGroup):
    """`holdfast ledger TENANT` is short for `holdfast ledger show TENANT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own copy of Click's
        named = args and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named or not args else ["show", *args])


ledger_app = typer.Typer(
    help="What happened in a tenant; `ledger TENANT` shows it.", cls=_ShowFirst, no_args_is_help=True
)

Ledger = Annotated[str, typer.Argument(help="A tenant's id, name or initial domain, or `service`.")]


@ledger_app.command("show")
def show_entries(
    ctx: typer.Context,
    tenant: One,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens next.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Entries to begin with.")] = 20,
) -> None:
    """What happened in a tenant, oldest first."""
    session: Session = ctx.obj
    with session.service() as api:
        [found] = tenants_named(api, [tenant])
        path = f"tenants/{found['tenant_id']}/ledger"
        last = ""
        while True:
            for entry in reversed(_since(api, path, last, limit)):
                line = show.as_json(entry) if session.as_json else show.entry(entry)
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


@ledger_app.command("verify")
def verify_chains(
    ctx: typer.Context,
    tenant: Annotated[str, typer.Option(help="Only this tenant, or `service`; without, every chain.")] = "",
    *,
    from_export: Annotated[
        list[Path] | None,
        typer.Option(help="An export, or a message with a proof, instead of the service; may be repeated."),
    ] = None,
    every_root: Annotated[
        bool,
        typer.Option(help="Every hourly root that is kept; else all of 7 days and the last one of 500 days before."),
    ] = False,
) -> None:
    """Name the first bad entry of each chain; exit code 1 where there is one. With files no service is asked."""
    session: Session = ctx.obj
    if from_export:
        found = [each for each in chains.read_files(from_export) if tenant in {"", each.ledger}]
    else:
        with session.service() as api:
            # Before the chains: a root that comes meanwhile has entries which they have not.
            hours = api.get("roots")
            ledgers = [_ledger(api, tenant)] if tenant else [each["ledger"] for each in api.get("chains")]
            fetched = [chains.fetch(api, each) for each in ledgers]
            taken = hours if every_root else chains.chosen(hours)
            found = chains.under_roots(api, fetched, taken, all_known=not tenant)
    results = [_result(each) for each in found]
    session.tell(results, lambda: show.table("chains", results[0] if results else (), [_shown(r) for r in results]))
    raise typer.Exit(0 if results and all(each["result"] == "ok" for each in results) else 1)


def _result(chain: chains.Chain) -> dict[str, Any]:
    fault = chain.fault()
    newest = max(chain.proofs, key=lambda proof: proof.at, default=None)
    return {
        "ledger": chain.ledger,
        "entries": len(chain.rows),
        "result": "bad" if fault else "ok",
        "sequence": fault.sequence if fault else chain.rows[-1].link.sequence if chain.rows else 0,
        "entry": fault.id if fault else "",
        "detail": fault.why if fault else "",
        "root": f"{newest.at} {newest.root}" if newest else "none",
        "roots": len({proof.at for proof in chain.proofs} | chain.roots.keys()),
    }


def _shown(result: dict[str, Any]) -> list[str]:
    style = "green" if result["result"] == "ok" else "red"
    return [f"[{style}]{value}[/]" if name == "result" else escape(str(value)) for name, value in result.items()]


@ledger_app.command("export")
def export_chain(
    ctx: typer.Context, ledger: Ledger, file: Annotated[Path, typer.Argument(help="Where to: JSON Lines.")]
) -> None:
    """Write a whole chain with its proof to a file that `verify --from-export` takes; the service's ledger notes it."""
    session: Session = ctx.obj
    with session.service() as api:
        ledger_id = _ledger(api, ledger)
        chain = chains.fetch(api, ledger_id)
        digest = chain.write(file)
        api.post(f"chains/{ledger_id}/exports", {"export": digest})
    told = {"ledger": ledger_id, "entries": len(chain.rows), "sha256": digest}
    session.tell(told, lambda: f"{len(chain.rows)} entries, SHA-256 {digest}")


@ledger_app.command("prune")
def prune_chains(  # noqa: PLR0913 - one command's words
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where exports are, and go to: keep them.")],
    *,
    tables: Annotated[
        str, typer.Option(envvar="HOLDFAST_TABLES_URL", help="URL of the table service; may have a SAS.")
    ],
    storage_token: Annotated[str, typer.Option(envvar="HOLDFAST_STORAGE_TOKEN", help="An Entra token for it.")] = "",
    older_than: Annotated[int, typer.Option(min=90, help="Days.")] = 400,
    tenant: Annotated[str, typer.Option(help="Only this tenant, or `service`; without, every chain.")] = "",
) -> None:
    """Export what is old and add a checkpoint; in the next run, once a root has it, delete what was exported."""
    session: Session = ctx.obj
    folder.mkdir(parents=True, exist_ok=True)
    before = prune.cutoff(datetime.now(UTC), older_than)
    with session.service() as api, httpx.Client(timeout=60.0) as client:
        rows = prune.Rows(client, tables, storage_token)
        ledgers = [_ledger(api, tenant)] if tenant else [each["ledger"] for each in api.get("chains")]
        results = [asdict(prune.prune(api, rows, each, folder, older_than=before)) for each in ledgers]
    columns = ("ledger", "result", "entries", "file")
    shown = [[escape(str(each[name])) for name in columns] for each in results]
    session.tell(results, lambda: show.table("pruned", columns, shown))
    raise typer.Exit(1 if any(each["result"].startswith(("bad", "its export")) for each in results) else 0)


def _ledger(api: Api, named: str) -> str:
    """The id of a ledger that was named as a tenant, or by itself: that of a tenant which was removed."""
    known = {_SERVICE, *(each["ledger"] for each in api.get("chains"))}
    return named if named in known else str(tenants_named(api, [named])[0]["tenant_id"])
