"""Autotask PSA: zones, three headers, POST paging, validation as HTTP 500.

Source: docs/reference/psa.md#autotask-webhooks, #autotask-api.
"""

import base64
import hmac
import json
import re
from collections.abc import Callable
from datetime import datetime
from types import MappingProxyType
from typing import Any

from simulator.psa.desk import Delivery, Note, System, Ticket
from simulator.wire.http import Answer, Request, json_answer, loads

_ATTEMPTS = 5
_PAUSE_S = 30.0
_MOST_FAILURES = 25
_ESCAPED = re.compile(r"[&<>'`+\u007f-\U0010ffff]")


class _Database(System):
    """What it knows, and the webhooks that tell of it. *secret*: what its webhook signs with."""

    name, cloud, host, agent = "autotask", "autotask.net", "webservices.autotask.net", "4711"
    credential = "api_secret"
    status_ids = MappingProxyType({"new": 1, "approved": 21, "open": 8, "running": 9, "failed": 11, "closed": 5})
    user, api_secret, integration_code = "holdfast@northwind.example", "$ecret~#1", "NORTHWINDTRACKINGID"
    secret = "s3cret-Autotask-Key-01"  # noqa: S105 - a made-up database's

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock, own="30551207")
        self.guid = "5d1f7c52-0b52-4d0e-9d43-2f8c1c6f7a11"

    def connection(self, url: str) -> dict[str, object]:
        login = {"user": self.user, "secret": self.api_secret, "integration_code": self.integration_code}
        return {**login, "webhook_secrets": [self.secret], "zone_url": url}

    def delivery(self, ticket: Ticket, action: str, by: str) -> Delivery:
        said = {
            "Action": {"added": "Create", "updated": "Update", "deleted": "Delete"}[action],
            "Guid": self.guid,
            "EntityType": "Ticket",
            "Id": ticket.id,
            "Fields": {
                "TicketNumber": f"T{ticket.id}",
                "Title": ticket.summary,
                "CompanyID": str(ticket.company),
                "Status": str(ticket.status),
                "QueueID": ticket.container,
                "IssueType": ticket.type,
            },
            "EventTime": self.stamp(),
            "SequenceNumber": self._sequence,
            "PersonID": int(by) if by.isdigit() else 0,
        }
        body = _escaped(said)
        return Delivery(self.name, self.signed(body), body, ticket.id)

    def deactivation(self) -> Delivery:
        """What is posted, unsigned, when the webhook is switched off (GHSA-hh59-fgrr-93hf)."""
        body = _escaped({"Action": "Deactivated", "Guid": self.guid})
        return Delivery(self.name, {"Content-Type": "application/json"}, body, 0)

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers of a webhook with this body."""
        signature = base64.b64encode(hmac.digest(self.secret.encode(), body, "sha1")).decode()
        return {"Content-Type": "application/json", "X-Hook-Signature": f"sha1={signature}"}

    def retry_after_s(self, delivery: Delivery, status: int | None) -> float | None:
        """Any failure is retried; after 25 in a row the webhook is switched off."""
        if status is not None and 200 <= status < 300:  # noqa: PLR2004 - RFC 9110
            self.webhook_failures = 0
            return None
        self.webhook_failures += 1
        if self.webhook_failures >= _MOST_FAILURES:
            self.webhook_on = False
        return _PAUSE_S if delivery.attempt < _ATTEMPTS else None


class Autotask(_Database):
    """One database in zone 5 and its API. *used*: calls of this hour, by everybody."""

    used = 1240
    page_size = 500

    def throttled(self) -> Answer:
        return json_answer(429, {"errors": ["The request threshold of this database is exceeded."]})

    def route(self, request: Request) -> Answer:
        path = request.path.lower()
        if path == "/atservicesrest/v1.0/zoneinformation":
            if request.parameters().get("user") != self.user:
                return _errors(500, "Zone information could not be determined")
            zone = request.base.replace("//webservices.", "//webservices5.")
            return json_answer(200, {"zoneName": "America East 2", "url": f"{zone}/ATServicesRest/", "ci": 412345})
        login = tuple(request.headers.get(name) for name in ("username", "secret", "apiintegrationcode"))
        if login != (self.user, self.api_secret, self.integration_code):
            return _errors(401, "The logged in Resource does not have the adequate permissions.")
        self.used += 1
        if path.startswith("/atservicesrest/v1.0/"):
            return self._api(request, path.removeprefix("/atservicesrest/v1.0/"))
        return Answer(404)

    def _api(self, request: Request, path: str) -> Answer:  # noqa: PLR0911 - a line for each call
        sent = loads(request.body)
        match request.method, path.split("/"):
            case "GET", ["thresholdinformation"]:
                used = {"externalRequestThreshold": 10000, "requestThresholdTimeframe": 60}
                return json_answer(200, used | {"currentTimeframeRequestCount": self.used})
            case "GET", ["tickets", number] if number.isdigit():
                ticket = self.tickets.get(int(number))
                return json_answer(200, {"item": _row(ticket) if ticket else None})
            case "POST", ["tickets"]:
                return self._create(sent)
            case "PATCH", ["tickets"]:
                return self._patch(sent)
            case "POST", ["tickets", "query"]:
                return self._query(request, sent, [_row(each) for each in self.tickets.values()])
            case "POST", ["tickets", number, "notes"] if ticket := self.tickets.get(int(number)):
                return self._note(ticket, sent)
            case "POST", ["ticketnotes", "query"]:
                rows = [_note(ticket, note) for ticket in self.tickets.values() for note in ticket.notes]
                return self._query(request, sent, rows)
            case _, ["tickets", "query"] | ["ticketnotes", "query"]:
                return Answer(405)
            case _:
                return Answer(404)

    def _query(self, request: Request, sent: Any, rows: list[dict[str, Any]]) -> Answer:  # noqa: ANN401 - JSON
        """A page. The next one is asked for with the same body: its address carries the position only."""
        if not isinstance(sent, dict):
            return _errors(500, "Object reference not set to an instance of an object.")
        fitting = sorted(
            (row for row in rows if all(_fits(row, each) for each in sent["filter"])), key=lambda r: r["id"]
        )
        size = min(self.page_size, sent.get("maxRecords", 500))
        start = int(request.parameters().get("paging", 0))
        link = f"{request.base}{request.path}?paging={start + size}" if start + size < len(fitting) else None
        details = {"count": len(fitting[start : start + size]), "requestCount": size, "nextPageUrl": link}
        return json_answer(200, {"items": fitting[start : start + size], "pageDetails": details})

    def _create(self, sent: Any) -> Answer:  # noqa: ANN401 - JSON
        if sent.get("companyID") not in self.companies:
            text = "Reference value on field: companyID of type: Company does not exist or is invalid."
            return _errors(500, text)
        if missing := {"title", "status", "priority", "queueID"} - sent.keys():
            return _errors(500, f"Missing required field: {min(missing)}.")
        ticket = self._made(
            company=sent["companyID"],
            summary=sent["title"],
            status=sent["status"],
            container=str(sent["queueID"]),
            type=str(sent.get("issueType", "")),
            subtype=str(sent.get("subIssueType", "")),
            priority=str(sent["priority"]),
            key=sent.get("externalID", ""),
            details=sent.get("description", ""),
        )
        self._changed(ticket, self.own, "added")
        return json_answer(200, {"itemId": ticket.id})

    def _patch(self, sent: Any) -> Answer:  # noqa: ANN401 - JSON
        ticket = self.tickets.get(sent.get("id"))
        if ticket is None:
            return _errors(500, "No matching records found")
        self._set(ticket, {"status": sent["status"]}, self.own)
        self._changed(ticket, self.own, "updated")
        return json_answer(200, {"itemId": ticket.id})

    def _note(self, ticket: Ticket, sent: Any) -> Answer:  # noqa: ANN401 - JSON
        if missing := {"description", "noteType", "publish"} - sent.keys():
            return _errors(500, f"Missing required field: {min(missing)}.")
        note = self._noted(ticket, sent["description"], self.own, "agent", internal=sent["publish"] == 2)  # noqa: PLR2004
        self._changed(ticket, self.own, "updated")
        return json_answer(200, {"itemId": note.id})


def _row(ticket: Ticket) -> dict[str, Any]:
    maker = int(ticket.made_by) if ticket.made_by.isdigit() else None
    by = ticket.changed_by
    return {
        "id": ticket.id,
        "ticketNumber": f"T{ticket.id}",
        "title": ticket.summary,
        "companyID": ticket.company,
        "status": ticket.status,
        "queueID": int(ticket.container) if ticket.container else None,
        "issueType": int(ticket.type) if ticket.type else None,
        "subIssueType": int(ticket.subtype) if ticket.subtype else None,
        "priority": int(ticket.priority or 2),
        "externalID": ticket.key,
        "lastActivityDate": ticket.changed_at,
        "lastActivityPersonType": 1 if ticket.changed_kind == "agent" else 2,
        "lastActivityResourceID": int(by) if by.isdigit() and ticket.changed_kind == "agent" else None,
        "creatorResourceID": maker if ticket.made_kind == "agent" else None,
        "createdByContactID": maker if ticket.made_kind == "contact" else None,
        "userDefinedFields": [{"name": name, "value": value} for name, value in ticket.fields.items()],
    }


def _note(ticket: Ticket, note: Note) -> dict[str, Any]:
    number = int(note.by) if note.by.isdigit() else 1
    return {
        "id": note.id,
        "ticketID": ticket.id,
        "description": note.text,
        "publish": 2 if note.internal else 1,
        "createDateTime": note.at,
        "creatorResourceID": number if note.kind == "agent" else None,
        "createdByContactID": None if note.kind == "agent" else number,
    }


def _fits(row: dict[str, Any], term: dict[str, Any]) -> bool:
    """A mistyped operator is ignored without an error."""
    found, value = row.get(term["field"]), term.get("value")
    match term["op"]:
        case "eq":
            return bool(found == value)
        case "noteq":
            return bool(found != value)
        case "gte":
            return bool(str(found) >= str(value))
        case _:
            return True


def _escaped(content: dict[str, Any]) -> bytes:
    """As Autotask writes JSON: some plain characters escaped too, in upper-case hex."""
    text = json.dumps(content, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: "".join(f"\\u{unit:04X}" for unit in _units(found[0])), text).encode()


def _units(character: str) -> list[int]:
    raw = character.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


def _errors(status: int, *texts: str) -> Answer:
    return json_answer(status, {"errors": list(texts)})
