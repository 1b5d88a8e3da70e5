"""What every page of the console shares: who looks, the security policy, templates, and forms that are really ours."""

import hmac
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from azure.core.exceptions import AzureError
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException as StarletteHTTPException

from clients.errors import ClientError
from clients.storage.documents import NewerRow
from clients.storage.tenants import ConfigMoved
from domain.access import Role
from domain.errors import NeighbourRefused, NothingThere, NotNow, RequestError
from domain.shown import visible
from handlers.api.routing import LARGEST_BODY_BYTES, PREFIX, known_query, refuse_unknown_query
from handlers.console.session import ConsoleSession
from handlers.on_request import Requester

CONSOLE = f"{PREFIX}/console"

_HERE = Path(__file__).parent

CONTENT_POLICY = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self'; "
    "connect-src 'self'; "
    "form-action 'self'; "
    "base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""The content security policy of every answer of the console (CSP Level 3)."""

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
PRIVATE = {"Cache-Control": "no-store", "Vary": "Cookie"}


class PageRoute(APIRoute):
    """A page: what goes wrong is a page, too, and each answer carries the security headers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        known = known_query(self.dependant)

        async def handle(request: Request) -> Response:
            try:
                if int(request.headers.get("content-length") or 0) > LARGEST_BODY_BYTES:
                    raise HTTPException(413, "the form is too large")
                refuse_unknown_query(request, known)
                response = await answer(request)
            except _REFUSALS as error:
                response = _refusal(request, error)
            for name, value in (SECURITY_HEADERS | PRIVATE).items():
                response.headers.setdefault(name, value)
            return response

        return handle


_REFUSALS = (
    RequestError,
    RequestValidationError,
    StarletteHTTPException,
    AzureError,
    ClientError,
    ConfigMoved,
    NewerRow,
)
"""What a page says in a sentence; anything else is a fault of ours."""


def _refusal(request: Request, error: Exception) -> Response:
    match error:
        case RequestValidationError():
            fault = error.errors()[0]
            status, why = 422, f"{fault['loc'][-1]}: {str(fault['msg']).removeprefix('Value error, ')}"
        case StarletteHTTPException():
            status, why = error.status_code, str(error.detail)
        case ConfigMoved():
            status, why = 412, "somebody else changed it meanwhile: load it again"
        case NothingThere():
            status, why = 404, str(error)
        case NotNow():
            status, why = 409, str(error)
        case NeighbourRefused():
            status, why = 502, str(error)
        case RequestError():
            status, why = 422, str(error)
        case _:
            status, why = 503, "storage, or a service that was asked, does not answer: try again in a minute"
    return render_page(request, "refusal.html", status=status, title=HTTPStatus(status).phrase, why=why)


def router() -> APIRouter:
    return APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


async def _session(request: Request) -> ConsoleSession:
    session: ConsoleSession = request.user.session
    return session


Signed = Annotated[ConsoleSession, Depends(_session)]


def require_role(session: ConsoleSession, role: Role) -> None:
    """Raises HTTPException 403 unless the person has *role*."""
    if not session.may(role):
        raise HTTPException(403, f"this needs the role {role}")


@dataclass(frozen=True, slots=True)
class PersonsForm:
    """What a person sent, and who they are. Nothing is in it but what our own page asked for."""

    session: ConsoleSession
    fields: Mapping[str, str]
    listed: Mapping[str, tuple[str, ...]]

    def text(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    def all(self, name: str) -> tuple[str, ...]:
        return self.listed.get(name, ())

    @property
    def requester(self) -> Requester:
        return Requester(self.session.name)


async def _form(request: Request, session: Signed) -> PersonsForm:
    """Raises HTTPException 403 for what did not come from our own page."""
    origin, own = request.headers.get("origin", ""), f"{request.url.scheme}://{request.url.netloc}"
    if origin != own:
        raise HTTPException(403, "this did not come from a page of this console")
    body = await request.body()
    if len(body) > LARGEST_BODY_BYTES:
        raise HTTPException(413, "the form is too large")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=2000)
    except ValueError:
        raise HTTPException(400, "this is no form") from None
    fields = dict(pairs)
    if not hmac.compare_digest(fields.pop("csrf", ""), session.form_token(request.url.path)):
        raise HTTPException(403, "the page was open for too long: go back, load it again, and send it once more")
    listed: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        listed[name] = (*listed.get(name, ()), value)
    return PersonsForm(session, fields, listed)


SentForm = Annotated[PersonsForm, Depends(_form)]


def render_page(request: Request, template: str, *, status: int = 200, **values: object) -> Response:
    """*template* with *values*, for whoever is signed in, if somebody is."""
    session = getattr(request.user, "session", None) if "user" in request.scope else None
    known = {
        "session": session,
        "path": request.url.path,
        "query": dict(request.query_params),
        "base": CONSOLE,
        "token": session.form_token if session else str,
        "may": session.may if session else lambda _: False,
        "static": static_url,
    }
    body = _environment().get_template(template).render(known | values)
    return Response(body, status, dict(SECURITY_HEADERS | PRIVATE), media_type="text/html")


def see(path: str) -> Response:
    """Go on to *path* below the console (RFC 9110, 15.4.4)."""
    return Response(status_code=303, headers={"Location": f"{CONSOLE}{path}"} | SECURITY_HEADERS | PRIVATE)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "time": _time,
        "words": _words,
        "with_query": _with_query,
        "value": _value,
        "quoted_path": _quoted,
        "unchanged": Markup.escape,  # what a field has and sends back is to be what was read, to the character
    }
    return made


def _plain(value: object) -> object:
    """Foreign text does nothing but stand there; what the templates made themselves is left alone."""
    if value is None:
        return ""
    return _visible_lines(value) if type(value) is str else value


def _visible_lines(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


def _time(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "never"


def _words(name: object) -> str:
    return str(name).replace("_", " ").replace("-", " ")


def _value(value: object) -> str:
    """A setting's value as people read it."""
    match value:
        case None:
            return "missing"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name}: {_value(each)}" for name, each in value.items()) or "none"
        case tuple() | list():
            return (
                "; ".join(map(_value, value))
                if any(isinstance(each, Mapping) for each in value)
                else ", ".join(map(str, value)) or "none"
            )
        case _:
            return str(value)


def _with_query(query: Mapping[str, str], **changes: str) -> str:
    """*query* with *changes*; an empty value takes one away."""
    merged = {name: value for name, value in {**query, **changes}.items() if value}
    return f"?{urlencode(merged)}"


def _quoted(text: str) -> str:
    return quote(text, safe="")


@cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Every static file by its name, with the digest that its address carries."""
    files = {file.name: file.read_bytes() for file in (_HERE / "static").iterdir() if file.suffix in STATIC_MEDIA}
    return {name: (content, sha256(content).hexdigest()[:16]) for name, content in files.items()}


STATIC_MEDIA = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def static_url(name: str) -> str:
    return f"{CONSOLE}/static/{name}?v={static_files()[name][1]}"


def is_own_path(path: str) -> bool:
    """Whether *path* is one of this console, so that nobody is sent elsewhere after they signed in."""
    parts = urlsplit(path)
    return not parts.scheme and not parts.netloc and path.startswith(f"{CONSOLE}/") and "\\" not in path
