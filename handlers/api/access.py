"""Who calls, and what they may: a named key (HOLDFAST_KEYS), or a token of Entra ID.

A caller with neither is refused before anything of the request's body is read. Everything needs a caller, except
health and the webhooks, whose signature is checked by their door. The console's pages have a door of their own.
"""

import base64
import hmac
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any

from azure.core.exceptions import AzureError
from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
)
from starlette.requests import HTTPConnection

from clients.connect import Clients
from clients.entra.callers_tokens import TokenRefused
from clients.errors import ClientError
from clients.settings import Settings
from domain.access import Role, included
from domain.operations import Operation
from handlers.api.problems import documented, problem
from handlers.api.routing import PREFIX, Connect
from handlers.api.wrong_keys import WrongKeys, address_of
from handlers.callers import identity_in, person_in, roles_in
from handlers.console.sign_in import ConsoleDoor, NotSignedIn, is_console, not_signed_in

log = logging.getLogger("holdfast.access")

HEALTH, WEBHOOKS, CONSENTED = f"{PREFIX}/health", f"{PREFIX}/webhooks/", f"{PREFIX}/console/consented"
"""What answers anybody: this path, and every path that begins with that."""

DOCS = f"{PREFIX}/docs"
"""The page for people: a browser asks them for a name, which says nothing, and a password, which is the key."""

ENDED_KEYS_KEPT = timedelta(seconds=5)
"""How long the list of ended keys is believed; an ended key is refused everywhere within ten seconds."""

_KEY = APIKeyHeader(name="x-functions-key", scheme_name="key", auto_error=False)
_TOKEN = HTTPBearer(scheme_name="token", bearerFormat="JWT", auto_error=False)


_HEADERS = {
    "ETag": {"description": "The version of the config.", "schema": {"type": "string"}},
    "Location": {"description": "Where it is.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until it is worth looking.", "schema": {"type": "string"}},
    "Link": {"description": "The next page (RFC 8288), where there is one.", "schema": {"type": "string"}},
}


class NotAdmitted(AuthenticationError):  # noqa: N818 - the outcome
    """An unknown caller (401), one that shows too many wrong keys (429), or one that cannot be asked about (503)."""

    def __init__(self, detail: str, status: int = 401, *, wait_s: int = 0) -> None:
        super().__init__(detail)
        self.status = status
        self.wait_s = wait_s


def not_admitted(conn: HTTPConnection, error: Exception) -> Response:
    """The answer to a caller who is not let in."""
    if isinstance(error, NotSignedIn):
        return not_signed_in(error)
    status = error.status if isinstance(error, NotAdmitted) else 401
    challenge = (
        'Basic realm="Holdfast, password: a key"' if conn.scope["path"] == DOCS else 'Bearer error="invalid_token"'
    )
    headers = {"WWW-Authenticate": challenge} if status == 401 else {}  # noqa: PLR2004
    if isinstance(error, NotAdmitted) and error.wait_s:
        headers = {"Retry-After": str(error.wait_s)}
    return problem(status, str(error), headers)


def _password(credentials: str) -> str:
    """The password of Basic credentials (RFC 7617); "" where they are none."""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


