"""Answers as tables for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

STYLES = {
    "compliant": "green", "succeeded": "green", "ok": "green", "not_applicable": "dim", "excepted": "cyan",
    "drifted": "yellow", "correcting": "yellow", "running": "yellow", "queued": "yellow",
    "awaiting_approval": "magenta", "held": "magenta",
    "unknown": "red", "needs_person": "red", "failed": "red", "missing": "red",
}  # fmt: skip


def word(state: str) -> str:
    """A state in its colour."""
    style = STYLES.get(state)
    return f"[{style}]{state}[/]" if style else escape(state)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    made = Table(*columns, title=title, title_justify="left", highlight=False)
    for row in rows:
        made.add_row(*row)
    return made


def controls(title: str, found: Iterable[Mapping[str, Any]]) -> Table:
    rows = ((each["id"], word(each["state"]), drift(each["drift"]), escape(each["detail"])) for each in found)
    return table(title, ("control", "state", "drift", "detail"), rows)


def drift(found: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(escape(f"{each['field']}: {each['found']} → {each['wanted']}") for each in found)


def steps(console: Console, operation: Mapping[str, Any]) -> None:
    """Each step as the line that an admin would type, unwrapped, so that it can be copied."""
    for control in operation["controls"]:
        for step in control["steps"]:
            console.print(f"[dim]# {control['id']}[/]")
            console.out(step["powershell"], highlight=False)


def entry(found: Mapping[str, Any]) -> str:
    """One line of the ledger."""
    who = "" if found["actor"] == "holdfast" else f" by {found['actor']}"
    said = found["detail"] or drift(found["drift"]).replace("\n", "; ")
    return f"{found['at'][:19]}Z {found['event']:18} {found['control']:20} {said}{who}"
