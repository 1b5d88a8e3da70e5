"""HaloPSA. Source: docs/reference/psa.md#halopsa-api."""

import html
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from clients.cache import ExpiringCache
from clients.errors import Unauthorised, Unreadable
from clients.http import Answer, Clock, Http, Intent
from clients.psa import signatures
from clients.psa.api import Changed, JsonApi, item, items, number, parts, place_of_row, rows, text_of, tickets_of, whole
from clients.psa.connections import HaloPsaConnection, secret_texts
from domain.psa.desk import Desk, TicketSystem
from domain.psa.marks import OUR_KEY
from domain.psa.ticket import Note, Person, Ticket

_PAGE = 50
_MOST_PAGES = 10
_RENEWED_EARLY = timedelta(minutes=1)
GENERAL_USER = -1
"""Puts a ticket on the client's General User."""


class HaloPsa:
    """One HaloPSA instance, as the agent of its API application. Our key stands in the summary: no field is for it."""

    provider: TicketSystem = "halopsa"

    def __init__(self, http: Http, connection: HaloPsaConnection, *, now: Clock) -> None:
        self.desk: Desk = connection.desk
        self.own_company = connection.own_company
        self._api = JsonApi(http, _fault)
        self._connection = connection
        self._now = now
        self._tokens: ExpiringCache[str, str] = ExpiringCache(1)

    async def admits(self, body: bytes, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - not signed
        return signatures.halopsa(headers, secret_texts(self._connection.webhook_secrets))

    async def ticket(self, ticket_id: str) -> Ticket:
        found, answer = await self._call("GET", f"/Tickets/{ticket_id}?includedetails=true")
        return _ticket(item(answer, found))

    async def find(self, company: str, key: str) -> Ticket | None:
        """The search is fuzzy, so what it finds is compared."""
        asked = {"client_id": company, "open_only": "true", "search_summary": key}
        pages = await self._pages({**asked, "order": "id", "orderdesc": "true"})
        found = (_ticket(item(*each)) for each in pages)
        fitting = (t for t in found if f"[{key}]" in t.summary and t.company == company and not t.closed)
        return next(fitting, None)

    async def made_by(self, ticket: Ticket) -> Person | None:
        """Whose doing the ticket's first action was: that by which it was logged."""
        first = min(await self._actions(ticket.id), key=place_of_row, default=None)
        return _who(first) if first else None

    async def create(self, company: str, key: str, summary: str, text: str) -> str:
        place = self.desk.placement
        ids = {"tickettype_id": place.type, "priority_id": place.priority, "status_id": place.status}
        names = {"team": place.container, "category_1": place.subtype}
        sent = {
            "summary": f"{summary} [{key}]",
            "details_html": f"<p>{html.escape(text)}</p>",
            "client_id": whole(company, "company_id"),
            "userlookup": {"id": GENERAL_USER, "lookupdisplay": "Enter Details Manually"},
            "donotapplytemplateintheapi": True,
            **{name: whole(value, name) for name, value in ids.items() if value},
            **{name: value for name, value in names.items() if value},
        }
        made, answer = await self._call("POST", "/Tickets", sent=[sent], intent=Intent.CREATE)
        return str(number(answer, _one(answer, made).get("id")))

    async def notes(self, ticket_id: str) -> Sequence[Note]:
        return [_note(each) for each in await self._actions(ticket_id)]

    async def add_note(self, ticket_id: str, text: str) -> int:
        sent = {
            "ticket_id": int(ticket_id),
            "outcome_id": whole(self._connection.outcome, "outcome"),
            "hiddenfromuser": True,
            "note_html": html.escape(text).replace("\n", "<br>"),
        }
        made, answer = await self._call("POST", "/Actions", sent=[sent], intent=Intent.CREATE)
        return number(answer, _one(answer, made).get("id"))

    async def set_status(self, ticket_id: str, status: str) -> None:
        sent = [{"id": int(ticket_id), "status_id": whole(status, "a status")}]
        left, answer = await self._call("POST", "/Tickets", sent=sent, intent=Intent.SET)
        if _ticket(_one(answer, left)).status != status:  # a workflow may forbid it
            raise Unreadable(f"the status is not {status} after it was set", call=answer.call)

    async def status_set_by(self, ticket: Ticket) -> Person | None:
        """Whose the newest action that set a status is, if it set this one; the maker's, where none has set any."""
        setting = [each for each in await self._actions(ticket.id) if each.get("new_status")]
        newest = max(setting, key=place_of_row, default=None)
        if newest is None:
            return await self.made_by(ticket)
        if text_of(newest.get("new_status")) != ticket.status:
            return None
        return _who(newest)

    async def changed_since(self, since: datetime) -> Changed:
        """The open tickets of the types we know that were acted on since; one that does not say when counts as such."""
        types = {trigger.type for trigger in self.desk.triggers} | {self.desk.placement.type}
        listed = list[tuple[Answer, object]]()
        for kind in sorted(types - {""}) if "" not in types else [""]:
            asked = {"open_only": "true", "order": "id", "orderdesc": "true"}
            listed += await self._pages(asked | ({"requesttype_id": kind} if kind else {}))
        found, after = tickets_of(listed, _ticket), f"{since:%Y-%m-%dT%H:%M:%S}"
        once = {ticket.id: ticket for ticket in found.tickets}.values()
        recent = (ticket for ticket in once if not ticket.changed_at or ticket.changed_at >= after)
        return Changed(tuple(sorted(recent, key=lambda ticket: ticket.changed_at)), found.odd)

    async def _pages(self, asked: dict[str, str]) -> list[tuple[Answer, object]]:
        listed = list[tuple[Answer, object]]()
        for page in range(1, _MOST_PAGES + 1):
            query = urlencode({**asked, "pageinate": "true", "page_no": page, "page_size": _PAGE})
            found, answer = await self._call("GET", f"/Tickets?{query}")
            some = rows(answer, item(answer, found).get("tickets"))
            listed += [(answer, each) for each in some]
            if len(some) < _PAGE:
                break
        return listed

    async def _actions(self, ticket_id: str) -> list[dict[str, Any]]:
        found, answer = await self._call(
            "GET", f"/Actions?{urlencode({'ticket_id': ticket_id, 'excludesys': 'false'})}"
        )
        return items(answer, item(answer, found).get("actions"))

    async def _call(
        self, method: str, path: str, *, sent: object = None, intent: Intent = Intent.READ
    ) -> tuple[Any, Answer]:
        """Call the API; a token that ran out early is exchanged once."""
        url = f"{self._connection.url}/api{path}"
        token = self._tokens.get("token", self._now()) or await self._sign_in()
        try:
            return await self._api.call(method, url, _headers(token), sent=sent, intent=intent)
        except Unauthorised:
            token = await self._sign_in()
        return await self._api.call(method, url, _headers(token), sent=sent, intent=intent)

    async def _sign_in(self) -> str:
        auth_url, tenant = await self._authority()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._connection.client_id.get_secret_value(),
            "client_secret": self._connection.client_secret.get_secret_value(),
            "scope": "all",
        }
        query = f"?{urlencode({'tenant': tenant})}" if tenant else ""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        found, answer = await self._api.call("POST", f"{auth_url}/token{query}", headers, form=urlencode(form).encode())
        token, lifetime = item(answer, found).get("access_token"), item(answer, found).get("expires_in")
        if not isinstance(token, str) or not isinstance(lifetime, int):
            raise Unreadable("no token, or none that says how long it lasts", call=answer.call)
        self._tokens.put("token", token, self._now() + timedelta(seconds=lifetime) - _RENEWED_EARLY)
        return token

    async def _authority(self) -> tuple[str, str]:
        """Where tokens come from, and for which tenant: as the settings say, else as the instance itself does.

        The secret goes to the instance's own domain only, unless the settings name another.
        """
        given = self._connection
        if given.auth_url is not None:
            return given.auth_url, given.tenant or ""
        found, answer = await self._api.call("GET", f"{given.url}/api/authinfo", {})
        about = item(answer, found)
        auth, own = urlsplit(text_of(about.get("auth_url"))), urlsplit(given.url)
        if (auth.scheme, auth.netloc) != (own.scheme, own.netloc):
            raise Unreadable("the sign-in is on another host: name it as auth_url", call=answer.call)
        return auth.geturl().rstrip("/"), given.tenant if given.tenant is not None else text_of(about.get("tenant_id"))


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}


