"""The HTTP API as one FastAPI application, built when an instance answers its first request.

Nothing else imports FastAPI, so that an instance that serves a queue or a timer does not pay for it.
"""

from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from azure.functions import AsgiMiddleware, Context, HttpRequest, HttpResponse
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.types import Receive, Scope, Send

from clients.settings import Settings
from handlers.api import (
    backup,
    brake,
    chains,
    channels,
    consented,
    controls,
    docs,
    events,
    evidence,
    findings,
    fleet,
    health,
    incidents,
    keys,
    ledger,
    objectives,
    operations,
    problems,
    proposals,
    radius,
    tenants,
    waves,
    way_out,
    webhooks,
)
from handlers.api.access import CallerBackend, not_admitted
from handlers.api.routing import PREFIX, Connect
from handlers.console.config_editor import editor
from handlers.console.evidence import evidence_pages
from handlers.console.inbox import answers
from handlers.console.pages import pages
from handlers.console.sign_in import signing_in
from handlers.console.tenant import tenant_pages
from handlers.console.waves import wave_pages

_DESCRIPTION = """Keeps Microsoft 365 tenants in the state that their mail filter's guide documents.

Errors are problems (RFC 9457). Work goes on after its request was answered: follow the operation at `Location`."""

ROUTERS = (
    health,
    tenants,
    ledger,
    controls,
    way_out,
    findings,
    fleet,
    operations,
    brake,
    radius,
    waves,
    keys,
    chains,
    objectives,
    backup,
    evidence,
    events,
    channels,
    incidents,
    proposals,
    webhooks,
    consented,
    docs,
)


CONSOLE_ROUTERS = (signing_in, pages, tenant_pages, evidence_pages, editor, answers, wave_pages)
"""The pages for people, behind a door of their own."""


def application(settings: Settings, connect: Connect) -> FastAPI:
    """Every router behind one authentication. *connect* gives the neighbours when a request first needs them."""
    app = FastAPI(
        title="Holdfast",
        version="0.1.0",
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers=problems.HANDLERS,
        middleware=[
            Middleware(AuthenticationMiddleware, backend=CallerBackend(settings, connect), on_error=not_admitted)
        ],
    )
    app.state.settings, app.state.connect = settings, connect
    for each in ROUTERS:
        app.include_router(each.router)
    for wing in CONSOLE_ROUTERS:
        app.include_router(wing)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


class Platform:
    """The application as the platform calls it."""

    def __init__(self, settings: Settings, connect: Connect) -> None:
        app = application(settings, connect)

        async def rooted(scope: Scope, receive: Receive, send: Send) -> None:
            """The platform hands over whole paths, prefix included (host.json, routePrefix)."""
            await app({**scope, "root_path": PREFIX}, receive, send)

        self._middleware = AsgiMiddleware(rooted)  # type: ignore[no-untyped-call]

    async def answer(self, request: HttpRequest, context: Context | None = None) -> HttpResponse:
        """Answer one request; what no ASGI scope can hold is a bad request."""
        try:
            unquote_to_bytes(urlsplit(request.url).path).decode()
            "".join(request.headers.values()).encode()
        except ValueError:
            return HttpResponse(status_code=400)
        response: HttpResponse = await self._middleware.handle_async(request, context)
        return response


def _document(app: FastAPI) -> dict[str, Any]:
    """FastAPI's OpenAPI document, with the body of problems, and each endpoint's one sentence as its summary."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": PREFIX}],
        )
        document["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema()
        for path in document["paths"].values():
            for operation in path.values():
                operation["summary"] = operation.pop("description")
        app.openapi_schema = document
    return app.openapi_schema
