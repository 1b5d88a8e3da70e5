"""From a handler's result to an HTTP answer: JSON, or a problem (RFC 9457)."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from azure.core.exceptions import AzureError
from azure.functions import HttpResponse
from pydantic import BaseModel

from clients.connect import Clients
from domain.operations import Operation
from handlers.problem import Problem

log = logging.getLogger("holdfast.http")


type Connect = Callable[[], Awaitable[Clients]]


async def answer(connect: Connect, work: Callable[..., Awaitable[Any]], *args: Any, status: int = 200) -> HttpResponse:  # noqa: ANN401
    """Do *work* with *args* and the clients, and send what it returns.

    A Problem is sent as one; storage that does not answer is a 503 which says so and nothing more.
    """
    try:
        result = await work(*args, clients=await connect())
    except Problem as problem:
        return _problem(problem.status, problem.title, problem.detail)
    except AzureError as error:
        log.error("storage_unavailable error=%s", type(error).__name__)  # noqa: TRY400 - its text may carry the request
        return _problem(503, "Service Unavailable", "storage does not answer")
    body = None if result is None else json.dumps(_plain(result))
    return HttpResponse(body, status_code=status, mimetype="application/json")


async def accepted(connect: Connect, work: Callable[..., Awaitable[Operation]], *args: Any) -> HttpResponse:  # noqa: ANN401
    """As *answer*, for work that goes on: 202 with the place where it can be followed."""
    response = await answer(connect, work, *args, status=202)
    if response.status_code == 202:  # noqa: PLR2004 - the status just given
        response.headers["Location"] = f"/api/operations/{json.loads(response.get_body())['id']}"
        response.headers["Retry-After"] = "2"
    return response


def _problem(status: int, title: str, detail: str) -> HttpResponse:
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return HttpResponse(body, status_code=status, mimetype="application/problem+json")


def _plain(result: Any) -> Any:  # noqa: ANN401 - JSON is of any type
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    return [_plain(item) for item in result] if isinstance(result, list) else result
