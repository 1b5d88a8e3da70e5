"""ConnectWise PSA. Source: docs/reference/psa.md#connectwise-api."""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from clients.errors import Forbidden, NotFound, Unreadable
from clients.http import Answer, Http, Intent
from clients.psa import signatures
from clients.psa.api import Changed, JsonApi, item, items, number, part, parts, rows, text_of, tickets_of, whole
from clients.psa.connections import CLOUD, ConnectWiseConnection
from clients.psa.signing_keys import SigningKeys
from domain.psa.delivery import key_place
from domain.psa.desk import Desk, TicketSystem
from domain.psa.ticket import Note, Person, Ticket

LONGEST_SUMMARY = 100
_PAGE = 200
_MOST_PAGES = 5
MOST_PAGES_CHANGED = 100
"""After a long outage all that changed meanwhile must be looked through: what is left out is never seen again."""


class ConnectWise:
    """One ConnectWise site, as its API member."""

    provider: TicketSystem = "connectwise"

    def __init__(self, http: Http, connection: ConnectWiseConnection, keys: SigningKeys) -> None:
        self.desk: Desk = connection.desk
        self.own_company = connection.own_company
        self._keys = keys
        self._api = JsonApi(http, _fault)
        self._connection = connection
        self._base = ""
        login = ":".join(
            (
                f"{connection.company}+{connection.public_key.get_secret_value()}",
                connection.private_key.get_secret_value(),
            )
        )
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
            "clientId": connection.client_id.get_secret_value(),
            "Accept": "application/vnd.connectwise.com+json; version=2025.1",
            "Content-Type": "application/json",
        }

    async def admits(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """A key that does not fit may have been exchanged: it is fetched anew, once."""
        place = key_place(body) if "x-content-signature" in headers else None
        if place is None or not self._keys.trusts(place):
            return False
        key = await self._keys.at(place.url)
        if key is None or signatures.connectwise(body, headers, key):
            return key is not None
        newer = await self._keys.at(place.url, instead_of=key)
        return newer is not None and newer != key and signatures.connectwise(body, headers, newer)

    async def ticket(self, ticket_id: str) -> Ticket:
        found, answer = await self._call("GET", f"/service/tickets/{ticket_id}")
        return _ticket(item(answer, found))

    async def find(self, company: str, key: str) -> Ticket | None:
        conditions = f'company/id={whole(company, "company_id")} and closedFlag=false and externalXRef="{key}"'
        asked = urlencode({"conditions": conditions, "orderBy": "id desc", "pageSize": 5})
        found, answer = await self._call("GET", f"/service/tickets?{asked}")
        tickets = (_ticket(each) for each in items(answer, found))
        return next((each for each in tickets if (each.key, each.company) == (key, company)), None)

    async def made_by(self, ticket: Ticket) -> Person | None:
        """The member who entered the ticket: mail and the customer's portal have other names there."""
        found, answer = await self._call("GET", f"/service/tickets/{ticket.id}")
        by = text_of(part(item(answer, found), "_info").get("enteredBy"))
        return Person(by, "agent") if by else None

    async def create(self, company: str, key: str, summary: str, text: str) -> str:
        place = self.desk.placement
        references = {
            "board": place.container,
            "status": place.status,
            "type": place.type,
            "subType": place.subtype,
            "priority": place.priority,
        }
        sent = {
            "summary": summary[:LONGEST_SUMMARY],
            "company": {"id": whole(company, "company_id")},
            "externalXRef": key,
            "initialDescription": text,
            **{name: {"id": whole(value, name)} for name, value in references.items() if value},
        }
        made, answer = await self._call("POST", "/service/tickets", sent=sent, intent=Intent.CREATE)
        return str(number(answer, item(answer, made).get("id")))

    async def notes(self, ticket_id: str) -> Sequence[Note]:
        found = self._pages(f"/service/tickets/{ticket_id}/notes", _MOST_PAGES, orderBy="id desc")
        own = self.desk.own_user
        notes = [(answer, item(answer, each)) async for answer, each in found]
        return [_note(number(answer, each.get("id")), each, own) for answer, each in notes]

    async def add_note(self, ticket_id: str, text: str) -> int:
        sent = {"text": text, "detailDescriptionFlag": False, "internalAnalysisFlag": True, "resolutionFlag": False}
        path = f"/service/tickets/{ticket_id}/notes"
        made, answer = await self._call("POST", path, sent=sent | {"processNotifications": False}, intent=Intent.CREATE)
        return number(answer, item(answer, made).get("id"))

    async def set_status(self, ticket_id: str, status: str) -> None:
        sent = [{"op": "replace", "path": "status", "value": {"id": whole(status, "a status")}}]
        left, answer = await self._call("PATCH", f"/service/tickets/{ticket_id}", sent=sent, intent=Intent.SET)
        if _ticket(item(answer, left)).status != status:  # a PATCH may be answered with 200 and do nothing
            raise Unreadable(f"the status is not {status} after it was set", call=answer.call)

    async def status_set_by(self, ticket: Ticket) -> Person | None:
        """The member who saved the ticket last, while it had this status. A name that is no member's gives None."""
        found, answer = await self._call("GET", f"/service/tickets/{ticket.id}")
        now = item(answer, found)
        by = text_of(part(now, "_info").get("updatedBy"))
        if _ticket(now).status != ticket.status or not by or '"' in by:
            return None
        asked = urlencode({"conditions": f'identifier="{by}"'})
        members, answer = await self._call("GET", f"/system/members?{asked}")
        known = any(member.get("identifier") == by for member in items(answer, members))
        return Person(by, "agent") if known else None

    async def changed_since(self, since: datetime) -> Changed:
        conditions = f"lastUpdated>=[{since:%Y-%m-%dT%H:%M:%SZ}]"
        order = "_info/lastUpdated asc"
        found = self._pages("/service/tickets", MOST_PAGES_CHANGED, conditions=conditions, orderBy=order)
        return tickets_of([each async for each in found], _ticket)

    async def _pages(self, path: str, most: int, **query: str) -> AsyncIterator[tuple[Answer, object]]:
        """Every row of a list, of *most* pages at most, with the answer that it came in."""
        for page in range(1, most + 1):
            found, answer = await self._call("GET", f"{path}?{urlencode({**query, 'page': page, 'pageSize': _PAGE})}")
            for each in rows(answer, found):
                yield answer, each
            if 'rel="next"' not in answer.headers.get("link", ""):
                return

    async def _call(
        self, method: str, path: str, *, sent: object = None, intent: Intent = Intent.READ
    ) -> tuple[Any, Answer]:
        """Call the API of the codebase that runs now; it changes with each release, and is then asked for again."""
        kept = self._base
        base = kept or await self._discover()
        try:
            return await self._api.call(method, f"{base}{path}", self._headers, sent=sent, intent=intent)
        except NotFound as missing:
            if missing.kind == "NotFound":
                raise
            if not kept or (base := await self._discover()) == kept:  # wrong keys look like this too
                remedy = "Check the keys and the security role of the API member."
                raise Forbidden(missing.sentence, call=missing.call, remedy=remedy) from missing
        return await self._api.call(method, f"{base}{path}", self._headers, sent=sent, intent=intent)

    async def _discover(self) -> str:
        """The base URL of the API. Keys go only to the site itself and, in the cloud, to its `api-` twin."""
        site = urlsplit(self._connection.site)
        found, answer = await self._api.call(
            "GET", f"{self._connection.site}/login/companyinfo/{self._connection.company}", {}
        )
        codebase = text_of(item(answer, found).get("Codebase")).strip("/") or "v4_6_release"
        if not codebase.replace("_", "").replace(".", "").isalnum():
            raise Unreadable("a codebase that is no path", call=answer.call)
        host = site.netloc if not site.netloc.endswith(CLOUD) else f"api-{site.netloc.removeprefix('api-')}"
        self._base = f"{site.scheme}://{host}{site.path}/{codebase}/apis/3.0"
        return self._base


def _ticket(found: dict[str, Any]) -> Ticket:
    def of(name: str) -> str:
        reference = found.get(name)
        return text_of(reference.get("id")) if isinstance(reference, dict) else ""

    return Ticket(
        id=text_of(found.get("id")),
        company=of("company"),
        status=of("status"),
        closed=found.get("closedFlag") is not False,
        container=of("board"),
        type=of("type"),
        subtype=of("subType"),
        fields={text_of(each.get("caption")): text_of(each.get("value")) for each in parts(found, "customFields")},
        key=text_of(found.get("externalXRef")),
        summary=text_of(found.get("summary")),
        changed_at=text_of(part(found, "_info").get("lastUpdated")),
    )


def _note(number: int, found: dict[str, Any], own_user: str) -> Note:
    text, internal = text_of(found.get("text")), found.get("internalAnalysisFlag") is True
    open_to_all = found.get("detailDescriptionFlag") is not False
    return Note(number, text, _writer(found, own_user), internal=internal and not open_to_all)


def _writer(found: dict[str, Any], own_user: str) -> Person | None:
    """Who wrote a note. `createdBy` is believed of ourselves alone, who approve nothing: what else it names is open."""
    member = found.get("member")
    if own_user and text_of(found.get("createdBy")) == own_user:
        return Person(own_user, "agent")
    if found.get("contact"):
        return Person("", "contact")
    if isinstance(member, dict) and member.get("identifier"):
        return Person(text_of(member["identifier"]), "agent")
    return None


def _fault(answer: Answer) -> str:
    """What ConnectWise says, with the field it is about. A missing ticket is told from a wrong path."""
    if answer.status < 400:  # noqa: PLR2004 - RFC 9110
        return ""
    try:
        said = answer.json()
    except Unreadable:
        return answer.text
    if not isinstance(said, dict):
        return answer.text
    if answer.status == 404 and said.get("code") == "NotFound":  # noqa: PLR2004 - RFC 9110
        raise NotFound(text_of(said.get("message")), call=answer.call, kind="NotFound")
    errors = [e for e in said.get("errors") or [] if isinstance(e, dict)]
    return " ".join([text_of(said.get("message")), *(f"{e.get('field')}: {e.get('message')}" for e in errors)])
