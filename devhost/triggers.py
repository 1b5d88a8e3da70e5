"""What an app's functions ask for, resolved against the settings, and checked: indexing does not.

Source: docs/reference/azure-functions.md#indexing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote

from devhost.errors import StartError
from devhost.queues import QueueTrigger
from devhost.runtime import Function
from devhost.timers import TimerTrigger

_CATCH_ALL = re.compile(r"\{\*(\w+)\}")


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """The one function that takes every HTTP request below *prefix*; keys and paths are the app's own affair."""

    function: Function
    prefix: str
    parameter: str

    @classmethod
    def of(cls, functions: list[Function], prefix: str) -> Self | None:
        """Read the trigger of the only one of *functions*; None where there is none.

        Raises:
            StartError: There are several, or one takes only some paths or methods, or asks the host to check a key.
        """
        for function in functions:
            found = _CATCH_ALL.fullmatch(function.trigger["route"])
            level = str(function.trigger.get("authLevel", "function")).lower()
            if len(functions) > 1 or found is None or function.trigger.get("methods") or level != "anonymous":
                wanted = "one HTTP function, anonymous, of all methods, with the route {*path}"
                raise StartError(f"function {function.name}: the devhost serves {wanted}")
            return cls(function, f"/{prefix}".rstrip("/"), found[1])
        return None

    def match(self, raw_path: str) -> Mapping[str, str] | None:
        """The route parameters, where the path is below the prefix (in any letter case, as on the platform)."""
        head, rest = raw_path[: len(self.prefix)], raw_path[len(self.prefix) :]
        if head.lower() != self.prefix.lower() or (rest and not rest.startswith("/")):
            return None
        value = unquote(rest[1:])
        return {self.parameter: value} if value else {}


@dataclass(frozen=True, slots=True)
class Triggers:
    """The functions of an app by kind of trigger."""

    queues: tuple[QueueTrigger, ...]
    timers: tuple[TimerTrigger, ...]
    http: HttpTrigger | None

    @classmethod
    def of(cls, functions: tuple[Function, ...], environ: Mapping[str, str], prefix: str) -> Self:
        """Read every trigger. *prefix*: the route prefix.

        Raises:
            StartError: One cannot work: a missing setting, a schedule, queue name or route that is none.
        """

        def having(kind: str) -> list[Function]:
            return [function for function in functions if function.trigger["type"] == kind]

        return cls(
            queues=tuple(QueueTrigger.of(function, environ) for function in having("queueTrigger")),
            timers=tuple(TimerTrigger.of(function, environ) for function in having("timerTrigger")),
            http=HttpTrigger.of(having("httpTrigger"), prefix),
        )
