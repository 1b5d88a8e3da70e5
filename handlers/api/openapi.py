"""The OpenAPI 3.1 document, made from the endpoints and the pydantic models that serve them."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from domain.controls import CATALOGUE
from handlers.api.endpoint import LONGEST_KEY, Endpoint
from handlers.api.examples import EXAMPLES, ID, TENANT_ID
from handlers.api.http import TOKEN_PREFIX
from handlers.api.problem import ProblemBody

_REF = "#/components/schemas/{model}"
_DESCRIPTION = """Keeps Microsoft 365 tenants in the state that the guide of their mail filter documents.

Errors are problems (RFC 9457). Work goes on after its request was answered: follow the operation at `Location`."""

_PARAMETERS: dict[str, dict[str, Any]] = {
    "tenant_id": {"schema": {"type": "string", "format": "uuid"}, "example": TENANT_ID},
    "operation_id": {"schema": {"type": "string", "format": "uuid"}, "example": ID},
    "control": {"schema": {"type": "string", "enum": list(CATALOGUE)}, "example": "inbound-lockdown"},
    "after": {
        "schema": {"type": "string", "pattern": "^[0-9]{16}-[a-z_]{1,40}-[a-z0-9-]{1,40}$"},
        "description": "The id of the last entry of the page before.",
    },
    "limit": {
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        "description": "Entries on a page.",
    },
    "If-Match": {
        "schema": {"type": "string"},
        "description": "The entity tag of the version that is to be changed; any other is 412.",
    },
    "If-None-Match": {
        "schema": {"type": "string"},
        "description": "`*`: only if there is none; an entity tag: only if it has another.",
    },
    "Idempotency-Key": {
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"},
        "description": "The same key and body give the same operation; another body is 409.",
    },
}

_WHY = {
    400: "The body is not JSON.",
    401: "No function key, or no good token.",
    403: "The token's app roles do not include what this needs.",
    404: "There is no such tenant, control, entry or operation.",
    409: "Not as things are: another plan waits, or the key was used for another request.",
    412: "The config is another version than the one named.",
    413: "The body has more than 64 KiB.",
    415: "The body is not `application/json`.",
    422: "A field is wrong; the sentence names it.",
    502: "The neighbour that was asked said no; the sentence says what to grant.",
    503: "Storage does not answer.",
}

_HEADERS = {
    "ETag": {"description": "The version of the config.", "schema": {"type": "string"}},
    "Location": {"description": "Where it is.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until it is worth looking.", "schema": {"type": "string"}},
    "Link": {"description": "The next page (RFC 8288), where there is one.", "schema": {"type": "string"}},
}


def document(endpoints: Iterable[Endpoint], *, tokens: bool) -> dict[str, Any]:
    """The document. *tokens*: whether Entra ID tokens are taken beside function keys."""
    listed = list(endpoints)
    schemas, definitions = _schemas(listed)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in listed:
        operation = _operation(endpoint, schemas, tokens=tokens)
        paths.setdefault(f"/{endpoint.path}", {})[endpoint.method.lower()] = operation
    servers = [{"url": "/api", "description": "with a function key"}]
    servers += [{"url": TOKEN_PREFIX, "description": "with an Entra ID token"}] if tokens else []
    return {
        "openapi": "3.1.0",
        "info": {"title": "Holdfast", "version": "0.1.0", "description": _DESCRIPTION},
        "servers": servers,
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": _security_schemes(tokens=tokens)},
    }


def _security_schemes(*, tokens: bool) -> dict[str, Any]:
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "x-functions-key"}}
    return schemes | ({"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}} if tokens else {})


type Schemas = dict[tuple[str, JsonSchemaMode], dict[str, Any]]


def _schemas(endpoints: list[Endpoint]) -> tuple[Schemas, dict[str, Any]]:
    """The schema of every body, by endpoint and status, and the models that they refer to."""
    wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        ("problem", "serialization", TypeAdapter(ProblemBody)),
    ]
    for endpoint in endpoints:
        if endpoint.takes:
            wanted.append((endpoint.name, "validation", TypeAdapter(endpoint.takes)))
        for status, given in endpoint.gives.items():
            if given is not None:
                wanted.append((f"{endpoint.name} {status}", "serialization", TypeAdapter(given)))
    found, definitions = TypeAdapter.json_schemas(wanted, ref_template=_REF)
    return dict(found), definitions.get("$defs", {})


def _operation(endpoint: Endpoint, schemas: Schemas, *, tokens: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, schemas, tokens=tokens),
        "security": [],
    }
    if endpoint.role:
        operation["security"] = [{"key": []}] + ([{"token": []}] if tokens else [])
        operation["description"] = f"App role for tokens: `{endpoint.role}`."
    if endpoint.takes:
        content = {"schema": schemas[endpoint.name, "validation"], "example": EXAMPLES[endpoint.name]}
        needed = any(field.is_required() for field in endpoint.takes.model_fields.values())
        operation["requestBody"] = {"required": needed, "content": {"application/json": content}}
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parameters = [
        {"name": name, "in": "path", "required": True, **_PARAMETERS[name]}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ]
    parameters += [{"name": name, "in": "query", **_PARAMETERS[name]} for name in endpoint.query]
    headers = (*endpoint.conditions, *(["Idempotency-Key"] if endpoint.once else []))
    return parameters + [{"name": name, "in": "header", **_PARAMETERS[name]} for name in headers]


def _responses(endpoint: Endpoint, schemas: Schemas, *, tokens: bool) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, given in endpoint.gives.items():
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if headers := {name: _HEADERS[name] for name in _headers_of(endpoint, status)}:
            response |= {"headers": headers}
        if given is not None:
            content = {"schema": schemas[f"{endpoint.name} {status}", "serialization"]}
            if endpoint.name in EXAMPLES and endpoint.takes is given:
                content |= {"example": EXAMPLES[endpoint.name]}
            response |= {"content": {endpoint.media_type: content}}
        responses[str(status)] = response
    for status in _problems(endpoint):
        responses[str(status)] = _problem(status, schemas)
    if endpoint.role and not tokens:
        responses["401"] = {"description": "No function key: the platform's own answer, without a body."}
    return responses


def _problem(status: int, schemas: Schemas) -> dict[str, Any]:
    title, detail = HTTPStatus(status).phrase, _WHY[status]
    example = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    content = {"schema": schemas["problem", "serialization"], "example": example}
    return {"description": detail, "content": {"application/problem+json": content}}


def _headers_of(endpoint: Endpoint, status: int) -> tuple[str, ...]:
    if status == HTTPStatus.ACCEPTED:
        return ("Location", "Retry-After")
    if endpoint.conditions and status != HTTPStatus.NO_CONTENT:
        return ("ETag", "Location") if status == HTTPStatus.CREATED else ("ETag",)
    return ("Link",) if "after" in endpoint.query else ()


def _problems(endpoint: Endpoint) -> list[int]:
    """Its own, and those that every endpoint of its kind has."""
    problems = {*endpoint.problems, 503} | ({401, 403} if endpoint.role else set())
    if endpoint.takes:
        problems |= {400, 413, 415, 422}
    if endpoint.once:
        problems |= {413}
    return sorted(problems)
