"""From an HTTP request to an endpoint and back: who asks, what is sent, JSON out, or a problem (RFC 9457)."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import is_dataclass
from typing import Any

from azure.core.exceptions import AzureError
from azure.functions import HttpRequest, HttpResponse
from pydantic import BaseModel, TypeAdapter

from clients.connect import Clients
from domain.operations import Operation
from handlers.api import callers
from handlers.api.endpoint import Ask, Endpoint, Reply
from handlers.api.idempotency import before
from handlers.api.problem import LARGEST_BODY_BYTES, Problem

log = logging.getLogger("holdfast.http")

LONGEST_DETAIL = 500
"""Characters of a problem's sentence: what a caller sent is not sent back to it at length."""

RETRY_AFTER_S = "2"

TOKEN_PREFIX = "/api/entra"  # noqa: S105 - a path
"""Where the API is for callers with a token. The platform checks the key of a function before it runs our code, and
a function that asks for none is told nothing of a key: one path cannot serve both."""

type Connect = Callable[[], Awaitable[Clients]]


async def serve(endpoint: Endpoint, req: HttpRequest, connect: Connect) -> HttpResponse:
    """Answer a request that the platform let in, because it brought a function key or needs none."""
    return await _answer(lambda: (endpoint, dict(req.route_params)), req, connect, "/api")


async def serve_token(
    find: Callable[[str, str], tuple[Endpoint, Mapping[str, str]]], req: HttpRequest, connect: Connect
) -> HttpResponse:
    """Answer a request that brought no key: its Entra ID token is what lets it in."""
    return await _answer(lambda: find(req.method, req.route_params.get("path", "")), req, connect, TOKEN_PREFIX)


async def _answer(
    find: Callable[[], tuple[Endpoint, Mapping[str, str]]], req: HttpRequest, connect: Connect, prefix: str
) -> HttpResponse:
    """Answer *req*: a Problem is sent as one; storage that does not answer is a 503 which says so and nothing more."""
    try:
        endpoint, path = find()
        clients = await connect()
        headers = {name.lower(): value for name, value in req.headers.items()}
        caller = await callers.name(headers, endpoint.role, clients, keyed=prefix != TOKEN_PREFIX)
        body = _body(endpoint, req, headers)
        ask = Ask(endpoint.name, caller, path, dict(req.params), headers, body, prefix)
        return _sent(await _work(endpoint, ask, clients))
    except Problem as problem:
        return refusal(problem)
    except AzureError as error:
        log.error("storage_unavailable error=%s", type(error).__name__)  # noqa: TRY400 - its text may carry the request
        return refusal(Problem(503, "Service Unavailable", "storage does not answer"))


async def _work(endpoint: Endpoint, ask: Ask, clients: Clients) -> Reply:
    """What the endpoint answers; an operation goes on after that, and its place is told."""
    if not endpoint.once:
        return await endpoint.work(ask, clients)
    earlier = await before(ask.once, clients)
    reply = Reply(earlier) if earlier and earlier.state != "queued" else await endpoint.work(ask, clients)
    if not isinstance(reply.body, Operation):
        return reply
    where = {"Location": f"{ask.prefix}/operations/{reply.body.id}", "Retry-After": RETRY_AFTER_S}
    return Reply(reply.body, 202, where)


def _body(endpoint: Endpoint, req: HttpRequest, headers: dict[str, str]) -> bytes:
    """The request's body. Raises Problem 413 when it is too large, 415 when it says that it is no JSON."""
    body: bytes = req.get_body()
    if len(body) > LARGEST_BODY_BYTES:
        raise Problem(413, "Content Too Large", f"the body has {len(body)} bytes, at most {LARGEST_BODY_BYTES}")
    if body and endpoint.takes and not _is_json(headers.get("content-type", "application/json")):
        said = headers["content-type"][:100]
        raise Problem(415, "Unsupported Media Type", f"Content-Type: should be application/json, not {said}")
    return body


def _is_json(content_type: str) -> bool:
    kind, _, parameters = content_type.lower().partition(";")
    is_json = kind.strip() == "application/json" or (kind.startswith("application/") and kind.strip().endswith("+json"))
    charset = parameters.partition("charset=")[2].strip(' "')
    return is_json and charset in {"", "utf-8"}


def refusal(problem: Problem) -> HttpResponse:
    """The problem as an answer."""
    detail = problem.detail if len(problem.detail) <= LONGEST_DETAIL else f"{problem.detail[:LONGEST_DETAIL]}..."
    body = json.dumps({"type": "about:blank", "title": problem.title, "status": problem.status, "detail": detail})
    return HttpResponse(
        body, status_code=problem.status, headers=dict(problem.headers), mimetype="application/problem+json"
    )


def _sent(reply: Reply) -> HttpResponse:
    if reply.media_type == "application/json":
        body = None if reply.body is None else json.dumps(_plain(reply.body))
    else:
        body = reply.body
    return HttpResponse(body, status_code=reply.status, headers=dict(reply.headers), mimetype=reply.media_type)


def _plain(result: Any) -> Any:  # noqa: ANN401 - JSON is of any type
    if isinstance(result, BaseModel) or is_dataclass(result):
        return TypeAdapter(type(result)).dump_python(result, mode="json")
    return [_plain(item) for item in result] if isinstance(result, list) else result
