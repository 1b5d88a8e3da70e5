"""What each scripted fault looks like on the wire. Source: docs/reference/exchange.md#statuses, #nul-bytes."""

import json
from collections.abc import Callable
from typing import Any

from simulator.faults import ConnectionCut, Fault
from simulator.tenant import Tenant
from simulator.wire.access import Service, challenge, forbidden
from simulator.wire.envelope import plain_error
from simulator.wire.http import Answer, dumps, json_answer

_BUSY = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again..."
_PAGE = b"<html><head><title>Sorry</title></head><body>Something went wrong. Please try again later.</body></html>"
_TEXT = {"Content-Type": "text/plain"}
_HTML = {"Content-Type": "text/html"}


def meet(fault: Fault | None, run: Callable[[], Answer], tenant: Tenant, service: Service) -> Answer:
    """The answer to a request that meets *fault*, or the true one.

    Raises:
        ConnectionCut: there is no answer.
    """
    if fault is None:
        return run()
    spoil = _SPOILERS.get(fault.kind)
    if spoil is not None:
        return spoil(fault, run())
    if fault.phase == "after":
        run()
    return _instead(fault, tenant, service)


def _instead(fault: Fault, tenant: Tenant, service: Service) -> Answer:  # noqa: PLR0911 - one line each
    match fault.kind:
        case "throttled":
            return _throttled(fault)
        case "unavailable":
            headers = {"X-ExceptionType": fault.exception, **_retry_after(fault)}
            return json_answer(503, plain_error("ServiceUnavailable", "The server is busy."), **headers)
        case "gateway_timeout":
            return Answer(504, _PAGE, dict(_HTML))
        case "html":
            return Answer(200, _PAGE, dict(_HTML))
        case "nul_403":
            return forbidden(tenant)
        case "unauthorized":
            return challenge(service).answer
        case "server_error":
            return json_answer(500, plain_error("InternalServerError", "An error has occurred."))
        case "bad_request":
            return json_answer(400, plain_error("BadRequest", "The request is invalid."))
        case "missing_item":
            return Answer(200, missing=True)
        case _:
            raise ConnectionCut(opened=fault.kind != "unreachable")


def _throttled(fault: Fault) -> Answer:
    headers = _retry_after(fault)
    if fault.plain:
        return Answer(429, _BUSY.encode(), {**_TEXT, **headers})
    return json_answer(429, plain_error("TooManyRequests", _BUSY), **headers)


def _retry_after(fault: Fault) -> dict[str, str]:
    return {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}


# --- faults that need the true answer ---------------------------------------------------------------------------------


def _rewritten(answer: Answer, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Answer:
    answer.body = dumps(change(json.loads(answer.body))) if answer.is_json else answer.body
    return answer


def _truncated(_fault: Fault, answer: Answer) -> Answer:
    answer.body = answer.body[: len(answer.body) * 2 // 3]
    answer.spoiled = True
    return answer


def _empty(_fault: Fault, answer: Answer) -> Answer:
    answer.body = b""
    return answer


def _value_missing(_fault: Fault, answer: Answer) -> Answer:
    return _rewritten(answer, lambda body: {name: value for name, value in body.items() if name != "value"})


def _value_empty(_fault: Fault, answer: Answer) -> Answer:
    return _rewritten(answer, lambda body: body | {"value": []})


def _adminapi_errors(_fault: Fault, answer: Answer) -> Answer:
    errors = {
        "adminapi.errors@odata.type": "#Collection(String)",
        "@adminapi.errors": ["An unexpected error has occurred."],
    }
    return _rewritten(answer, lambda body: errors | body)


def _foreign_next_link(_fault: Fault, answer: Answer) -> Answer:
    link = {
        "@odata.nextLink": "https://outlook.office365.com.attacker.example/adminapi/beta/x/InvokeCommand?$skiptoken=1"
    }
    return _rewritten(answer, lambda body: link | body)


def _gzip_label(_fault: Fault, answer: Answer) -> Answer:
    answer.headers["Content-Encoding"] = "gzip"
    return answer


def _slow(fault: Fault, answer: Answer) -> Answer:
    answer.delay += fault.seconds
    return answer


_SPOILERS: dict[str, Callable[[Fault, Answer], Answer]] = {
    "truncated": _truncated,
    "empty": _empty,
    "value_missing": _value_missing,
    "value_empty": _value_empty,
    "adminapi_errors": _adminapi_errors,
    "foreign_next_link": _foreign_next_link,
    "gzip_label": _gzip_label,
    "slow": _slow,
}
