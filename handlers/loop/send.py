"""The one way out for a write, and every ending that a step sent can have, in one table.

Corrections, undo, reprovision, the way out and the closing of alerts write by it alike.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from clients import telemetry
from clients.connect import Clients
from clients.errors import AlreadyExists, ClientError, Conflict, NotYet, Refused, Throttled, Unreachable
from clients.http import Permit
from domain.corrections import Answered, Hindrance, StepRefused, TooEarly, Unanswered
from domain.gate import GateAnswer, Ruling
from domain.steps import Step
from handlers.loop.gatekeeper import Stopped, Wish, permit

log = logging.getLogger("holdfast.send")


@dataclass(frozen=True, slots=True)
class Held:
    """A gate said no at the last moment: nothing was sent."""

    ruling: Ruling
    answer: GateAnswer


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Another actor changed the object before the step: nothing was written."""

    sentence: str


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The service did not take it, and nothing was written."""

    error: Throttled | Unreachable

    @property
    def sentence(self) -> str:
        return self.error.sentence

    @property
    def hindrance(self) -> Hindrance | None:
        """A host that stays silent is left alone for hours at some time: each try is three entries in the ledger."""
        return "silence" if isinstance(self.error, Unreachable) else None


type Sent = Answered | Unanswered | TooEarly | StepRefused | Held | Overtaken | TurnedAway


async def write_gated(change: Callable[[Permit], Awaitable[object]], named: str, wish: Wish, clients: Clients) -> None:
    """Have *change* made, which asks the gate last. *named*: the cmdlet or the change, as the trace shows it.

    Raises:
        Stopped: A gate said no, and nothing left.
        ClientError: As *change* says.
    """
    with telemetry.span("apply", control=wish.control, cmdlet=named):
        await change(partial(permit, wish, clients))


async def send(step: Step, wish: Wish, clients: Clients) -> Sent:
    """Take *step*, one of the wish's plan, if every gate still lets it pass."""
    try:
        await write_gated(partial(clients.apply, wish.wanted.tenant, step), step.cmdlet, wish, clients)
    except Stopped as stop:
        return Held(stop.ruling, stop.answer)
    except ClientError as error:
        return _ending(error, wish)
    return Answered()


def _ending(error: ClientError, wish: Wish) -> Sent:  # noqa: PLR0911 - a row for each ending
    match error:
        case Conflict():
            return Overtaken(error.sentence)
        case AlreadyExists():
            return Answered(existed=True)  # the next look compares what exists with what is wanted
        case NotYet():
            return TooEarly(error.sentence)
        case Refused():
            return StepRefused(error.with_remedy)
        case Throttled():
            return TurnedAway(error)
        case Unreachable(sent=False):
            return TurnedAway(error)
        case _:  # it may have happened: a look tells
            log.warning("answer_lost tenant=%s control=%s %s", wish.wanted.tenant.tenant_id, wish.control, error)
            return Unanswered()
