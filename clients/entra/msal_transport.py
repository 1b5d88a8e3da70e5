"""Lets MSAL, which is synchronous and thinks in `requests`, speak through our one asynchronous client."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from clients.errors import Unreadable
from clients.http import Answer, Http, Intent, Request, raise_for_status


@dataclass(frozen=True, slots=True)
class Response:
    """The part of a response that MSAL reads."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Does nothing: what is no OAuth answer was raised before MSAL calls this."""


class MsalTransport:
    """MSAL's `http_client`, for use in a thread while *loop* runs in another.

    *token_endpoint* is where tokens are asked for, whatever MSAL believes: it accepts https authorities only, and a
    simulator may be at a plain loopback address.
    """

    def __init__(self, http: Http, loop: asyncio.AbstractEventLoop, token_endpoint: str) -> None:
        self._http = http
        self._loop = loop
        self._token_endpoint = token_endpoint

    def get(self, url: str, **_: object) -> Response:
        """Answer MSAL's discovery here, without the network.

        The token endpoint of Entra v2 is the authority and a fixed path, so asking for it would cost every tenant a
        round trip, and a failure there would look like a wrong tenant.
        """
        authority = url.removesuffix("/v2.0/.well-known/openid-configuration")
        places = {f"{name}_endpoint": f"{authority}/oauth2/v2.0/{path}" for name, path in _PATHS.items()}
        return Response(200, json.dumps(places | {"issuer": f"{authority}/v2.0"}))

    def post(self, _url: str, *, data: Mapping[str, str], headers: Mapping[str, str], **_: object) -> Response:
        form = urlencode(data).encode()
        labelled = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        # A token request changes nothing at Entra, so it is retried like a read.
        request = Request("POST", self._token_endpoint, Intent.READ, labelled, form, "login")
        return asyncio.run_coroutine_threadsafe(self._http.send(request, _oauth_answer), self._loop).result()

    def close(self) -> None:
        """Nothing to close: the client is shared."""


_PATHS = {"authorization": "authorize", "token": "token"}


def _oauth_answer(answer: Answer) -> Response:
    """Pass on tokens and OAuth errors (400 and 401: RFC 6749, sections 5.1 and 5.2); raise the rest.

    Raises:
        Unreadable: Neither. MSAL would log such a body whole, and half a token may be in it.
    """
    if answer.status not in {400, 401}:
        raise_for_status(answer)
    body = answer.json()
    if not isinstance(body, dict) or ("access_token" in body and not str(body.get("expires_in")).isdecimal()):
        raise Unreadable("neither a token with its lifetime nor an OAuth error", call=answer.call)
    return Response(answer.status, answer.text, dict(answer.headers))
