"""Secrets are kept out of every line: by their form, and by their value once the settings have been read."""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Characters: a shorter value is no secret, and would mask half of every line."""

_VALUE = r"[^\s\"'&,;}]+"
_PATTERNS = (
    # RFC 7519: a JWT begins with the base64 of '{"', and may have been cut short.
    (re.compile(r"eyJ[\w-]{5,}(\.[\w-]*){0,4}"), "<token>"),
    (re.compile(rf"(?i)(bearer|basic)\s+(?!<token>){_VALUE}"), r"\1 <masked>"),
    (
        re.compile(
            r"(?i)\b(client_secret|client_assertion|access_token|refresh_token|id_token|assertion|password|sig)"
            rf"(\"?\s*[=:]\s*\"?)(?!<token>){_VALUE}"
        ),
        r"\1\2<masked>",
    ),
    # An Entra client secret on its own (the marker "Q~" is what secret scanners look for).
    (re.compile(r"[\w.~-]{3}\dQ~[\w.~-]{20,}"), "<masked>"),
)

_values: set[str] = set()
_literals: list[re.Pattern[str]] = []


def hide(values: Iterable[str]) -> None:
    """Have each of *values* masked from now on, as it is, URL-encoded, and in base64 wherever it may begin there."""
    _values.update(form for value in values if len(value) >= SHORTEST for form in _forms(value))
    longest_first = sorted(_values, key=len, reverse=True)
    _literals[:] = [re.compile("|".join(map(re.escape, longest_first)))] if longest_first else []


def _forms(value: str) -> set[str]:
    content = value.encode()
    plain = {value, quote(value, safe=""), quote_plus(value)}
    inside = {_inside(content, lead) for lead in range(3)}
    return plain | inside | {each.translate(_URL_SAFE) for each in inside}


_URL_SAFE = str.maketrans("+/", "-_")


def _inside(content: bytes, lead: int) -> str:
    """The part of the base64 of any text with *content* in it that is the same whatever stands around it.

    *lead*: octets before it in its group of three (RFC 4648, section 4).
    """
    text = base64.b64encode(bytes(lead) + content).decode()
    octets = lead + len(content)
    return text[-(-lead * 8 // 6) : octets * 8 // 6]


def masked(text: str) -> str:
    """*text* without tokens, assertions and the secrets of this installation."""
    for literal in _literals:
        text = literal.sub("<masked>", text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
