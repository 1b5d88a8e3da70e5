"""What an app's functions ask for, resolved against the settings, and checked: indexing does not.

Source: docs/reference/azure-functions.md#indexing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from devhost.queues import QueueTrigger
from devhost.routes import Route
from devhost.runtime import Function
from devhost.timers import TimerTrigger


@dataclass(frozen=True, slots=True)
class Triggers:
    """The functions of an app by kind of trigger."""

    queues: tuple[QueueTrigger, ...]
    timers: tuple[TimerTrigger, ...]
    routes: tuple[Route, ...]

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
            routes=tuple(Route.of(function, prefix) for function in having("httpTrigger")),
        )
