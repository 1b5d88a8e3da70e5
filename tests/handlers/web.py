"""Requests to the API as the platform hands them over, without its host."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func

from handlers.api.http import serve, serve_token
from handlers.api.routes import found
from tests.handlers.harness import Service


async def ask(
    service: Service, method: str, target: str, body: Any = None, *, token: str | None = None, **headers: str
):
    """The answer to a request, by function key, or by *token* alone."""
    url = urlsplit(target)
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    query = dict(parse_qsl(url.query))

    async def connect():
        return service.clients

    def request(params):
        return func.HttpRequest(
            method, f"http://127.0.0.1/api/{target}", headers=sent, params=query, route_params=params, body=content
        )

    if token is not None:
        sent["authorization"] = f"Bearer {token}"
        return await serve_token(found, request({"path": url.path}), connect)
    endpoint, params = found(method, url.path)
    return await serve(endpoint, request(params), connect)


def of(answer: func.HttpResponse) -> Any:
    return json.loads(answer.get_body())