class CallerBackend(AuthenticationBackend):
    """Finds the caller of each request; its credentials' scopes are the caller's roles with those they include."""

    def __init__(self, settings: Settings, connect: Connect) -> None:
        self._keys = {key.sha256: key for key in settings.api_keys()}
        self._takes_tokens = bool(settings.api_audience)
        self._connect = connect
        self._wrong = WrongKeys()
        self._door = ConsoleDoor(settings, connect)
        self._ended: tuple[frozenset[str], datetime] | None = None

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Raise NotAdmitted unless the path is open, or a key or token is good. A token beside a key counts."""
        # Of the scope, which routing reads too: a URL would be made of the Host header, which is the caller's own word.
        path = str(conn.scope["path"])
        if path in {HEALTH, CONSENTED} or path.startswith(WEBHOOKS):
            return None
        if is_console(path):
            return await self._door.authenticate(conn)
        scheme, _, token = conn.headers.get("authorization", "").partition(" ")
        key = conn.headers.get("x-functions-key", "")
        if path == DOCS and scheme.lower() == "basic":
            key, token = _password(token), ""
        try:
            if self._takes_tokens and (token or not key):
                return await self._by_token(scheme, token.strip())
            return await self._by_key(key, address_of(conn.headers.get("x-forwarded-for", "")))
        except AzureError as error:
            log.error("storage_unavailable error=%s", type(error).__name__)  # noqa: TRY400 - its text may carry the request
            raise NotAdmitted("storage does not answer", 503) from None

    async def _by_key(self, shown: str, address: str) -> tuple[AuthCredentials, BaseUser]:
        clients = await self._connect()
        if wait_s := self._wrong.wait_s(address, clients.now()):
            raise NotAdmitted("x-functions-key: too many wrong keys came from this address", 429, wait_s=wait_s)
        # ASGI header values are bytes, which Starlette shows as Latin-1.
        digest = sha256(shown.encode("latin-1")).hexdigest()
        # All are compared, so that the time it takes says nothing about any of them.
        found = [key for known, key in self._keys.items() if hmac.compare_digest(known, digest)]
        if shown and not found:
            await self._wrong.count(address, clients)
        if not found:
            raise NotAdmitted("x-functions-key: should be a key of this service" + self._hint())
        key = found[0]
        if not key.holds_at(clients.now()):
            raise NotAdmitted(f"x-functions-key: the key {key.name} has expired")
        if key.sha256 in await self._ended_keys(clients):
            raise NotAdmitted(f"x-functions-key: the key {key.name} was ended")
        return _caller(f"key {key.name}", f"key {key.name}", key.roles)

    def _hint(self) -> str:
        return "" if self._takes_tokens else "; tokens are not taken here: HOLDFAST_API_AUDIENCE is not set"

    async def _ended_keys(self, clients: Clients) -> frozenset[str]:
        now = clients.now()
        if self._ended is None or now >= self._ended[1] + ENDED_KEYS_KEPT:
            self._ended = (await clients.storage.switches.ended_keys(), now)
        return self._ended[0]

    async def _by_token(self, scheme: str, token: str) -> tuple[AuthCredentials, BaseUser]:
        if scheme.lower() != "bearer" or not token or (tokens := (await self._connect()).tokens) is None:
            raise NotAdmitted("Authorization: should be a bearer token of Entra ID, or x-functions-key a key")
        try:
            claims = await tokens.claims(token)
        except TokenRefused as refused:
            log.warning("token_refused reason=%s", refused)
            raise NotAdmitted(f"Authorization: {refused}") from None
        except ClientError as error:
            log.error("signing_keys_unavailable error=%s", error)  # noqa: TRY400 - a neighbour's failure, not ours
            raise NotAdmitted("Entra ID's signing keys cannot be had", 503) from None
        return _caller(person_in(claims), identity_in(claims), roles_in(claims))


class ApiCaller(SimpleUser):
    """Who calls. *identity*: the same however their name is changed: of a person, an application or a key."""

    def __init__(self, name: str, identity: str) -> None:
        super().__init__(name)
        self._identity = identity

    @property
    def identity(self) -> str:
        return self._identity


def _caller(name: str, identity: str, roles: Iterable[Role]) -> tuple[AuthCredentials, BaseUser]:
    return AuthCredentials(sorted(included(roles))), ApiCaller(name, identity)


def require(request: Request, role: Role) -> None:
    """Raises HTTPException 403 unless the caller has *role*, or one that includes it."""
    if role not in request.auth.scopes:
        raise HTTPException(403, f"this needs the role {role}")


def with_headers(*names: str) -> dict[str, Any]:
    """The part of a response's description that names its headers."""
    return {"headers": {name: _HEADERS[name] for name in names}}


def as_role(
    role: Role,
    *problems: int,
    ok: Mapping[str, Any] | None = None,
    also: Mapping[int, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Arguments of a route that callers with *role* may use.

    For the document: *problems* are the statuses that the route has of its own, *ok* describes its answer, *also*
    those of other statuses.
    """

    async def allowed(
        request: Request, _key: Annotated[object, Security(_KEY)], _token: Annotated[object, Security(_TOKEN)]
    ) -> None:
        require(request, role)

    responses: dict[int | str, Any] = documented(401, 403, 413, 422, 429, 503, *problems)
    responses[403]["description"] = f"The caller lacks the role {role}."
    return {
        "dependencies": [Depends(allowed)],
        "responses": responses | ({200: ok} if ok else {}) | dict(also or {}),
    }


def in_progress(role: Role, *problems: int) -> dict[str, Any]:
    """As `as_role`, for a route that answers with an operation which goes on."""
    accepted = {202: with_headers("Location", "Retry-After")}
    return {"status_code": 202, "response_model": Operation} | as_role(role, *problems, also=accepted)
