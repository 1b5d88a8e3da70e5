"""In and out: the way by Entra and back, static files, and who is let in to everything else."""

import gzip
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import HTTPException, Query, Request, Response
from starlette.authentication import AuthCredentials, AuthenticationError, BaseUser
from starlette.requests import HTTPConnection

from clients.entra.sign_in import SignInRefused
from clients.settings import Settings
from domain.access import included
from handlers.api.routing import Connect, Neighbours
from handlers.callers import identity_in, person_in, roles_in
from handlers.console.session import ConsoleSession, Sessions
from handlers.console.web import (
    CONSOLE,
    PRIVATE,
    SECURITY_HEADERS,
    STATIC_MEDIA,
    SentForm,
    is_own_path,
    render_page,
    router,
    static_files,
)

log = logging.getLogger("holdfast.console")

OPEN = tuple(f"{CONSOLE}/{path}" for path in ("sign-in", "signed-in", "signed-out", "static/"))
"""What anybody may ask for: it shows nothing of any tenant."""

signing_in = router()


class SignedIn(BaseUser):
    """A person with their session."""

    def __init__(self, session: ConsoleSession) -> None:
        self.session = session

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.session.name

    @property
    def identity(self) -> str:
        return self.session.identity


class NotSignedIn(AuthenticationError):  # noqa: N818 - the outcome
    """Nobody is signed in. *again*: where the browser goes to be, where it asked for a page."""

    def __init__(self, again: str = "") -> None:
        super().__init__("nobody is signed in")
        self.again = again


def is_console(path: str) -> bool:
    return path == CONSOLE or path.startswith(f"{CONSOLE}/")


class ConsoleDoor:
    """Lets the signed-in in, and sends everybody else to sign in."""

    def __init__(self, settings: Settings, connect: Connect) -> None:
        self.sessions = sessions_of(settings)
        self._connect = connect

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """None where the path is open to everybody. Raises NotSignedIn."""
        path = str(conn.scope["path"])
        if path.startswith(OPEN):
            return None
        now = (await self._connect()).now()
        session = self.sessions.of(conn, now) if self.sessions else None
        is_page = conn.scope["method"] == "GET" and "hx-request" not in conn.headers
        if session is None or (is_page and session.is_due(now)):
            raise NotSignedIn(_sign_in_path(conn) if is_page else "")
        return AuthCredentials(sorted(included(session.roles))), SignedIn(session)


def _sign_in_path(conn: HTTPConnection) -> str:
    query = conn.scope["query_string"].decode("latin-1")
    wanted = f"{conn.scope['path']}?{query}" if query else str(conn.scope["path"])
    return f"{CONSOLE}/sign-in?{urlencode({'next': wanted})}"


def not_signed_in(error: NotSignedIn) -> Response:
    """To Entra, where it was a page; where it was a part of one, the page is to be loaded anew."""
    if error.again:
        return Response(status_code=303, headers={"Location": error.again} | SECURITY_HEADERS | PRIVATE)
    return Response("sign in again", 401, {"HX-Refresh": "true"} | SECURITY_HEADERS | PRIVATE, media_type="text/plain")


def sessions_of(settings: Settings) -> Sessions | None:
    keys = tuple(key.get_secret_value() for key in settings.session_keys)
    return Sessions(keys) if keys else None


def _sessions(request: Request) -> Sessions:
    found = sessions_of(request.app.state.settings)
    if found is None:
        raise HTTPException(503, "HOLDFAST_SESSION_KEYS: is not set, so nobody can sign in (docs/console.md)")
    return found


def _back(request: Request, path: str) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{CONSOLE}/{path}"


@signing_in.get("/sign-in")
async def sign_in(
    request: Request,
    clients: Neighbours,
    wanted: Annotated[str, Query(alias="next", max_length=2000)] = f"{CONSOLE}/",
    ask: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter
) -> Response:
    """Go to Entra; without asking the person, where they were here before and *ask* does not say to."""
    sessions = _sessions(request)
    if clients.sign_in is None:
        raise HTTPException(503, "HOLDFAST_API_CLIENT_ID: is not set, so nobody can sign in (docs/console.md)")
    silent = sessions.was_there(request) and not ask
    url, flow = await clients.sign_in.begin(_back(request, "signed-in"), silent=silent)
    response = Response(status_code=303, headers={"Location": url})
    kept = {"flow": flow, "next": wanted if is_own_path(wanted) else f"{CONSOLE}/"}
    sessions.keep_flow(response, request, kept, clients.now())
    return response


