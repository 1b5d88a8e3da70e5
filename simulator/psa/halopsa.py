"""HaloPSA: a token, arrays in and an object out, actions with outcomes.

Source: docs/reference/psa.md#halopsa-webhooks, #halopsa-api.
"""

import base64
import html
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import UUID

from simulator.psa.desk import Delivery, Note, System, Ticket
from simulator.wire.http import Answer, Request, json_answer, loads

type Form = Literal["default", "flat", "batch"]


class _Instance(System):
    """What it knows, and the webhooks that tell of it. *form*: how these look."""

    name, cloud, host, agent = "halopsa", "halopsa.com", "northwind.halopsa.com", "4711"
    credential = "client_secret"
    status_ids = MappingProxyType({"new": 1, "approved": 21, "open": 2, "running": 3, "failed": 4, "closed": 9})
    tenant, client_id, client_secret = "northwind", "b2d1c0de-0000-4000-8000-000000000001", "halo-client-secret"
    login = "holdfast:a-long-random-value"

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock, own="12")
        self.form: Form = "default"

    def connection(self, url: str) -> dict[str, object]:
        login = {"client_id": self.client_id, "client_secret": self.client_secret}
        return {"url": url, **login, "webhook_secrets": [self.login]}

    def delivery(self, ticket: Ticket, action: str, by: str) -> Delivery:  # noqa: ARG002 - it does not say by whom
        event: dict[str, Any] = {
            "id": str(UUID(int=self._sequence)),
            "event": {"added": "New Ticket Logged", "updated": "Ticket Updated", "deleted": "Ticket Deleted"}[action],
            "timestamp": self.stamp(),
            "ticket": _row(ticket),
        }
        if self.form == "flat":
            event = {"event": action, "ticket_id": ticket.id, "client_id": ticket.company, "status_id": ticket.status}
        body = json.dumps([event] if self.form == "batch" else event).encode()
        return Delivery(self.name, self.signed(), body, ticket.id)

    def signed(self) -> dict[str, str]:
        """The headers of a webhook: the body is not signed."""
        basic = base64.b64encode(self.login.encode()).decode()
        return {"Content-Type": "application/json", "Authorization": f"Basic {basic}"}

    def retry_after_s(self, delivery: Delivery, status: int | None) -> float | None:  # noqa: ARG002 - never
        return None


