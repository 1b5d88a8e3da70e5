"""`GET /v1.0/admin/exchange/tracing/messageTraces`. Source: docs/reference/message-trace.md."""

import re
from datetime import datetime, timedelta
from typing import Any

from simulator.moments import parsed
from simulator.rows import Row
from simulator.tenant import Tenant
from simulator.wire.http import Answer, Request, graph_error, json_answer

PATH = "/v1.0/admin/exchange/tracing/messageTraces"
PERMISSION = "ExchangeMessageTrace.Read.All"
TRACING_APP = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"

_MOST_ROWS, _USUAL_ROWS = 5000, 1000
_LONGEST, _USUAL_WINDOW, _KEPT = timedelta(days=10), timedelta(hours=48), timedelta(days=90)
_CLAUSE = re.compile(r"\s*(\w+)\s+(eq|ge|le)\s+('(?:[^']|'')*'|\S+)\s*")
_EQUAL = {"fromIP", "toIP", "id", "messageId", "recipientAddress", "senderAddress", "status"}
_FORWARD_COMPATIBLE = "include-unknown-enum-members"
_NEW_STATUSES = {"recalled"}


def answer(tenant: Tenant, claims: Any, request: Request) -> Answer:  # noqa: ANN401 - a token's JSON
    """One page of traces, or the refusal that Microsoft gives."""
    if PERMISSION not in claims["roles"]:
        return graph_error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    if not tenant.mail.principal:
        sentence = "Service principal-less authentication failed: The service principal for App ID"
        return graph_error(401, "UnknownError", f"{sentence} {TRACING_APP} was not found.")
    if wait_s := tenant.mail.spend():
        refusal = "Your recent queries have surpassed the permitted limit, please try again later."
        told = graph_error(429, "TooManyRequests", refusal)
        told.headers["Retry-After"] = str(int(wait_s) + 1)
        return told
    asked = request.parameters()
    try:
        rows = _selected(tenant, asked.get("$filter", ""))
        top, offset = int(asked.get("$top", _USUAL_ROWS)), int(asked.get("$skiptoken", 0))
    except ValueError as wrong:
        return graph_error(400, "BadRequest", str(wrong))
    if not 0 < top <= _MOST_ROWS:
        return graph_error(400, "BadRequest", f"The value of $top must be from 1 to {_MOST_ROWS}.")
    page = [_told(row, request.headers.get("prefer", "")) for row in rows[offset : offset + top]]
    body: Row = {"@odata.context": f"{request.base}/v1.0/$metadata#admin/exchange/tracing/messageTraces", "value": page}
    if offset + top < len(rows):
        rest = "&".join(f"{name}={value}" for name, value in asked.items() if name != "$skiptoken")
        body["@odata.nextLink"] = f"{request.base}{PATH}?{rest}&$skiptoken={offset + top}"
    return json_answer(200, body)


def _selected(tenant: Tenant, text: str) -> list[Row]:
    """Raises ValueError. What stands behind an `or` is passed over, as the service does, and not refused."""
    start: datetime | None = None
    end: datetime | None = None
    wanted = dict[str, str]()
    for part in filter(None, re.split(r"\s+and\s+", re.split(r"\s+or\s+", text)[0])):
        found = _CLAUSE.fullmatch(part)
        match found and found.groups():
            case ("receivedDateTime", "ge", str(moment)):
                start = parsed(moment)
            case ("receivedDateTime", "le", str(moment)):
                end = parsed(moment)
            case (str(name), "eq", str(literal)) if name in _EQUAL and literal.startswith("'"):
                wanted[name] = literal[1:-1].replace("''", "'")
            case _:
                raise ValueError(f"Invalid filter clause: {part}")
    now = tenant.now()
    end = end or now
    start = start or end - _USUAL_WINDOW
    if end - start > _LONGEST or start < now - _KEPT:
        raise ValueError("The date range must be within 10 days of each other and in the last 90 days.")
    return [row for row in tenant.mail.seen(start, end) if all(row.get(k) == v for k, v in wanted.items())]


def _told(row: Row, preferences: str) -> Row:
    if row["status"] in _NEW_STATUSES and _FORWARD_COMPATIBLE not in preferences:
        return row | {"status": "unknownFutureValue"}
    return row
