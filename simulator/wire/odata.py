"""The part of OData that Graph lists understand: `$filter` of comparisons joined by `and`, `$orderby` of one field."""

import re
from collections.abc import Callable, Collection
from operator import eq, ge, gt, le, lt, ne

from simulator.moments import parsed
from simulator.rows import Row

_OPERATORS = {"eq": eq, "ne": ne, "ge": ge, "gt": gt, "le": le, "lt": lt}
_COMPARISON = re.compile(r"\s*(\w+)\s+(eq|ne|ge|gt|le|lt)\s+('(?:[^']|'')*'|\S+)\s*")


def selected(rows: list[Row], text: str, fields: Collection[str]) -> list[Row]:
    """The *rows* that a `$filter` lets through. Raises ValueError: a field that is none of *fields*, or no filter."""
    for part in filter(None, re.split(r"\s+and\s+", text)):
        test = _comparison(part, fields)
        rows = [row for row in rows if test(row)]
    return rows


def _comparison(text: str, fields: Collection[str]) -> Callable[[Row], bool]:
    found = _COMPARISON.fullmatch(text)
    if found is None or found[1] not in fields:
        raise ValueError(f"Invalid filter clause: {text}")
    name, compare, literal = found[1], _OPERATORS[found[2]], found[3]
    if literal.startswith("'"):
        wanted = literal[1:-1].replace("''", "'")
        return lambda row: bool(compare(row.get(name) or "", wanted))
    moment = parsed(literal)
    return lambda row: compare(parsed(str(row.get(name))), moment)


def ordered(rows: list[Row], text: str) -> list[Row]:
    """The *rows* by a `$orderby`. Times sort as texts: all have the same form."""
    name, _, direction = text.strip().partition(" ")
    return sorted(rows, key=lambda row: str(row.get(name)), reverse=direction == "desc")
