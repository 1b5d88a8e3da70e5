"""Foreign JSON, with a limit on its depth: deeper nesting is an attack on the parser."""

import json

MOST_NESTED = 100
"""Levels of objects and arrays; Exchange's answers have under twenty."""

_NESTING = (dict, list)


def parse_json(text: bytes) -> object:
    """*text* as JSON.

    Raises:
        ValueError: It is no JSON, or is nested deeper than MOST_NESTED.
    """
    try:
        found: object = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    level = [found] if isinstance(found, _NESTING) else []
    for _ in range(MOST_NESTED):
        parts = (each.values() if isinstance(each, dict) else each for each in level)
        level = [part for inside in parts for part in inside if isinstance(part, _NESTING)]
        if not level:
            return found
    raise ValueError(f"is nested deeper than {MOST_NESTED}")
