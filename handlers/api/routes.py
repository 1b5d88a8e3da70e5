"""Every endpoint of the API (design 6), once: function_app.py serves them, the OpenAPI document describes them."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from clients.connect import Clients
from domain.exemption import Exemption
from domain.gate import Brake
from domain.ledger import Entry
from domain.operations import Operation
from domain.partner import TenantProposal
from domain.tenant import TenantConfig
from handlers.api import approvals, docs, exceptions, openapi, proposals, readiness, tenants
from handlers.api import asks as api
from handlers.api.approvals import Approval
from handlers.api.endpoint import Ask, Endpoint, Reply
from handlers.api.exceptions import ExceptionAsked
from handlers.api.problem import Problem, parsed
from handlers.loop import undo
from handlers.loop.undo import UndoAsked


async def _health(_: Ask, clients: Clients) -> Reply:
    return Reply(await api.health(clients))


async def _tenants(_: Ask, clients: Clients) -> Reply:
    return Reply(await api.tenants(clients))


async def _readiness(ask: Ask, clients: Clients) -> Reply:
    return Reply(await readiness.look(ask.tenant_id, clients))


async def _state(ask: Ask, clients: Clients) -> Reply:
    return Reply(await api.state(ask.tenant_id, clients))


async def _ledger(ask: Ask, clients: Clients) -> Reply:
    """A page, with a link to the next one (RFC 8288)."""
    limit = ask.query.get("limit", "100")
    entries, more = await api.ledger(ask.tenant_id, ask.query.get("after", ""), limit, clients)
    if not more:
        return Reply(entries)
    query = urlencode({"after": entries[-1].id, "limit": limit})
    return Reply(
        entries, headers={"Link": f'<{ask.prefix}/tenants/{entries[-1].tenant_id}/ledger?{query}>; rel="next"'}
    )


async def _check(ask: Ask, clients: Clients) -> Reply:
    return Reply(await api.check(ask.tenant_id, ask.caller, clients, ask.once))


async def _reprovision(ask: Ask, clients: Clients) -> Reply:
    return Reply(await api.reprovision(ask.tenant_id, ask.body, ask.caller, clients, ask.once))


async def _approve(ask: Ask, clients: Clients) -> Reply:
    plan = parsed(Approval, ask.body).plan
    return Reply(await approvals.approve(ask.tenant_id, ask.control, plan, ask.caller, clients, ask.once))


async def _except(ask: Ask, clients: Clients) -> Reply:
    return Reply(await exceptions.make(ask.tenant_id, ask.control, ask.body, ask.caller, clients))


async def _except_no_longer(ask: Ask, clients: Clients) -> Reply:
    await exceptions.take_back(ask.tenant_id, ask.control, ask.caller, clients)
    return Reply(None, 204)


async def _undo(ask: Ask, clients: Clients) -> Reply:
    return Reply(await undo.ask(ask.tenant_id, ask.control, ask.body, ask.caller, clients, ask.once))


async def _operation(ask: Ask, clients: Clients) -> Reply:
    return Reply(await api.operation(ask.path["operation_id"], clients))


async def _brake(_: Ask, clients: Clients) -> Reply:
    return Reply(await api.brake(clients))


async def _openapi(_: Ask, clients: Clients) -> Reply:
    return Reply(openapi.document(_ALL, tokens=clients.tokens is not None))


async def _docs(_: Ask, clients: Clients) -> Reply:
    page = docs.page(openapi.document(_ALL, tokens=clients.tokens is not None))
    return Reply(page, headers={"Content-Security-Policy": docs.POLICY}, media_type="text/html")


async def _put_brake(ask: Ask, clients: Clients) -> Reply:
    return Reply(await api.put_brake(ask.body, ask.caller, clients))


_TENANT = "tenants/{tenant_id}"
_CONTROL = "tenants/{tenant_id}/controls/{control}"

READ: Final = "Holdfast.Read"
OPERATE: Final = "Holdfast.Operate"
ADMIN: Final = "Holdfast.Admin"

_ALL = (
    Endpoint("health", "GET", "health", "Whether the service can work.", _health, None, {200: api.Health}),
    Endpoint("list_tenants", "GET", "tenants", "Every tenant's config.", _tenants, READ, {200: list[TenantConfig]}),
    Endpoint(
        "get_proposals",
        "GET",
        "proposals",
        "Customers of the MSP's own tenant that could be looked after; none is added by this.",
        proposals.show,
        READ,
        {200: list[TenantProposal]},
        problems=(409, 502),
    ),
    Endpoint(
        "get_tenant",
        "GET",
        _TENANT,
        "One tenant's config.",
        tenants.show,
        READ,
        {200: TenantConfig, 304: None},
        problems=(404,),
        conditions=("If-None-Match",),
    ),
    Endpoint(
        "put_tenant",
        "PUT",
        _TENANT,
        "Add a tenant, or replace its config.",
        tenants.put,
        ADMIN,
        {200: TenantConfig, 201: TenantConfig},
        TenantConfig,
        (404, 412),
        conditions=("If-Match", "If-None-Match"),
    ),
    Endpoint(
        "delete_tenant",
        "DELETE",
        _TENANT,
        "Stop looking after a tenant.",
        tenants.remove,
        ADMIN,
        {204: None},
        problems=(404, 412),
        conditions=("If-Match",),
    ),
    Endpoint(
        "get_readiness",
        "GET",
        f"{_TENANT}/readiness",
        "What the tenant has granted, and what is missing, with the grant that mends it.",
        _readiness,
        READ,
        {200: readiness.Readiness},
        problems=(404,),
    ),
    Endpoint(
        "get_state",
        "GET",
        f"{_TENANT}/state",
        "How each control of a tenant stands.",
        _state,
        READ,
        {200: api.TenantState},
        problems=(404,),
    ),
    Endpoint(
        "get_ledger",
        "GET",
        f"{_TENANT}/ledger",
        "What happened in a tenant, newest first.",
        _ledger,
        READ,
        {200: list[Entry]},
        problems=(404, 422),
        query=("after", "limit"),
    ),
    Endpoint(
        "post_check",
        "POST",
        f"{_TENANT}/check",
        "Look at a tenant now.",
        _check,
        OPERATE,
        {202: Operation},
        problems=(404, 409, 422),
        once=True,
    ),
    Endpoint(
        "post_reprovision",
        "POST",
        f"{_TENANT}/reprovision",
        "Put a tenant's documented settings back now, or show the steps that would.",
        _reprovision,
        OPERATE,
        {202: Operation},
        api.Reprovision,
        (404, 409),
        once=True,
    ),
    Endpoint(
        "post_approve",
        "POST",
        f"{_CONTROL}/approve",
        "Take the steps of the plan that was shown, if it is still what the tenant needs.",
        _approve,
        OPERATE,
        {202: Operation},
        Approval,
        (404, 409),
        once=True,
    ),
    Endpoint(
        "post_except",
        "POST",
        f"{_CONTROL}/except",
        "Accept a control's drift until a date.",
        _except,
        OPERATE,
        {200: Exemption},
        ExceptionAsked,
        (404,),
    ),
    Endpoint(
        "delete_except",
        "DELETE",
        f"{_CONTROL}/except",
        "Accept a control's drift no longer.",
        _except_no_longer,
        OPERATE,
        {204: None},
        problems=(404,),
    ),
    Endpoint(
        "post_undo",
        "POST",
        f"{_CONTROL}/undo",
        "Put back what one ledger entry found, and accept it for a while.",
        _undo,
        OPERATE,
        {202: Operation},
        UndoAsked,
        (404, 409),
        once=True,
    ),
    Endpoint(
        "get_operation",
        "GET",
        "operations/{operation_id}",
        "How a request stands.",
        _operation,
        READ,
        {200: Operation},
        problems=(404,),
    ),
    Endpoint("get_brake", "GET", "brake", "Whether anything may be written at all.", _brake, READ, {200: Brake}),
    Endpoint("put_brake", "PUT", "brake", "The kill switch.", _put_brake, OPERATE, {200: Brake}, api.BrakeChange),
    Endpoint("get_openapi", "GET", "openapi.json", "This document.", _openapi, READ, {200: dict[str, Any]}),
    Endpoint("get_docs", "GET", "docs", "This document, for people.", _docs, READ, {200: str}, media_type="text/html"),
)

ENDPOINTS: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in _ALL}


def found(method: str, path: str) -> tuple[Endpoint, Mapping[str, str]]:
    """The endpoint of a path below the prefix, with its parameters.

    Raises:
        Problem: 404 there is no such path, 405 it does not have that method.
    """
    matching = [(each, params) for each in _ALL if (params := _match(each.path, path)) is not None]
    for endpoint, params in matching:
        if endpoint.method == method:
            return endpoint, params
    if not matching:
        raise Problem(404, "Not Found", "there is no such path")
    allowed = ", ".join(sorted(endpoint.method for endpoint, _ in matching))
    raise Problem(405, "Method Not Allowed", f"this path has {allowed}", {"Allow": allowed})


def _match(template: str, path: str) -> dict[str, str] | None:
    parts, wanted = path.strip("/").split("/"), template.split("/")
    if len(parts) != len(wanted):
        return None
    params = {}
    for part, name in zip(parts, wanted, strict=True):
        if name.startswith("{"):
            params[name.strip("{}")] = part
        elif name != part:
            return None
    return params
