"""What the three systems have in common: tickets that people and programs change, and webhooks that tell of it."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from simulator.faults import ConnectionCut
from simulator.wire.http import Answer, Request, json_answer

type Trouble = Literal["unavailable", "throttled", "slow", "html", "cut", "lost", "threads", "fault"]
"""What the next request meets. `lost`: it is done, and the connection dies before the answer.
None in the list of troubles: one request that goes well."""


type Kind = Literal["agent", "contact"]
"""Who does something: an employee of the MSP, or somebody of its customer."""


@dataclass
class Note:
    """A note on a ticket. *kind*: an `agent` of the MSP or a `contact` of its customer wrote it."""

    id: int
    text: str
    by: str
    kind: Literal["agent", "contact"]
    internal: bool
    at: str


@dataclass
class Ticket:
    """A ticket, by the words that the three systems share. *changed_kind*, *made_kind*: who did, as of notes."""

    id: int
    company: int
    summary: str
    status: int
    container: str = ""
    type: str = ""
    subtype: str = ""
    priority: str = ""
    key: str = ""
    details: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    closed: bool = False
    changed_at: str = ""
    changed_by: str = ""
    changed_kind: Literal["agent", "contact"] = "agent"
    made_by: str = ""
    made_kind: Literal["agent", "contact"] = "agent"
    notes: list[Note] = field(default_factory=list)
    history: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook on its way: what is posted, and the ticket it is about. *attempt*: from 1."""

    system: str
    headers: dict[str, str]
    body: bytes
    ticket: int
    query: str = ""
    attempt: int = 1


class System:
    """One MSP's system. *own*: the API user that programs sign in as; *webhook_url*: where events go.

    *cloud*: the vendor's domain, *host*: the MSP's own in it; *agent*: one of the MSP's people; *status_ids*: of the
    statuses new, approved, open, running, failed and closed; *patience_s*: how long a webhook waits for its answer;
    *credential*: the attribute that holds the secret of programs.
    """

    name = cloud = host = agent = credential = ""
    status_ids: Mapping[str, int] = MappingProxyType({})
    patience_s = 10.0

    def __init__(self, clock: Callable[[], datetime], *, own: str) -> None:
        self.clock = clock
        self.own = own
        self.companies: set[int] = set()
        self.tickets: dict[int, Ticket] = {}
        self.deliveries: deque[Delivery] = deque()
        self.requests: Counter[str] = Counter()
        self.trouble: deque[Trouble | None] = deque()
        self.down = self.drops = False
        self.tells_own_changes = True
        self.webhook_url = ""
        self.webhook_failures = 0
        self.webhook_on = True
        self.base = ""
        self._ids, self._sequence = 48_210, 0

    # --- what people do ----------------------------------------------------------------------------------------------

    def opens(self, by: str, kind: Kind = "agent", *, company: int, summary: str = "Help", **fields: Any) -> Ticket:  # noqa: ANN401 - fields
        """A person opens a ticket."""
        ticket = self._made(company=company, summary=summary, **fields)
        self._changed(ticket, by, "added", kind)
        return ticket

    def changes(self, by: str, ticket_id: int, kind: Kind = "agent", **fields: Any) -> Ticket:  # noqa: ANN401
        """A person saves a ticket."""
        ticket = self.tickets[ticket_id]
        self._set(ticket, fields, by)
        ticket.changed_kind = kind
        self._changed(ticket, by, "updated", kind)
        return ticket

    def writes(self, by: str, ticket_id: int, text: str, kind: Kind = "agent", *, internal: bool = True) -> Note:
        """A person writes a note."""
        ticket = self.tickets[ticket_id]
        note = self._noted(ticket, text, by, kind, internal=internal)
        self._changed(ticket, by, "updated", kind)
        return note

    def deletes(self, ticket_id: int) -> None:
        """A person deletes a ticket, as HaloPSA and ConnectWise let them."""
        self._tell(self.tickets.pop(ticket_id), "deleted", "")

    # --- what programs do --------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:  # noqa: PLR0911 - a line for each trouble
        """One API request.

        Raises:
            ConnectionCut: as the trouble that was scripted says.
        """
        self.requests[f"{request.method} {request.path.rpartition('/3.0')[2] or request.path}"] += 1
        self.base = request.base
        if self.down:
            return Answer(503, b"Service Unavailable", {"Content-Type": "text/plain"})
        match self.trouble.popleft() if self.trouble else None:
            case "unavailable":
                return Answer(503, b"Service Unavailable", {"Content-Type": "text/plain"})
            case "throttled":
                return self.throttled()
            case "threads":
                return json_answer(500, {"errors": ["Itgenatr005: thread threshold exceeded for this endpoint."]})
            case "fault":
                return json_answer(500, {"errors": ["An internal error occurred. Please try again."]})
            case "html":
                return Answer(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})
            case "cut":
                raise ConnectionCut
            case "lost":
                self.route(request)
                raise ConnectionCut
            case "slow":
                answer = self.route(request)
                answer.delay = 3
                return answer
            case _:
                return self.route(request)

    def route(self, request: Request) -> Answer:
        raise NotImplementedError

    def throttled(self) -> Answer:
        raise NotImplementedError

    def connection(self, url: str) -> dict[str, object]:
        """What a service has to know to connect to this system at *url*."""
        raise NotImplementedError

    def delivery(self, ticket: Ticket, action: str, by: str) -> Delivery:
        """The signed webhook for what happened to *ticket*."""
        raise NotImplementedError

    def retry_after_s(self, delivery: Delivery, status: int | None) -> float | None:
        """Seconds until *delivery* is tried again when it was answered with *status* (None: not at all), or None."""
        raise NotImplementedError

    # --- what happens inside -----------------------------------------------------------------------------------------

    def shown(self) -> list[dict[str, Any]]:
        """Every ticket, for a person to read."""
        return [asdict(ticket) for ticket in self.tickets.values()]

    def _made(self, *, company: int, summary: str, **fields: Any) -> Ticket:  # noqa: ANN401
        self._ids += 1
        ticket = Ticket(self._ids, company, summary, fields.pop("status", 1))
        self._set(ticket, fields, "")
        self.tickets[ticket.id] = ticket
        return ticket

    def _set(self, ticket: Ticket, fields: dict[str, Any], by: str) -> None:
        for name, value in fields.items():
            if not hasattr(ticket, name):
                raise ValueError(f"a ticket has no {name}")
            setattr(ticket, name, value)
        ticket.closed = ticket.status == self.status_ids["closed"]
        if "status" in fields:
            ticket.history.append((ticket.status, by))

    def _noted(self, ticket: Ticket, text: str, by: str, kind: Kind, *, internal: bool) -> Note:
        self._ids += 1
        note = Note(self._ids, text, by, kind, internal, self.stamp())
        ticket.notes.append(note)
        return note

    def _changed(self, ticket: Ticket, by: str, action: str, kind: Kind = "agent") -> None:
        ticket.changed_at, ticket.changed_by, ticket.changed_kind = self.stamp(), by, kind
        if action == "added":
            ticket.made_by, ticket.made_kind = by, kind
        self._tell(ticket, action, by)

    def _tell(self, ticket: Ticket, action: str, by: str) -> None:
        silent = self.drops or not self.webhook_on or (by == self.own and not self.tells_own_changes)
        if not silent:
            self._sequence += 1
            self.deliveries.append(self.delivery(ticket, action, by))

    def stamp(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
