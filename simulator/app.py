"""The simulator as an ASGI application: Microsoft's services, and under `/_sim/` the control API.

A request is placed by its Host header when that is a real Microsoft name, and otherwise by its first path segment:
`/login/`, `/exchange/`, `/compliance/` (the front door) and `/compliance-<region>/`.
"""

import asyncio
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.control import control
from simulator.wire import doors
from simulator.wire.http import Answer, Request
from simulator.world import World


def asgi(world: World) -> ASGIApp:
    """The application. Raises `ConnectionCut` through to the server where a connection is to die."""
    control_api = control(world)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sim"):
            await control_api(scope, receive, send)
            return
        request = await _request(scope, receive)
        answer = world.psa.answer(request) or doors.answer(world, request)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        await _send(answer, send)

    return app


async def _request(scope: Scope, receive: Receive) -> Request:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    base = f"{scope['scheme']}://{headers.get('host', '')}"
    return Request(
        scope["method"], base, unquote(scope["path"]), unquote(scope["query_string"].decode()), headers, body
    )


async def _send(answer: Answer, send: Send) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status != 204:  # noqa: PLR2004 - No Content has no length
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
