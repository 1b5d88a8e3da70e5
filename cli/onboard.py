"""`holdfast onboard`: from a customer of the partner's tenant to a tenant that is looked after."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from cli import show
from cli.api import Api, Failure
from cli.session import Session

_GOOD = frozenset({"ok", "not_applicable"})


def onboard(
    ctx: typer.Context,
    customers: Annotated[
        list[str] | None, typer.Argument(help="Customers by id, name or initial domain; none: shows who could be.")
    ] = None,
    *,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for each customer's consent and roles.")] = 900,
    every: Annotated[float, typer.Option("--every", help="Seconds between two looks at readiness.")] = 10,
) -> None:
    """Add customers of the partner's tenant, in observe mode; show the consent link, and wait until they are ready.

    It can be run again at any time: a config that is there already stays as it is.
    """
    session: Session = ctx.obj
    with session.service() as api:
        known: list[dict[str, Any]] = api.get("proposals")
        if not customers:
            session.tell(known, lambda: _table(known))
            return
        looks = [_onboarded(each, session, api, wait, every) for each in [_named(known, name) for name in customers]]
    session.tell(looks, lambda: Text(show.plain("\n".join(map(_sentence, looks)), lines=True)))
    raise typer.Exit(0 if all(each["ready"] for each in looks) else 1)


def _table(known: Sequence[dict[str, Any]]) -> object:
    rows = [
        (
            show.cell(each["tenant_id"]),
            show.cell(each["name"]),
            _stands(each),
            show.cell(each["ends_at"] or "unknown"),
        )
        for each in known
    ]
    return show.table("customers", ("tenant", "name", "stands", "relationship ends"), rows)


def _stands(customer: dict[str, Any]) -> str:
    config = "can be onboarded" if customer["config"] else "no domain is known"
    stands = "looked after" if customer["configured"] else config
    return show.cell("; ".join(filter(None, (stands, customer["unclear"]))))


def _named(known: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    wanted = name.casefold()
    found = [each for each in known if wanted in _names(each)]
    if len(found) != 1:
        why = "no customer has" if not found else f"{len(found)} customers have"
        raise Failure(2, f"'{name}': {why} that id, name or initial domain (holdfast onboard lists them)")
    return found[0]


def _names(customer: dict[str, Any]) -> set[str]:
    domain = (customer["config"] or {}).get("initial_domain", "")
    return {customer["tenant_id"], customer["name"].casefold(), domain.casefold()} - {""}


def _onboarded(customer: dict[str, Any], session: Session, api: Api, wait: float, every: float) -> dict[str, Any]:
    """Its readiness, once it is ready or *wait* seconds have passed."""
    path = f"tenants/{customer['tenant_id']}"
    if not customer["configured"]:
        _add(customer, path, api)
    look: dict[str, Any] = api.get(f"{path}/readiness")
    if not look["ready"]:
        consent = f"{customer['name']}: an admin of the tenant opens this link\n{look['consent_url']}"
        session.err.print(show.plain(consent, lines=True), markup=False, soft_wrap=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    deadline = time.monotonic() + wait
    with Progress(*columns, console=session.err, transient=True) as progress:
        task = progress.add_task(show.plain(customer["name"]))
        while True:
            needed = [each for each in look["items"] if each["needed"]]
            missing = [each["id"] for each in needed if each["state"] not in _GOOD]
            what = f"{customer['name']}: {missing[0]}" if missing else customer["name"]
            progress.update(task, total=len(needed), completed=len(needed) - len(missing), description=show.plain(what))
            if look["ready"] or time.monotonic() >= deadline:
                return {"name": customer["name"], **look}
            time.sleep(every)
            look = api.get(f"{path}/readiness")


def _add(customer: dict[str, Any], path: str, api: Api) -> None:
    if customer["config"] is None:
        raise Failure(1, f"{customer['name']}: its first domain is not known: import it (holdfast tenants import)")
    try:
        api.put(path, customer["config"], {"if-none-match": "*"})
    except Failure as no:
        if no.status != httpx.codes.PRECONDITION_FAILED:  # somebody else added it meanwhile
            raise


def _sentence(look: dict[str, Any]) -> str:
    if look["ready"]:
        return f"{look['name']}: ready, and looked after (mode observe until you change it)"
    missing = [each for each in look["items"] if each["needed"] and each["state"] not in _GOOD]
    lines = [f"  {each['id']}: {each['detail']} {each['remedy']}".rstrip() for each in missing]
    return "\n".join([f"{look['name']}: not ready yet; run this again after", *lines])