class HaloPsa(_Instance):
    """The instance of the MSP `northwind` and its API. *outcomes*: those that a note may have."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.outcomes = {7}
        self.token_lifetime_s = 3600
        self._token_until: dict[str, datetime] = {}

    def throttled(self) -> Answer:
        return Answer(429, b"Too Many Requests", {"Content-Type": "text/plain"})

    def expire_tokens(self) -> None:
        self._token_until.clear()

    def route(self, request: Request) -> Answer:  # noqa: PLR0911 - a line for each call
        if request.path == "/api/authinfo":
            return json_answer(200, {"auth_url": f"{request.base}/auth", "tenant_id": self.tenant})
        if request.path == "/auth/token":
            return self._token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.clock() >= self._token_until.get(token, self.clock()):
            return Answer(401, b"", {})
        asked = request.parameters()
        match request.method, request.path.strip("/").lower().split("/"):
            case "GET", ["api", "tickets"]:
                return self._search(asked)
            case "POST", ["api", "tickets"]:
                return self._save(loads(request.body))
            case "GET", ["api", "tickets", number]:
                ticket = self.tickets.get(int(number))
                return json_answer(200, _row(ticket)) if ticket else _missing()
            case "GET", ["api", "actions"]:
                return self._actions(int(asked["ticket_id"]))
            case "POST", ["api", "actions"]:
                return self._act(loads(request.body))
            case _:
                return Answer(404)

    def _token(self, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode()))
        good = request.parameters().get("tenant") == self.tenant and form.get("client_id") == self.client_id
        if not good or form.get("client_secret") != self.client_secret:
            return json_answer(400, {"error": "invalid_client"})
        token = f"eyJhalo.{len(self._token_until)}.{self.clock().timestamp():.0f}"
        self._token_until[token] = self.clock() + timedelta(seconds=self.token_lifetime_s)
        about = {"token_type": "Bearer", "access_token": token, "expires_in": self.token_lifetime_s, "scope": "all"}
        return json_answer(200, about)

    def _search(self, asked: dict[str, str]) -> Answer:
        """Fuzzy, as the real one: every word of the search is somewhere in the summary."""
        words = asked.get("search_summary", "").lower().split()
        found = [
            ticket
            for ticket in self.tickets.values()
            if (asked.get("client_id") in {None, str(ticket.company)})
            and not (asked.get("open_only") == "true" and ticket.closed)
            and asked.get("requesttype_id") in {None, ticket.type}
            and all(word[:6] in ticket.summary.lower() for word in words)
        ]
        found.sort(key=lambda ticket: ticket.id, reverse=asked.get("orderdesc") == "true")
        page, size = int(asked.get("page_no", 1)), int(asked.get("page_size", 50))
        rows = [_row(ticket) for ticket in found[(page - 1) * size : page * size]]
        for row in rows:
            row.pop("customfields")  # list answers leave details out
        return json_answer(200, {"record_count": len(found), "tickets": rows})

    def _save(self, sent: Any) -> Answer:  # noqa: ANN401 - JSON
        if not isinstance(sent, list):
            return json_answer(400, {"ClassName": "System.ArgumentException", "Message": "An array was expected."})
        [one] = sent
        if "id" in one:
            ticket = self.tickets.get(one["id"])
            if ticket is None:
                return _missing()
            self._set(ticket, {"status": one["status_id"]}, self.own)
            self._changed(ticket, self.own, "updated")
            return json_answer(201, _row(ticket))
        if one.get("client_id") not in self.companies:
            return json_answer(400, {"resultCode": 1, "errorMessage": "Please select a valid client."})
        ticket = self._made(
            company=one["client_id"],
            summary=one["summary"],
            status=one.get("status_id", 1),
            type=str(one.get("tickettype_id", "")),
            priority=str(one.get("priority_id", "")),
            subtype=one.get("category_1", ""),
            container=one.get("team", ""),
            details=one.get("details_html", ""),
        )
        self._changed(ticket, self.own, "added")
        return json_answer(201, _row(ticket))

    def _act(self, sent: Any) -> Answer:  # noqa: ANN401 - JSON
        [one] = sent
        ticket = self.tickets.get(one["ticket_id"])
        if ticket is None:
            return _missing()
        if one.get("outcome_id") is None:
            return json_answer(400, {"Message": "An Outcome must be entered for this Action"})
        if one["outcome_id"] not in self.outcomes or ticket.closed:
            return Answer(400, b"You do not have access to this Action at the moment", {"Content-Type": "text/plain"})
        text = html.unescape(re.sub(r"<br ?/?>", "\n", one.get("note_html", "")))
        note = self._noted(ticket, text, self.own, "agent", internal=bool(one.get("hiddenfromuser")))
        self._changed(ticket, self.own, "updated")
        return json_answer(201, _action(ticket, note))

    def _actions(self, number: int) -> Answer:
        ticket = self.tickets.get(number)
        if ticket is None:
            return _missing()
        maker = int(ticket.made_by) if ticket.made_kind == "agent" and ticket.made_by.isdigit() else 0
        logged = {"id": 1, "ticket_id": ticket.id, "note": ticket.details, "new_status": 0}
        rows = [logged | {"who": ticket.made_by, "who_agentid": maker}]
        rows += [_action(ticket, note) for note in ticket.notes]
        for at, (status, by) in enumerate(ticket.history):
            who = {"who": by, "who_agentid": int(by) if by.isdigit() else 0}
            rows.append({"id": at + 2, "ticket_id": ticket.id, "note": "", "new_status": status, **who})
        return json_answer(200, {"record_count": len(rows), "actions": rows})


def _row(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.id,
        "summary": ticket.summary,
        "client_id": ticket.company,
        "tickettype_id": int(ticket.type) if ticket.type else 0,
        "status_id": ticket.status,
        "priority_id": int(ticket.priority or 3),
        "team": ticket.container,
        "category_1": ticket.subtype,
        "hasbeenclosed": ticket.closed,
        "lastactiondate": ticket.changed_at.removesuffix("Z"),
        "customfields": [{"name": name, "value": value} for name, value in ticket.fields.items()],
    }


def _action(ticket: Ticket, note: Note) -> dict[str, Any]:
    agent = int(note.by) if note.kind == "agent" and note.by.isdigit() else 0
    who = {"who": note.by, "who_agentid": agent, "hiddenfromuser": note.internal}
    return {"id": note.id, "ticket_id": ticket.id, "note": note.text, "datetime": note.at, "new_status": 0, **who}


def _missing() -> Answer:
    return json_answer(404, {"Message": "The ticket does not exist, or you may not see it."})
