"""Route templates of HTTP triggers: `{id}`, `{id:int}`, `{id?}`, `{*rest}`.

Source: learn.microsoft.com/aspnet/core/fundamentals/routing (constraints and the order in which templates are tried).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote

from devhost.errors import StartError
from devhost.runtime import Function

_CONSTRAINTS = {
    "": r"[^/]+",
    "int": r"-?\d+",
    "long": r"-?\d+",
    "bool": r"(?i:true|false)",
    "alpha": r"[A-Za-z]+",
    "decimal": r"-?\d+(?:\.\d+)?",
    "guid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
}
_PARAMETER = re.compile(r"\{(?P<rest>\*{0,2})(?P<name>\w+)(?::(?P<constraint>\w+))?(?P<optional>\??)\}")
_LEVELS = ("anonymous", "function", "admin")


@dataclass(frozen=True, slots=True)
class Route:
    """What an HTTP function asks for.

    *path* is the template with the prefix before it, *methods* is empty for all of them, *level* is in lower case.
    """

    function: Function
    path: str
    methods: frozenset[str]
    level: str
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, function: Function, prefix: str) -> Self:
        """Read the trigger of *function*.

        Raises:
            StartError: The template or the level is not one the devhost knows.
        """
        binding = function.trigger
        path = "/".join(part for part in (prefix.strip("/"), binding["route"].strip("/")) if part)
        level = str(binding.get("authLevel", "function")).lower()
        if level not in _LEVELS:
            raise StartError(f"function {function.name}: auth level {level} is none of {', '.join(_LEVELS)}")
        methods = frozenset(method.upper() for method in binding.get("methods") or ())
        return cls(function, f"/{path}", methods, level, _compile(function, path))

    def match(self, raw_path: str) -> Mapping[str, str] | None:
        """Give the route parameters that have a value, if the path matches (still percent-encoded)."""
        if found := self.pattern.fullmatch(raw_path):
            return {name: unquote(value) for name, value in found.groupdict().items() if value}
        return None

    def allows(self, method: str) -> bool:
        return not self.methods or method in self.methods

    @property
    def precedence(self) -> tuple[int, ...]:
        """Sort key: segment by segment, a literal before a constrained parameter, a plain one, a catch-all."""
        return tuple(_rank(segment) for segment in self.path.split("/"))


def _rank(segment: str) -> int:
    parameter = _PARAMETER.search(segment)
    if not parameter:
        return 0
    if parameter["rest"]:
        return 3
    return 1 if parameter["constraint"] or parameter[0] != segment else 2


def _compile(function: Function, path: str) -> re.Pattern[str]:
    return re.compile("".join(_segment(function, segment) for segment in path.split("/")), re.IGNORECASE)


def _segment(function: Function, segment: str) -> str:
    """Translate one segment, with the slash before it, which an optional parameter takes along."""
    pattern, end, slash_needed = "", 0, True
    for parameter in _PARAMETER.finditer(segment):
        pattern += _literal(function, segment[end : parameter.start()])
        pattern += f"(?P<{parameter['name']}>{_value(function, parameter)})"
        end = parameter.end()
        slash_needed = not (parameter["optional"] or parameter["rest"])
    pattern += _literal(function, segment[end:])
    return f"/{pattern}" if slash_needed else f"(?:/{pattern})?"


def _literal(function: Function, text: str) -> str:
    if "{" in text or "}" in text:
        raise StartError(f"function {function.name}: the devhost cannot read {text!r} in its route")
    return re.escape(text)


def _value(function: Function, parameter: re.Match[str]) -> str:
    if parameter["rest"]:
        return ".*"
    constraint = parameter["constraint"] or ""
    if constraint not in _CONSTRAINTS:
        known = ", ".join(filter(None, _CONSTRAINTS))
        raise StartError(f"function {function.name}: route constraint {constraint!r} is none of {known}")
    return _CONSTRAINTS[constraint]
