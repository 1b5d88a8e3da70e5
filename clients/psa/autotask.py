"""Autotask PSA. Source: docs/reference/psa.md#autotask-api."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from clients.cache import ExpiringCache
from clients.errors import Invalid, NotFound, Throttled, Unauthorised, Unreadable
from clients.http import Answer, Clock, Http, Intent
from clients.psa import signatures
from clients.psa.api import Changed, JsonApi, item, number, part, parts, place_of_row, rows, text_of, tickets_of, whole
from clients.psa.connections import AutotaskConnection, secret_texts
from domain.psa.desk import Desk, TicketSystem
from domain.psa.ticket import Note, Person, Ticket

COMPLETE = "5"
INTERNAL = 2
"""`publish` of a note for the internal project team: 1 may reach the customer's portal."""
LONGEST_NOTE = 32_000
LONGEST_TITLE = 255
_PAGE = 200
_MOST_PAGES = 100
"""After a long outage all that changed meanwhile must be looked through: what is left out is never seen again."""
OUR_SHARE = 0.75
"""Share of the database's hourly threshold beyond which we leave the rest to the MSP's other tools."""
LOOK_AGAIN = timedelta(minutes=5)
_AGENT, _CONTACT = 1, 2
_FIELDS = (
    "id", "title", "companyID", "status", "queueID", "issueType", "subIssueType", "externalID", "lastActivityDate",
    "lastActivityPersonType", "lastActivityResourceID", "userDefinedFields",
)  # fmt: skip


class Autotask:
    """One Autotask database, as its API user."""

    provider: TicketSystem = "autotask"

    def __init__(self, http: Http, connection: AutotaskConnection, *, now: Clock) -> None:
        self.desk: Desk = connection.desk
        self.own_company = connection.own_company
        self._api = JsonApi(http, _fault)
        self._connection = connection
        self._now = now
        self._base = ""
        self._room: ExpiringCache[str, bool] = ExpiringCache(1)
        self._headers = {
            "UserName": connection.user,
            "Secret": connection.secret.get_secret_value(),
            "ApiIntegrationCode": connection.integration_code.get_secret_value(),
            "Content-Type": "application/json",
        }

    async def admits(self, body: bytes, headers: Mapping[str, str]) -> bool:
        return signatures.autotask(body, headers, secret_texts(self._connection.webhook_secrets))

    async def ticket(self, ticket_id: str) -> Ticket:
        found, answer = await self._call("GET", f"/Tickets/{ticket_id}")
        if (one := item(answer, found).get("item")) is None:
            raise NotFound(f"ticket {ticket_id} is not there", call=answer.call)
        return _ticket(item(answer, one))

    async def find(self, company: str, key: str) -> Ticket | None:
        asked = [_term("eq", "companyID", whole(company, "company_id")), _term("eq", "externalID", key)]
        found = [_ticket(item(*each)) for each in await self._query("/Tickets/query", asked)]
        # Autotask ignores an operator that it does not know, so the answers are filtered again.
        fitting = [t for t in found if (t.key, t.company) == (key, company) and not t.closed]
        return max(fitting, key=lambda ticket: int(ticket.id), default=None)

    async def made_by(self, ticket: Ticket) -> Person | None:
        found, answer = await self._call("GET", f"/Tickets/{ticket.id}")
        made = item(answer, item(answer, found).get("item"))
        resource, contact = (text_of(made.get(name)) for name in ("creatorResourceID", "createdByContactID"))
        return Person(resource, "agent") if resource and not contact else Person("", "contact")

    async def create(self, company: str, key: str, summary: str, text: str) -> str:
        place = self.desk.placement
        given = {
            "status": place.status or "1",
            "priority": place.priority or "2",
            "queueID": place.container,
            "issueType": place.type,
            "subIssueType": place.subtype,
        }
        sent = {
            "companyID": whole(company, "company_id"),
            "title": summary[:LONGEST_TITLE],
            "description": text,
            "externalID": key,
            **{name: whole(value, name) for name, value in given.items() if value},
        }
        made, answer = await self._call("POST", "/Tickets", sent=sent, intent=Intent.CREATE)
        return str(number(answer, item(answer, made).get("itemId")))

    async def notes(self, ticket_id: str) -> Sequence[Note]:
        found = await self._query("/TicketNotes/query", [_term("eq", "ticketID", int(ticket_id))])
        notes = [item(*each) for each in found]
        return [_note(each) for each in notes if text_of(each.get("ticketID")) == ticket_id]

    async def add_note(self, ticket_id: str, text: str) -> int:
        sent = {
            "title": "Holdfast",
            "description": text[:LONGEST_NOTE],
            "noteType": whole(self._connection.note_type, "note_type"),
            "publish": INTERNAL,
        }
        made, answer = await self._call("POST", f"/Tickets/{ticket_id}/Notes", sent=sent, intent=Intent.CREATE)
        return number(answer, item(answer, made).get("itemId"))

    async def set_status(self, ticket_id: str, status: str) -> None:
        await self._call(
            "PATCH", "/Tickets", sent={"id": int(ticket_id), "status": whole(status, "a status")}, intent=Intent.SET
        )

    async def status_set_by(self, ticket: Ticket) -> Person | None:
        """Whose doing the last activity was, while the ticket had this status."""
        found, answer = await self._call("GET", f"/Tickets/{ticket.id}")
        now = item(answer, item(answer, found).get("item"))
        kind, who = now.get("lastActivityPersonType"), text_of(now.get("lastActivityResourceID"))
        if _ticket(now).status != ticket.status or kind not in {_AGENT, _CONTACT}:
            return None
        return Person(who, "agent") if kind == _AGENT and who else Person("", "contact")

    async def changed_since(self, since: datetime) -> Changed:
        asked = [_term("gte", "lastActivityDate", f"{since:%Y-%m-%dT%H:%M:%SZ}")]
        found = tickets_of(await self._query("/Tickets/query", asked), _ticket)
        return Changed(tuple(sorted(found.tickets, key=lambda ticket: ticket.changed_at)), found.odd)

    async def _query(self, path: str, terms: list[dict[str, object]]) -> list[tuple[Answer, object]]:
        """Every row of every page, with the answer that it came in.

        The next page is asked for with the same body, as its address carries the position only.
        """
        sent: dict[str, object] = {"maxRecords": _PAGE, "filter": terms}
        if path.startswith("/Tickets/"):
            sent["includeFields"] = list(_FIELDS)
        listed = list[tuple[Answer, object]]()
        for _ in range(_MOST_PAGES):
            found, answer = await self._call("POST", path, sent=sent)
            listed += [(answer, each) for each in rows(answer, item(answer, found).get("items"))]
            link = part(found, "pageDetails").get("nextPageUrl")
            if not link:
                break
            path = self._below(answer, text_of(link))
        return listed

    def _below(self, answer: Answer, link: str) -> str:
        """A page's address, which must be below our own base: our secret goes nowhere else. Raises Unreadable."""
        if not link.startswith(f"{self._base}/"):
            raise Unreadable("the next page is somewhere else", call=answer.call)
        return link.removeprefix(self._base)

    async def _call(
        self, method: str, path: str, *, sent: object = None, intent: Intent = Intent.READ
    ) -> tuple[Any, Answer]:
        base = self._base or await self._discover()
        if not self._room.get("room", self._now()):
            await self._look_for_room(base)
        return await self._api.call(method, f"{base}{path}", self._headers, sent=sent, intent=intent)

    async def _look_for_room(self, base: str) -> None:
        """Raises Throttled while the MSP's tools together have used most of what an hour allows."""
        found, answer = await self._api.call("GET", f"{base}/ThresholdInformation", self._headers)
        about = item(answer, found)
        most, used = about.get("externalRequestThreshold"), about.get("currentTimeframeRequestCount")
        if isinstance(most, int) and isinstance(used, int) and used > OUR_SHARE * most:
            wait_s = LOOK_AGAIN.total_seconds()
            raise Throttled(f"{used} of {most} calls of this hour are used", call=answer.call, retry_after_s=wait_s)
        self._room.put("room", value=True, until=self._now() + LOOK_AGAIN)

    async def _discover(self) -> str:
        """The base URL of our zone, which must be Autotask's, or on the host that was asked."""
        asked = urlsplit(self._connection.zone_url)
        path = f"/atservicesrest/v1.0/zoneInformation?{urlencode({'user': self._connection.user})}"
        found, answer = await self._api.call("GET", f"{self._connection.zone_url}{path}", {})
        zone = urlsplit(text_of(item(answer, found).get("url")))
        vendors = zone.netloc.startswith("webservices") and zone.netloc.endswith(".autotask.net")
        if zone.scheme != asked.scheme or not (vendors or zone.netloc == asked.netloc):
            raise Unreadable("the zone is not at Autotask", call=answer.call)
        self._base = f"{zone.geturl().rstrip('/')}/V1.0"
        return self._base


