"""Paths that the dev host hands on to another server, so that a browser meets one origin and one certificate at most.

`DEVHOST_FORWARD` is a JSON object of prefix and base URL: `{"/pages/": "https://127.0.0.1:4433/pages/"}`. Redirects and
cookies are handed back as they are.
"""

import json
import ssl
from collections.abc import Mapping

import aiohttp
from aiohttp import web

_HOP_BY_HOP = frozenset({"connection", "content-encoding", "content-length", "host", "keep-alive", "transfer-encoding"})
"""Headers of one connection (RFC 9110, 7.6.1), and those that aiohttp writes anew."""


class Forward:
    """*prefixes*: paths below each lead to the base URL beside it. *ca_file*: who vouches for those servers."""

    def __init__(self, prefixes: Mapping[str, str], ca_file: str | None = None) -> None:
        self._prefixes = prefixes
        self._trust = ssl.create_default_context(cafile=ca_file) if prefixes and ca_file else True

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Forward":
        return cls(json.loads(environ.get("DEVHOST_FORWARD", "{}")), environ.get("SSL_CERT_FILE"))

    def add_to(self, router: web.UrlDispatcher) -> None:
        for prefix in self._prefixes:
            router.add_route("*", prefix + "{rest:.*}", self._handed_on)

    async def _handed_on(self, request: web.Request) -> web.Response:
        prefix = next(each for each in self._prefixes if request.path.startswith(each))
        url = f"{self._prefixes[prefix]}{request.raw_path.removeprefix(prefix)}"
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                request.method,
                url,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
                ssl=self._trust,
            ) as answer,
        ):
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP]
            response = web.Response(status=answer.status, body=await answer.read())
            response.headers.extend(kept)
            return response
