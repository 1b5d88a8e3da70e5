"""`POST .../$batch`: up to ten cmdlets in one request. Source: docs/reference/exchange.md#batch."""

from typing import Any
from urllib.parse import urlsplit

from simulator.tenant import Tenant
from simulator.wire import invoke
from simulator.wire.access import Service, authenticate
from simulator.wire.envelope import plain_error
from simulator.wire.http import Answer, Refused, Request, dumps, json_answer, loads
from simulator.wire.trouble import meet

MOST = 10
_BOUNDARY = "batchresponse_simulated"


def answer(tenant: Tenant, service: Service, request: Request, *, host: str) -> Answer:
    """Run the items in order; answer by id.

    Raises:
        ConnectionCut: a scripted fault of the batch, or of an item, says so.
    """
    try:
        authenticate(tenant, service, request.headers.get("authorization"))
        items = _items(request)
    except Refused as refused:
        return _numbered(tenant, refused.answer)
    fault = tenant.take_fault(host, "$batch")
    result = meet(fault, lambda: _run(tenant, service, request, items, host), tenant, service)
    return _numbered(tenant, result)


def _items(request: Request) -> list[dict[str, Any]]:
    try:
        items = loads(request.body)["requests"]
        ids = [str(item["id"]) for item in items]
    except (KeyError, TypeError) as error:
        raise Refused(json_answer(400, plain_error("BadRequest", "Invalid batch request."))) from error
    if len(ids) > MOST:
        raise Refused(json_answer(400, plain_error("BadRequest", f"A batch may hold at most {MOST} requests.")))
    if len(set(ids)) < len(ids):
        raise Refused(json_answer(400, plain_error("BadRequest", "Request ids must be unique within a batch.")))
    return list(items)


def _run(tenant: Tenant, service: Service, request: Request, items: list[dict[str, Any]], host: str) -> Answer:
    goes_on = "odata.continue-on-error" in request.headers.get("prefer", "")
    answers: list[tuple[str, Answer]] = []
    for item in items:
        result = invoke.answer(tenant, service, _inner(tenant, request, item), item.get("body"), host=host)
        answers.append((str(item["id"]), result))
        if not goes_on and result.status >= 400:  # noqa: PLR2004 - the first error status
            break
    told = [(number, result) for number, result in answers if not result.missing]
    if tenant.switches.batch_shuffle:
        told = [*told[1::2], *told[::2]]
    body = _json(told) if "json" in request.headers.get("accept", "") else _multipart(told)
    body.delay = max((result.delay for _, result in answers), default=0.0)
    return body


def _inner(tenant: Tenant, request: Request, item: dict[str, Any]) -> Request:
    headers = {name.lower(): str(value) for name, value in item.get("headers", {}).items()}
    if tenant.switches.batch_inherits_authorization and "authorization" in request.headers:
        headers.setdefault("authorization", request.headers["authorization"])
    query = urlsplit(str(item.get("url", ""))).query
    return Request("POST", request.base, request.path, query, headers, b"")


def _json(answers: list[tuple[str, Answer]]) -> Answer:
    parts = b",".join(
        b'{"id":%b,"status":%d,"headers":%b,"body":%b}'
        % (dumps(number), result.status, dumps(result.headers), _body(result))
        for number, result in answers
    )
    return Answer(200, b'{"responses":[' + parts + b"]}", {"Content-Type": "application/json;charset=utf-8"})


def _body(result: Answer) -> bytes:
    """JSON as it is, if it is JSON; anything else as a string."""
    return result.body if result.is_json else dumps(result.body.decode(errors="replace"))


def _multipart(answers: list[tuple[str, Answer]]) -> Answer:
    parts = [_part(number, result) for number, (_, result) in enumerate(answers, 1)]
    body = "".join([*parts, f"--{_BOUNDARY}--\r\n"])
    return Answer(200, body.encode(), {"Content-Type": f"multipart/mixed; boundary={_BOUNDARY}"})


def _part(number: int, result: Answer) -> str:
    lines = [
        f"--{_BOUNDARY}",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        f"Content-ID: {number}",
        "",
        f"HTTP/1.1 {result.status} ",
        "Content-Type: application/json",
        "",
        result.body.decode(errors="replace"),
        "",
    ]
    return "\r\n".join(lines)


def _numbered(tenant: Tenant, result: Answer) -> Answer:
    result.headers["request-id"] = tenant.world.next_request_id()
    return result
