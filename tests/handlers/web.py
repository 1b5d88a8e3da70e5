"""Requests to the API as the platform hands them over: `func.HttpRequest` in, `func.HttpResponse` out."""

import json
from typing import Any
from weakref import WeakKeyDictionary

import azure.functions as func

from handlers.api.app import Platform
from tests.handlers.harness import DEV_KEY, Service

_platforms: WeakKeyDictionary[Service, Platform] = WeakKeyDictionary()


def platform(service: Service) -> Platform:
    """The API of *service*, built once."""

    async def connect():
        return service.clients

    if service not in _platforms:
        _platforms[service] = Platform(service.clients.settings, connect)
    return _platforms[service]


async def ask(
    service: Service,
    method: str,
    target: str,
    body: Any = None,
    *,
    key: str | None = DEV_KEY,
    token: str | None = None,
    **headers: str,
):
    """The answer to a request, by the key named dev, by another *key* (None: without one), or by *token* alone."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    elif key is not None:
        sent["x-functions-key"] = key
    request = func.HttpRequest(method, f"http://127.0.0.1/api/{target}", headers=sent, body=content)
    return await platform(service).answer(request)


def of(answer: func.HttpResponse) -> Any:
    return json.loads(answer.get_body())
