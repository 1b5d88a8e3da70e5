"""Answers as tables for people."""

import json
import unicodedata
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


_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""General categories of what would move, colour or turn the words around it on a terminal."""
LONGEST_ON_SCREEN = 4000


def plain(text: object, *, lines: bool = False) -> str:
    r"""*text* as a terminal may print it: what is not seen as `\u{hex}`, and cut. *lines*: its line breaks are ours."""
    whole = str(text)
    seen = "".join(
        c if (lines and c == "\n") or not _hides(c) else f"\\u{{{ord(c):x}}}" for c in whole[:LONGEST_ON_SCREEN]
    )
    return seen if len(whole) <= LONGEST_ON_SCREEN else f"{seen}... ({len(whole)} characters)"


def _hides(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE


def as_json(data: object) -> str:
    """*data* on one line, in which a terminal sees every character: what it would act on is written as JSON escapes."""
    text = json.dumps(data, ensure_ascii=False)
    return "".join(json.dumps(c)[1:-1] if _hides(c) else c for c in text)


def cell(text: object) -> str:
    """Somebody else's text in a table."""
    return escape(plain(text))


def word(state: str) -> str:
    """A state in its colour."""
    style = STYLES.get(state)
    return f"[{style}]{state}[/]" if style else cell(state)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    made = Table(*columns, title=cell(title), title_justify="left", highlight=False)
    for row in rows:
        made.add_row(*row)
    return made


def controls(title: str, found: Iterable[Mapping[str, Any]]) -> Table:
    rows = ((cell(each["id"]), word(each["state"]), drift(each["drift"]), cell(each["detail"])) for each in found)
    return table(title, ("control", "state", "drift", "detail"), rows)


def drift(found: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(cell(f"{each['field']}: {each['found']} → {each['wanted']}") for each in found)


def steps(console: Console, operation: Mapping[str, Any]) -> None:
    """Each step as the line that an admin would type, unwrapped, so that it can be copied."""
    for control in operation["controls"]:
        for step in control["steps"]:
            console.print(f"[dim]# {cell(control['id'])}[/]")
            console.out(plain(step["powershell"], lines=step["service"] == "dns"), highlight=False)


def entry(found: Mapping[str, Any]) -> str:
    """One line of the ledger."""
    who = "" if found["actor"] == "holdfast" else f" by {found['actor']}"
    said = found["detail"] or drift(found["drift"]).replace("\n", "; ")
    return plain(f"{found['at'][:19]}Z {found['event']:18} {found['control']:20} {said}{who}")
