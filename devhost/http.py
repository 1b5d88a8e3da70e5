"""HTTP triggers and the admin endpoint, served by aiohttp on loopback.

Source: docs/reference/azure-functions.md#what-the-host-sends, #keys.
"""

import hmac
from collections.abc import Callable, Coroutine, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import web
from multidict import MultiMapping

from devhost import telemetry
from devhost.forward import Forward
from devhost.runtime import App, InvocationFailed, Message, typed
from devhost.triggers import HttpTrigger

type Work = Coroutine[Any, Any, None]
type Fire = Callable[[str], Work]
"""Runs a function by hand; takes the `input` of the request."""

_LARGEST_BODY = 100 * 1024 * 1024  # the platform's default limit


class Server:
    """Answers what comes, by the app's one HTTP function.

    *fire* holds what can be fired by hand, by function name, for whoever shows the master *key*; *spawn* takes work
    that goes on after its request was answered. *forward* hands paths on, by prefix; *home* is where `/` leads.
    """

    def __init__(  # noqa: PLR0913 -- what one server answers with
        self,
        app: App,
        http: HttpTrigger | None,
        fire: Mapping[str, Fire],
        key: str,
        spawn: Callable[[Work], None],
        *,
        forward: Forward,
        home: str,
    ) -> None:
        self._app = app
        self._http = http
        self._fire = fire
        self._key = key.encode()
        self._spawn = spawn
        self._forward, self._home = forward, home

    def application(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_post("/admin/functions/{name}", self._admin)
        if self._home:
            application.router.add_get("/", self._at_home)
        application.router.add_get("/metrics", self._metrics)
        self._forward.add_to(application.router)
        application.router.add_route("*", r"/{path:(?s:.*)}", self._answer)
        return application

    async def _at_home(self, _: web.Request) -> web.Response:
        return web.Response(status=HTTPStatus.FOUND, headers={"Location": self._home})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=telemetry.exposition(), headers={"Content-Type": telemetry.CONTENT_TYPE})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        params = self._http.match(request.rel_url.raw_path) if self._http else None
        if self._http is None or params is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        data = typed(http=await _incoming(request, params))
        try:
            return _outgoing(await self._app.invoke(self._http.function, data))
        except InvocationFailed:
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _admin(self, request: web.Request) -> web.Response:
        """Fire a function by hand: `POST /admin/functions/<name>` with `{"input": "..."}`."""
        given = request.headers.get("x-functions-key", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, self._key):
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        if not (fire := self._fire.get(request.match_info["name"])):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        sent = await _input(request)
        if sent is None:
            return web.Response(status=HTTPStatus.BAD_REQUEST, text='The body must be {"input": "<text>"}.')
        self._spawn(fire(sent))
        return web.Response(status=HTTPStatus.ACCEPTED)


async def _incoming(request: web.Request, params: Mapping[str, str]) -> Message:
    # A chunked body is handed over too, although hosts of 2024 dropped it: no app relies on losing a body.
    return Message(
        method=request.method,
        url=str(request.url),
        headers=_joined(request.headers),
        params=params,
        query=_joined(request.query),
        body=typed(bytes=await request.read()),
    )


def _joined(values: MultiMapping[str]) -> dict[str, str]:
    """Join repeated values by commas, drop empty ones."""
    joined = {name: ",".join(values.getall(name)) for name in values}
    return {name: value for name, value in joined.items() if value}


def _outgoing(returned: Message | None) -> web.Response:
    if returned is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    if returned.WhichOneof("data") == "string":
        return web.Response(text=returned.string)
    reply = returned.http
    response = web.Response(status=int(reply.status_code), headers=reply.headers, body=reply.body.bytes)
    for cookie in reply.cookies or ():
        _set_cookie(response, cookie)
    return response


def _set_cookie(response: web.Response, cookie: Message) -> None:
    response.set_cookie(
        cookie.name,
        quote(cookie.value, safe=""),  # the platform encodes each value once more
        path=cookie.path.value or "/",
        domain=cookie.domain.value or None,
        expires=formatdate(cookie.expires.value.seconds, usegmt=True) if cookie.expires else None,
        max_age=int(cookie.max_age.value) if cookie.max_age else None,
        secure=cookie.secure.value,
        httponly=cookie.http_only.value,
        samesite=cookie.same_site or None,
    )


async def _input(request: web.Request) -> str | None:
    """Read `input` of an admin request; an empty body is an empty input, anything else that is not text is None."""
    if not await request.read():
        return ""
    try:
        body = await request.json()
    except ValueError:
        return None
    sent = body.get("input", "") if isinstance(body, dict) else None
    return sent if isinstance(sent, str) else None
