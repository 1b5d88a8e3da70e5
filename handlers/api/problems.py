"""Errors as problems (RFC 9457): the one place that gives domain errors an HTTP status."""

import logging
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from azure.core.exceptions import AzureError
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from clients.storage.documents import NewerRow
from clients.storage.tenants import ConfigMoved
from domain.errors import BadField, NeighbourRefused, NothingThere, NotNow, RequestError
from domain.shown import visible

log = logging.getLogger("holdfast.http")

LONGEST_DETAIL = 500
"""Characters of a problem's sentence: what a caller sent is not sent back to it at length."""

_STATUS: Mapping[type[RequestError], int] = {NothingThere: 404, NotNow: 409, BadField: 422, NeighbourRefused: 502}

_WHY = {
    400: "The body is not JSON.",
    401: "No key, and no good token.",
    403: "The caller's roles do not include what this needs.",
    404: "There is no such tenant, control, entry, operation or key.",
    409: "Not as things are: another plan waits, or the idempotency key was used for another request.",
    412: "The config is another version than the one named.",
    413: "The body has more than 64 KiB.",
    415: "The body is not `application/json`.",
    422: "A field, header or query parameter is wrong; the sentence names it.",
    429: "Too many wrong keys came from this address; `Retry-After` says how long to wait.",
    502: "The neighbour that was asked said no; the sentence says what to grant.",
    503: "Storage, or Entra's signing keys, cannot be had.",
}


class Problem(BaseModel):
    """RFC 9457: what went wrong, in one sentence that names the field."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as a response."""
    detail = visible(detail)
    if len(detail) > LONGEST_DETAIL:
        detail = f"{detail[:LONGEST_DETAIL]}..."
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail).model_dump()
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of these statuses, for an endpoint's part of the OpenAPI document."""
    return {status: _documented(status) for status in sorted(statuses)}


def _documented(status: int) -> dict[str, Any]:
    example = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": _WHY[status]}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": _WHY[status], "content": {"application/problem+json": content}}


async def _domain(_: Request, error: RequestError) -> Response:
    return problem(next(status for kind, status in _STATUS.items() if isinstance(error, kind)), str(error))


async def _moved(_: Request, __: ConfigMoved) -> Response:
    return problem(412, "the config is not the version named in If-Match or If-None-Match")


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    """The first thing that is wrong, with the path to its field."""
    fault = error.errors()[0]
    if fault.get("type") == "json_invalid":
        return problem(400, "the body is not JSON")
    place, *inside = fault["loc"]
    field = ".".join(map(str, [place, *inside] if place == "body" else inside))
    return problem(422, f"{field}: {fault['msg'].removeprefix('Value error, ')}")


async def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods_of(request))
        return problem(405, f"this path has {allowed}", {"Allow": allowed})
    return problem(error.status_code, _SENTENCES.get(error.detail, error.detail), error.headers)


_SENTENCES = {"Not Found": "there is no such path"}
"""For what the framework itself refuses."""


def _methods_of(request: Request) -> list[str]:
    """Every method that the path has; Starlette names those of the first route only (RFC 9110, 10.2.1)."""
    asked = [{**request.scope, "method": method} for method in ("GET", "PUT", "POST", "DELETE")]
    routes = request.app.routes
    return [scope["method"] for scope in asked if any(route.matches(scope)[0] is Match.FULL for route in routes)]


async def _storage(_: Request, error: AzureError) -> Response:
    log.error("storage_unavailable error=%s", type(error).__name__)  # its text may carry the request
    return problem(503, "storage does not answer")


async def _newer(_: Request, _error: NewerRow) -> Response:
    return problem(503, "a later version wrote what this is about, and runs beside this one: ask again")


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    RequestError: _domain,
    ConfigMoved: _moved,
    NewerRow: _newer,
    RequestValidationError: _invalid,
    HTTPException: _http,
    AzureError: _storage,
}