def _one(answer: Answer, value: object) -> dict[str, Any]:
    """The object that one was sent for: alone, or in an array of one."""
    return item(answer, value[0] if isinstance(value, list) and len(value) == 1 else value)


def _ticket(found: dict[str, Any]) -> Ticket:
    key = OUR_KEY.search(text_of(found.get("summary")))
    return Ticket(
        id=text_of(found.get("id")),
        company=text_of(found.get("client_id")),
        status=text_of(found.get("status_id")),
        closed=found.get("hasbeenclosed") is not False,
        container=text_of(found.get("team")),
        type=text_of(found.get("tickettype_id")),
        subtype=text_of(found.get("category_1")),
        fields={text_of(each.get("name")): text_of(each.get("value")) for each in parts(found, "customfields")},
        key=key[0] if key else "",
        summary=text_of(found.get("summary")),
        changed_at=text_of(found.get("lastactiondate")),
    )


def _note(found: dict[str, Any]) -> Note:
    internal = found.get("hiddenfromuser") is True
    return Note(place_of_row(found), text_of(found.get("note")), _who(found), internal=internal)


def _who(action: dict[str, Any]) -> Person:
    agent = action.get("who_agentid")
    return Person(str(agent), "agent") if isinstance(agent, int) and agent > 0 else Person("", "contact")


def _fault(answer: Answer) -> str:
    """What HaloPSA says, in whichever of its forms."""
    try:
        said = answer.json() if answer.status >= 400 else {}  # noqa: PLR2004 - RFC 9110
    except Unreadable:
        return answer.text
    if not isinstance(said, dict):
        return answer.text
    if said.get("error") in {"invalid_client", "unauthorized_client"}:
        remedy = "Check client id and secret of the API application in HaloPSA."
        raise Unauthorised(text_of(said["error"]), call=answer.call, remedy=remedy)
    return next((text_of(said[name]) for name in ("errorMessage", "Message", "error") if said.get(name)), answer.text)
