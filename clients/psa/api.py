"""What every ticket system can do for us, and what their three HTTP APIs have in common."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from clients.errors import ClientError, Invalid, Unreadable
from clients.http import Answer, Http, Intent, Request, raise_for_status
from domain.psa.desk import Desk, TicketSystem
from domain.psa.ticket import Note, Person, Ticket

_AT_ONCE = 2
"""Requests of one worker at a time. Autotask allows an integration three at a time on one endpoint
(docs/reference/psa.md#autotask-api), and what we use of any PSA's limits, the MSP's other tools cannot."""


class WebhookSender(Protocol):
    """Who posts webhooks to us."""

    async def admits(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether a webhook's request is authentic. *headers*: by lower-case name.

        Raises:
            Unreachable, Throttled: That needs a key which could not be fetched now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Changed:
    """*tickets*: in the order of their changes, the oldest first. *odd*: of each row that is no ticket, why."""

    tickets: tuple[Ticket, ...]
    odd: tuple[str, ...] = ()


class PsaClient(WebhookSender, Protocol):
    """One ticket system. Every method raises a ClientError where the system does not do what it was asked.

    A missing or deleted ticket is NotFound. Only `create` and `add_note` leave one more of something: neither is ever
    repeated here, so that a caller without an answer looks first.
    """

    provider: TicketSystem
    desk: Desk
    own_company: str
    """The MSP itself, which has the tickets about the service; "" for none."""

    async def ticket(self, ticket_id: str) -> Ticket: ...

    async def find(self, company: str, key: str) -> Ticket | None:
        """The newest open ticket of *company* that carries our *key*."""
        ...

    async def made_by(self, ticket: Ticket) -> Person | None:
        """Who opened the ticket; None where the system does not say."""
        ...

    async def create(self, company: str, key: str, summary: str, text: str) -> str:
        """Open a ticket where the desk wants it, and give its id. *text* is for everybody's eyes."""
        ...

    async def notes(self, ticket_id: str) -> Sequence[Note]: ...

    async def add_note(self, ticket_id: str, text: str) -> int:
        """Add an internal note, and give its id."""
        ...

    async def set_status(self, ticket_id: str, status: str) -> None: ...

    async def status_set_by(self, ticket: Ticket) -> Person | None:
        """Who gave the ticket the status it has; None where that cannot be told for sure."""
        ...

    async def changed_since(self, since: datetime) -> Changed:
        """The tickets changed at or after *since*."""
        ...


class JsonApi:
    """JSON over HTTP to one PSA. *fault* makes of an error's body what the vendor said, and of some a better error."""

    def __init__(self, http: Http, fault: Callable[[Answer], str]) -> None:
        self._http = http
        self._fault = fault
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def call(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        sent: object = None,
        form: bytes | None = None,
        intent: Intent = Intent.READ,
    ) -> tuple[Any, Answer]:
        """Send one request; gives the JSON that came and the answer around it."""
        content = form if form is not None else json.dumps(sent).encode() if sent is not None else b""
        request = Request(method, url, intent, dict(headers), content)
        async with self._places:
            answer = await self._http.send(request, self._read)
        return answer.json(), answer

    def _read(self, answer: Answer) -> Answer:
        raise_for_status(answer, said=self._fault(answer))
        answer.json()
        return answer


def text_of(value: object) -> str:
    """An id or a text of a PSA's answer, as text; nothing is ""."""
    return "" if value is None else str(value)


def whole(text: str, what: str) -> int:
    """An id of a config as the number that these systems take. Raises Invalid."""
    if not (text.isascii() and text.isdigit()):
        raise Invalid(f"{what} should be a whole number in this system, not '{text}'")
    return int(text)


def item(answer: Answer, value: object) -> dict[str, Any]:
    """*value* as the JSON object it should be. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable("an object was expected", call=answer.call)
    return value


def rows(answer: Answer, value: object) -> list[object]:
    """*value* as the list it should be, of whatever. Raises Unreadable."""
    if not isinstance(value, list):
        raise Unreadable("a list was expected", call=answer.call)
    return value


def items(answer: Answer, value: object) -> list[dict[str, Any]]:
    """*value* as the list of JSON objects it should be. Raises Unreadable."""
    return [item(answer, each) for each in rows(answer, value)]


def part(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object *name* within an object; an absent one is empty. Raises Unreadable."""
    value = found.get(name) or {}
    if not isinstance(value, dict):
        raise Unreadable(f"{name}: an object was expected")
    return value


def parts(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in the list *name* within an object; an absent one is empty. Raises Unreadable."""
    value = found.get(name) or []
    if not isinstance(value, list):
        raise Unreadable(f"{name}: a list was expected")
    return [each for each in value if isinstance(each, dict)]


def place_of_row(found: Mapping[str, Any]) -> int:
    """The id of a note or an action, by which they are in order; 0 for none. Raises Unreadable."""
    text = text_of(found.get("id")) or "0"
    if not (text.isascii() and text.isdigit()):
        raise Unreadable("an id was expected")
    return int(text)


def tickets_of(found: Iterable[tuple[Answer, object]], read: Callable[[dict[str, Any]], Ticket]) -> Changed:
    """Each of the rows that were *found* as the ticket that it is. One that is odd hides none of the others."""
    tickets, odd = list[Ticket](), list[str]()
    for answer, row in found:
        try:
            ticket = read(item(answer, row))
            whole(ticket.id, "id")
        except ClientError as error:
            odd.append(error.sentence)
        else:
            tickets.append(ticket)
    return Changed(tuple(tickets), tuple(odd))


def number(answer: Answer, value: object) -> int:
    """*value* as the id it should be. Raises Unreadable."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise Unreadable("an id was expected", call=answer.call)
    return value