@signing_in.get("/signed-in")
async def signed_in(  # noqa: PLR0913 - a query parameter each, all that Entra sends
    *,
    request: Request,
    clients: Neighbours,
    code: Annotated[str, Query(max_length=5000)] = "",
    state: Annotated[str, Query(max_length=500)] = "",
    session_state: Annotated[str, Query(max_length=500)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
    error_description: Annotated[str, Query(max_length=5000)] = "",
    error_uri: Annotated[str, Query(max_length=500)] = "",  # noqa: ARG001 - Entra's, of no use here
    error_subcode: Annotated[str, Query(max_length=200)] = "",  # noqa: ARG001 - the same
    client_info: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Come back from Entra with who it is, and begin a session."""
    sessions = _sessions(request)
    kept = sessions.flow(request, clients.now())
    if kept is None or clients.sign_in is None:
        raise HTTPException(403, "this sign-in was begun too long ago, or elsewhere: open the console again")
    given = {"code": code, "state": state, "session_state": session_state, "client_info": client_info}
    given |= {"error": error, "error_description": error_description}
    try:
        claims = await clients.sign_in.finish(kept["flow"], {name: value for name, value in given.items() if value})
    except SignInRefused as refused:
        if refused.silent:
            return _asking(request, kept["next"], sessions)
        log.warning("sign_in_refused reason=%s", refused)
        raise HTTPException(403, str(refused)) from None
    session = _begun(claims, clients.now())
    log.info("signed_in who=%r roles=%s", session.name, ",".join(session.roles))
    response = Response(status_code=303, headers={"Location": kept["next"]})
    sessions.end_flow(response, request)
    sessions.keep(response, request, session, clients.now())
    return response


def _asking(request: Request, wanted: str, sessions: Sessions) -> Response:
    query = urlencode({"next": wanted, "ask": "true"})
    response = Response(status_code=303, headers={"Location": f"{CONSOLE}/sign-in?{query}"})
    sessions.end_flow(response, request)
    sessions.end(response, request)
    return response


def _begun(claims: Mapping[str, Any], now: datetime) -> ConsoleSession:
    """Raises HTTPException 403 for who has no role."""
    roles = tuple(roles_in(claims))
    if not roles:
        raise HTTPException(403, "you have none of the roles Holdfast.Read, .Operate, .Approve, .Admin: ask your admin")
    return ConsoleSession.begun(person_in(claims), identity_in(claims), roles, now)


@signing_in.post("/sign-out")
async def sign_out(request: Request, form: SentForm, clients: Neighbours) -> Response:  # noqa: ARG001 - the form is checked
    """End the session; the page after it has the link that ends Entra's, too."""
    response = Response(status_code=303, headers={"Location": f"{CONSOLE}/signed-out"})
    sessions = _sessions(request)
    sessions.end(response, request)
    sessions.end_flow(response, request)
    return response


@signing_in.get("/signed-out")
async def signed_out(request: Request, clients: Neighbours) -> Response:
    """Say that nobody is signed in any more."""
    url = clients.sign_in.sign_out_url(_back(request, "signed-out")) if clients.sign_in else ""
    return render_page(request, "signed-out.html", title="Signed out", entra=url)


@signing_in.get("/static/{name}")
async def static(request: Request, name: str, v: Annotated[str, Query(max_length=64)] = "") -> Response:
    """One static file; its address carries its digest, so that it may be kept for good."""
    found = static_files().get(name)
    if found is None:
        raise HTTPException(404, "there is no such file")
    headers = {"Cache-Control": "public, max-age=31536000, immutable" if v == found[1] else "no-cache"}
    content, headers["Vary"] = found[0], "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):  # only of files: a page has secrets (BREACH)
        content, headers["Content-Encoding"] = gzip.compress(content, mtime=0), "gzip"
    return Response(content, 200, headers, media_type=STATIC_MEDIA[PurePosixPath(name).suffix])
