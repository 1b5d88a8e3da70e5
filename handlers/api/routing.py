"""What every router shares: strict JSON bodies, known query parameters, roles, and what endpoints ask for by type."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Header, HTTPException, Path, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema

from clients.connect import Clients
from clients.settings import Settings
from domain.controls import CATALOGUE
from domain.nesting import parse_json
from domain.operations import IdempotencyKey, Operation
from handlers.on_request import Requester

PREFIX = "/api"
"""The route prefix of host.json."""

LARGEST_BODY_BYTES = 65_536
LONGEST_KEY = 255
RETRY_AFTER_S = "2"

type Connect = Callable[[], Awaitable[Clients]]


class Strict:
    """Annotates a body: its bytes are read as JSON, strictly (`"yes"` is no boolean).

    FastAPI would take the JSON apart first, and then validate Python objects, where strict means something else.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        adapter: TypeAdapter[Any] = TypeAdapter(source)
        return core_schema.no_info_wrap_validator_function(
            lambda body, _: adapter.validate_json(body, strict=True), handler(source)
        )


class _Unparsed(Request):
    """A request whose JSON is left to `Strict`."""

    async def json(self) -> Any:  # noqa: ANN401 - as Starlette has it
        return await self.body()


class StrictRoute(APIRoute):
    """Refuses what no endpoint takes: a body too large or of another type, a query parameter it does not know."""

    largest_bytes = LARGEST_BODY_BYTES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        known = known_query(self.dependant)

        async def handle(request: Request) -> Response:
            request = _Unparsed(request.scope, request.receive)
            refuse_unknown_query(request, known)
            body = await request.body()
            if len(body) > self.largest_bytes:
                raise HTTPException(413, f"the body has {len(body)} bytes, at most {self.largest_bytes}")
            if body and self.body_field:
                _refuse_other_type(request.headers.get("content-type", "application/json"))
            return await answer(request)

        return handle


class LargeRoute(StrictRoute):
    """The same for rows of a backup, of which one alone may have a mebibyte."""

    largest_bytes = 4 * 1024 * 1024


def known_query(dependant: Dependant) -> set[str]:
    """The query parameters of an endpoint and of all that it depends on."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*(known_query(each) for each in dependant.dependencies))


def refuse_unknown_query(request: Request, known: set[str]) -> None:
    for name, values in ((name, request.query_params.getlist(name)) for name in request.query_params):
        if name not in known:
            raise RequestValidationError([{"loc": ("query", name[:64]), "msg": "there is no such query parameter"}])
        if len(values) > 1:
            raise RequestValidationError([{"loc": ("query", name), "msg": "should be given once"}])


def _refuse_other_type(content_type: str) -> None:
    kind, _, parameters = (part.strip() for part in content_type.lower().partition(";"))
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json or parameters.partition("charset=")[2].strip(' "') not in {"", "utf-8"}:
        raise HTTPException(415, f"Content-Type: should be application/json, not {content_type[:100]}")


def example(value: object) -> Any:  # noqa: ANN401 - FastAPI's own type of `Body`
    """Annotates a body with the example that the documentation shows."""
    return Body(openapi_examples={"example": {"value": value}})


def router_of(subject: str) -> APIRouter:
    return APIRouter(tags=[subject], route_class=StrictRoute)


def large_router_of(subject: str) -> APIRouter:
    return APIRouter(tags=[subject], route_class=LargeRoute)


async def _clients(request: Request) -> Clients:
    connect: Connect = request.app.state.connect
    return await connect()


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _caller(request: Request) -> str:
    return str(request.user.display_name)


@dataclass(frozen=True, slots=True)
class CallingPerson:
    """Who calls. *name*: as the ledger has it. *identity*: the same however that is changed."""

    name: str
    identity: str


async def _person(request: Request) -> CallingPerson:
    return CallingPerson(str(request.user.display_name), str(request.user.identity))


async def _requester(
    request: Request,
    caller: Annotated[str, Depends(_caller)],
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=LONGEST_KEY,
            pattern="^[ -~]+$",
            description="The same key and body give the same operation; another body is 409.",
        ),
    ] = None,
) -> Requester:
    if key is None:
        return Requester(caller)
    # The endpoint's name and the ids' canonical form: two spellings of one request are one request.
    path = {name: _canonical_id(value) for name, value in request.path_params.items()}
    asked = [request.scope["route"].name, path, _canonical_body(await request.body())]
    fingerprint = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return Requester(caller, IdempotencyKey(request.user.identity, key, fingerprint))


def _canonical_id(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        return value


def _canonical_body(body: bytes) -> object:
    """The body without its spelling; one that is not JSON is refused later, and is itself until then."""
    try:
        return parse_json(body or b"{}")
    except ValueError:
        return body.hex()


Neighbours = Annotated[Clients, Depends(_clients)]
Configured = Annotated[Settings, Depends(_settings)]
CallerName = Annotated[str, Depends(_caller)]
FromPerson = Annotated[CallingPerson, Depends(_person)]
FromRequester = Annotated[Requester, Depends(_requester)]

_GUID = {"format": "uuid", "examples": ["7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"]}
TenantInPath = Annotated[str, Path(alias="tenant_id", json_schema_extra=_GUID)]
OperationInPath = Annotated[str, Path(alias="operation_id", json_schema_extra=_GUID)]
ControlInPath = Annotated[str, Path(alias="control", json_schema_extra={"enum": list(CATALOGUE)})]


_OPERATION = TypeAdapter(Operation)


def accepted(operation: Operation) -> Response:
    """The operation, which goes on, and where it can be followed."""
    headers = {"Location": f"{PREFIX}/operations/{operation.id}", "Retry-After": RETRY_AFTER_S}
    return Response(_OPERATION.dump_json(operation), 202, headers, media_type="application/json")