def _term(operator: str, field: str, value: object) -> dict[str, object]:
    return {"op": operator, "field": field, "value": value}


def _ticket(found: dict[str, Any]) -> Ticket:
    return Ticket(
        id=text_of(found.get("id")),
        company=text_of(found.get("companyID")),
        status=text_of(found.get("status")),
        closed=text_of(found.get("status")) in {COMPLETE, ""},
        container=text_of(found.get("queueID")),
        type=text_of(found.get("issueType")),
        subtype=text_of(found.get("subIssueType")),
        fields={text_of(each.get("name")): text_of(each.get("value")) for each in parts(found, "userDefinedFields")},
        key=text_of(found.get("externalID")),
        summary=text_of(found.get("title")),
        changed_at=text_of(found.get("lastActivityDate")),
    )


def _note(found: dict[str, Any]) -> Note:
    resource, contact = found.get("creatorResourceID"), found.get("createdByContactID")
    by = Person(text_of(resource), "agent") if resource and not contact else None
    by = Person(text_of(contact), "contact") if contact else by
    internal = found.get("publish") == INTERNAL
    return Note(place_of_row(found), text_of(found.get("description")), by, internal=internal)


def _fault(answer: Answer) -> str:
    """What Autotask says. It answers 500 to invalid requests and to too many threads; only the text tells which."""
    try:
        said = answer.json() if answer.status >= 400 else {}  # noqa: PLR2004 - RFC 9110
    except Unreadable:
        return answer.text
    errors = said.get("errors") if isinstance(said, dict) else None
    if not isinstance(errors, list):
        return answer.text
    text = " ".join(text_of(each.get("message") if isinstance(each, dict) else each) for each in errors)
    if "itgenatr005" in text.lower() or "thread threshold" in text.lower():
        raise Throttled(text, call=answer.call)
    if "adequate permissions" in text and answer.status == 401:  # noqa: PLR2004 - RFC 9110
        raise Unauthorised(text, call=answer.call, remedy="Check the API user, its secret and integration code.")
    if answer.status == 500 and text:  # noqa: PLR2004 - RFC 9110
        raise Invalid(text, call=answer.call)
    return text
