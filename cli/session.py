"""What every command has: the options before it, and the tenants that it names."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import show
from cli.api import Api, Failure

One = Annotated[str, typer.Argument(help="A tenant's id, name or initial domain.")]


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
            self.out.out(show.as_json(data), highlight=False)
        else:
            self.out.print(table())


def utc(moment: datetime) -> str:
    """What people mean by a moment without a zone, as the service takes it."""
    return moment.replace(tzinfo=UTC).isoformat()


def tenants_named(api: Api, named: list[str] | None) -> list[dict[str, Any]]:
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
        raise Failure(2, f"'{name}': {why} that id, name or initial domain{_nearest(known, wanted)}")
    return found[0]


def _nearest(known: list[dict[str, Any]], wanted: str) -> str:
    """What was meant, as far as that can be guessed."""
    names = {str(t[each]).casefold(): str(t[each]) for t in known for each in ("name", "initial_domain")}
    near = get_close_matches(wanted, names, n=1, cutoff=0.6)
    return f"; did you mean '{names[near[0]]}'?" if near else ""
