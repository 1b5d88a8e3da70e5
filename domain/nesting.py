"""Foreign JSON, with a limit on its depth: deeper nesting is an attack on the parser."""

import json

MOST_NESTED = 100
"""Levels of objects and arrays; Exchange's answers have under twenty."""


def parse_json(text: bytes) -> object:
    """*text* as JSON.

    Raises:
        ValueError: It is no JSON, or is nested deeper than MOST_NESTED.
    """
    try:
        found: object = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    level = [found]
    for _ in range(MOST_NESTED):
        level = [part for each in level for part in _parts(each)]
        if not level:
            return found
    raise ValueError(f"is nested deeper than {MOST_NESTED}")


def _parts(value: object) -> list[object]:
    """The objects and arrays right inside *value*."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for each in inside if isinstance(each, dict | list)]
