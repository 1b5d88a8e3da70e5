"""ConnectWise PSA: callbacks signed with a key that is fetched, JSON Patch, conditions.

Source: docs/reference/psa.md#connectwise-callbacks, #connectwise-signature, #connectwise-api.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from simulator.psa.desk import Delivery, Note, System, Ticket
from simulator.wire.http import Answer, Request, json_answer, loads

_RETRIED = {404, 409, 419, 429}
_PAUSES_S = (2.0, 4.0)
_TERM = re.compile(r"\s*([\w/]+)\s*(<=|>=|!=|=|<|>)\s*(.+?)\s*")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}


class _Site(System):
    """What it knows, and the callbacks that tell of it."""

    name, cloud, host, agent = "connectwise", "myconnectwise.net", "na.myconnectwise.net", "jdoe"
    credential = "private_key"
    status_ids = MappingProxyType(
        {"new": 512, "approved": 513, "open": 514, "running": 515, "failed": 521, "closed": 530}
    )
    patience_s = 5.0
    company = "northwindmsp"
    public_key, private_key, client_id = "PUBLICKEY", "PRIVATEKEY", "6f1e0c2a-7d11-4f0b-9a5c-3b8f5d2e1c77"

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock, own="holdfast-api")
        self.codebase = "v2026_1"
        self.signing_key = "Zm9vYmFyLXNpZ25pbmcta2V5"
        self.product_instance = "70a1f4c2d95b3e0001be4471"
        self.members = {self.agent, "asmith", self.own}
        self.lists_members = True
        """Whether the API member's security role may list members."""
        self.api_member_in = {"member", "createdBy"}
        """The fields of a note of the API member that name it."""
        self.statuses = {
            37: {512: "New", 513: "Approved", 514: "Waiting", 515: "In Progress", 521: "Failed", 530: "Closed"}
        }

    def _row(self, ticket: Ticket) -> dict[str, Any]:
        return {
            "id": ticket.id,
            "summary": ticket.summary,
            "recordType": "ServiceTicket",
            "board": {"id": int(ticket.container or 37)},
            "status": {"id": ticket.status, "name": self.statuses[37].get(ticket.status, "?")},
            "company": {"id": ticket.company},
            "type": {"id": int(ticket.type)} if ticket.type else None,
            "subType": {"id": int(ticket.subtype)} if ticket.subtype else None,
            "priority": {"id": int(ticket.priority or 3)},
            "externalXRef": ticket.key,
            "closedFlag": ticket.closed,
            "customFields": [
                {"id": at, "caption": name, "type": "Text", "value": value}
                for at, (name, value) in enumerate(ticket.fields.items(), 1)
            ],
            "_info": {
                "lastUpdated": ticket.changed_at,
                "updatedBy": ticket.changed_by,
                "enteredBy": ticket.made_by,
            },
        }

    def connection(self, url: str) -> dict[str, object]:
        return {
            "site": url,
            "company": self.company,
            "public_key": self.public_key,
            "private_key": self.private_key,
            "client_id": self.client_id,
            "product_instance": self.product_instance,
        }

    def delivery(self, ticket: Ticket, action: str, by: str) -> Delivery:
        site = self.base.replace("//api-", "//") or "https://na.myconnectwise.net"
        body = json.dumps(
            {
                "MessageId": str(UUID(int=0x3F0A9C1E << 96 | self._sequence)),
                "FromUrl": site.partition("://")[2],
                "CompanyId": self.company,
                "MemberId": by,
                "Action": action,
                "Type": "ticket",
                "ID": ticket.id,
                "ProductInstanceId": self.product_instance,
                "PartnerId": "6b20d8e1f34a970001c05d92",
                "Entity": None if action == "deleted" else json.dumps(self._row(ticket)),
                "Metadata": {
                    "key_url": f"{site}/{self.codebase}//system/callbackkey/index.rails?companyName={self.company}"
                    "&id=c4d7e913-5b08-4f62-a1d3-7e92b0c65f18"
                },
                "CallbackObjectRecId": 26871,
            }
        ).encode()
        return Delivery(self.name, self.signed(body), body, ticket.id, query=f"recordId={ticket.id}&action={action}")

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers of a callback with this body."""
        key = hashlib.sha256(self.signing_key.encode()).digest()
        signature = base64.b64encode(hmac.digest(key, body, "sha256")).decode()
        return {"Content-Type": "application/json", "x-content-signature": signature}

    def retry_after_s(self, delivery: Delivery, status: int | None) -> float | None:
        return _PAUSES_S[delivery.attempt - 1] if status in _RETRIED and delivery.attempt <= len(_PAUSES_S) else None


class ConnectWise(_Site):
    """The site of the MSP `northwindmsp` and its API. *codebase* changes with each release; an old one is not found."""

    def throttled(self) -> Answer:
        said = {"error": "ConnectWiseAPI", "message": "Too many requests. Please try again in 30 seconds."}
        return json_answer(429, said, **{"Retry-After": "30"})

    def route(self, request: Request) -> Answer:
        if request.path.lower() == f"/login/companyinfo/{self.company}":
            cloud = {"Codebase": f"{self.codebase}/", "IsCloud": "True", "CompanyName": self.company}
            return json_answer(200, cloud)
        if request.path.endswith("/system/callbackkey/index.rails"):
            known = request.parameters().get("companyName") == self.company
            return json_answer(200, {"signing_key": self.signing_key}) if known else Answer(404)
        for codebase in (self.codebase, "v4_6_release"):
            if (path := request.path.removeprefix(f"/{codebase}/apis/3.0")) != request.path:
                return self._refused(request) or self._api(request, path)
        return _error(404, "ConnectWiseApi", "The endpoint does not exist.")

    def _refused(self, request: Request) -> Answer | None:
        login = f"{self.company}+{self.public_key}:{self.private_key}".encode()
        if request.headers.get("authorization") != f"Basic {base64.b64encode(login).decode()}":
            return _error(401, "Unauthorized", "The API credentials are not valid.")
        if request.headers.get("clientid") != self.client_id:
            return _error(401, "ConnectWiseApi", "UserNotAuthenticated")
        return None

    def _api(self, request: Request, path: str) -> Answer:
        match request.method, path.strip("/").split("/"):
            case "GET", ["service", "tickets"]:
                return self._listed(request, (self._row(each) for each in self.tickets.values()))
            case "POST", ["service", "tickets"]:
                return self._create(loads(request.body))
            case _, ["service", "tickets", number, *rest]:
                ticket = self.tickets.get(int(number))
                if ticket is None:
                    return _error(404, "NotFound", f"Ticket {number} not found")
                return self._of_ticket(request, ticket, rest)
            case "GET", ["system", "members"]:
                rows = ({"id": at, "identifier": each} for at, each in enumerate(sorted(self.members), 300))
                refused = _error(403, "Forbidden", "The security role does not allow it.")
                return self._listed(request, rows) if self.lists_members else refused
            case _:
                return _error(404, "ConnectWiseApi", "The endpoint does not exist.")

    def _of_ticket(self, request: Request, ticket: Ticket, rest: list[str]) -> Answer:
        match request.method, rest:
            case "GET", []:
                return json_answer(200, self._row(ticket))
            case "PATCH", []:
                return self._patch(ticket, loads(request.body))
            case "GET", ["notes" | "allNotes"]:
                return self._listed(request, (self._note_row(ticket, each) for each in ticket.notes))
            case "POST", ["notes"]:
                return self._note(ticket, loads(request.body))
            case _:
                return _error(405, "ConnectWiseApi", "The method is not allowed.")

    def _listed(self, request: Request, rows: Iterable[dict[str, Any]]) -> Answer:
        """A page: a bare array, with the next one told in `Link`."""
        asked = request.parameters()
        fitting = [row for row in rows if _fits(row, asked.get("conditions", ""))]
        order, _, way = asked.get("orderBy", "id asc").partition(" ")
        fitting.sort(key=lambda row: _at(row, order), reverse=way == "desc")
        page, size = int(asked.get("page", 1)), min(1000, int(asked.get("pageSize", 25)))
        shown = fitting[(page - 1) * size : page * size]
        link = {"Link": f'<{request.base}{request.path}?page={page + 1}&pageSize={size}>; rel="next"'}
        return json_answer(200, shown, **(link if page * size < len(fitting) else {}))

    def _create(self, sent: Any) -> Answer:  # noqa: ANN401 - JSON
        if not sent.get("summary") or len(sent["summary"]) > 100:  # noqa: PLR2004 - ConnectWise's limit
            return _error(400, "InvalidObject", "ticket object is invalid", "summary", "The summary field is required.")
        if sent["company"]["id"] not in self.companies:
            return _error(400, "InvalidObject", "ticket object is invalid", "company", "Invalid company")
        ticket = self._made(
            company=sent["company"]["id"],
            summary=sent["summary"],
            status=int(sent.get("status", {"id": 512})["id"]),
            container=str(sent.get("board", {"id": 37})["id"]),
            type=str(sent.get("type", {"id": ""})["id"]),
            subtype=str(sent.get("subType", {"id": ""})["id"]),
            priority=str(sent.get("priority", {"id": ""})["id"]),
            key=sent.get("externalXRef", ""),
            details=sent.get("initialDescription", ""),
        )
        if internal := sent.get("initialInternalAnalysis"):
            self._noted(ticket, internal, self.own, "agent", internal=True)
        self._changed(ticket, self.own, "added")
        return json_answer(201, self._row(ticket))

    def _patch(self, ticket: Ticket, sent: Any) -> Answer:  # noqa: ANN401 - JSON
        """JSON Patch on whole fields; a path inside one is answered with 200 and does nothing."""
        for change in sent:
            match change:
                case {"op": "replace", "path": "status", "value": {"id": int(status)}}:
                    if status not in self.statuses[37]:
                        return _error(400, "InvalidObject", "ticket object is invalid", "status", "Invalid status")
                    self._set(ticket, {"status": status}, self.own)
                case _:
                    pass
        self._changed(ticket, self.own, "updated")
        return json_answer(200, self._row(ticket))

    def _note(self, ticket: Ticket, sent: Any) -> Answer:  # noqa: ANN401 - JSON
        note = self._noted(ticket, sent["text"], self.own, "agent", internal=not sent.get("detailDescriptionFlag"))
        self._changed(ticket, self.own, "updated")
        return json_answer(201, self._note_row(ticket, note))

    def _note_row(self, ticket: Ticket, note: Note) -> dict[str, Any]:
        by = {"member": {"identifier": note.by}} if note.kind == "agent" else {"contact": {"id": 7, "name": note.by}}
        named = {**by, "createdBy": note.by}
        if note.by == self.own:
            named = {name: value for name, value in named.items() if name in self.api_member_in}
        return {
            "id": note.id,
            "ticketId": ticket.id,
            "text": note.text,
            "internalAnalysisFlag": note.internal,
            "detailDescriptionFlag": not note.internal,
            "dateCreated": note.at,
            **named,
        }


def _fits(row: dict[str, Any], conditions: str) -> bool:
    terms = [term for term in conditions.split(" and ") if term.strip()]
    return all(_term(row, term) for term in terms)


def _term(row: dict[str, Any], text: str) -> bool:
    found = _TERM.fullmatch(text)
    if found is None:
        raise ValueError(f"not a condition that is simulated: {text}")
    name, operator, value = found.groups()
    name = "_info/lastUpdated" if name == "lastUpdated" else name
    return _OPERATORS[operator](_at(row, name), _value(value))


def _value(text: str) -> object:
    if text.startswith("["):
        return text.strip("[]")
    if text.startswith('"'):
        return text.strip('"')
    return {"true": True, "false": False}[text.lower()] if text.lower() in {"true", "false"} else int(text)


def _at(row: dict[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
    value: Any = row
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _error(status: int, code: str, message: str, field: str = "", what: str = "") -> Answer:
    errors = [{"code": "InvalidField", "message": what, "resource": "ticket", "field": field}] if field else None
    return json_answer(status, {"code": code, "message": message, "errors": errors})
