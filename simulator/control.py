"""The control API under `/_sim/`: for other processes what `World` and `Tenant` are in this one.

All bodies are JSON. `{tenant}` is an id or a domain. Errors are `{"error": text}` with 400 or 404.

| method and path | body | answer |
|---|---|---|
| `GET /_sim/tenants` | | list of tenants |
| `POST /_sim/tenants` | `{"domains": [..], "state", "tenant_id", "initial_domain", "coexistence", "region", \
"switches": {}}` | 201 tenant |
| `POST /_sim/tenants` | `{"count": n, "state", "switches": {}}` | 201 list of tenants |
| `GET /_sim/tenants/{tenant}` | | tenant |
| `PATCH /_sim/tenants/{tenant}` | `{"region", "switches": {}, \
"access": {"consented", "app_roles", "directory_roles", "exchange_roles"}}` | tenant |
| `POST /_sim/tenants/{tenant}/admin` | `{"cmdlet", "parameters": {}}` | `{"value": rows, "at": time}`; else 400 |
| `PUT /_sim/tenants/{tenant}/lag` | `{"reads": n, "kind": null}` | 204 |
| `POST /_sim/tenants/{tenant}/faults` | one fault or a list: fields of `simulator.faults.Fault` | 204 |
| `DELETE /_sim/tenants/{tenant}/faults` | | 204 |
| `GET /_sim/tenants/{tenant}/log` | | `{"entries": [..], "http_requests": {}}` |
| `DELETE /_sim/tenants/{tenant}/log` | | 204 |
| `POST /_sim/tenants/{tenant}/do` | `{"action": "add_domain", "name"}`, `{"action": "block_connector", "identity"}`, \
`{"action": "enable_preset", "level", "defender", "conditions": {}}`, `{"action": "unblock_connectors"}`, \
`{"action": "expire_tokens"}`, `{"action": "demand_claims"}` | 204 |
| `POST /_sim/tenants/{tenant}/alerts` | `{"title", "mails": [{"sender_ip", "minutes_ago", ...}], ...}`: as \
`Alerts.mail` and `Alerts.raise_alert` take them | 201 alert |
| `GET /_sim/tenants/{tenant}/alerts` | | list of alerts |
| `PATCH /_sim/tenants/{tenant}/alerts/{alert}` | properties that a person changes | alert |
| `POST /_sim/tenants/{tenant}/mail` | `{"from_ip", "sender", "recipient", "ago", "status", ...}`: as \
`simulator.message_trace.Mail.arrive`, times in seconds | `{"came_in": bool}` |
| `PUT /_sim/tenants/{tenant}/person` | `{"name", "address"}`: who `admin` is from now on, in the audit feed | 204 |
| `POST /_sim/tenants/{tenant}/feed` | `{"records": [..], "content_type", "late_s"}` | 204 |
| `PUT /_sim/tenants/{tenant}/relationships` | list of delegated admin relationships, as a partner has them | 204 |
| `POST`, `DELETE /_sim/faults` | as above, for every tenant | 204 |
| `PUT /_sim/dns` | `{"name", "type", "values": [..], "ttl"}`; `values` null: the starting ones again | 204 |
| `PUT /_sim/dns/faults` | `{"name", "how": "servfail" / "timeout" / "truncated" / null, "times"}` | 204 |
| `PUT /_sim/dns/servers` | `{"zone", "host", "port"}`: another server has that zone | 204 |
| `GET /_sim/counters` | | `{"http_requests": {}, "tenants": n}` |
| `GET /_sim/psa` | | the names of the ticket systems |
| `GET /_sim/psa/{system}/tickets` | | every ticket with its notes |
| `POST /_sim/psa/{system}/tickets` | `{"by", "company", "summary", "status", "container", "type", "subtype"}` \
| 201 ticket |
| `PATCH /_sim/psa/{system}/tickets/{id}` | `{"by", "kind": "agent"/"contact"}` and fields to change | ticket |
| `DELETE /_sim/psa/{system}/tickets/{id}` | | 204 |
| `POST /_sim/psa/{system}/tickets/{id}/notes` | `{"by", "text", "kind", "internal"}` | 201 note |
| `PATCH /_sim/psa/{system}` | any of `{"webhook_url", "companies": [..], "down", "drops", "trouble": [..]}` | 204 |
| `POST /_sim/reset` | | 204 |
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from simulator.cmdlets import roles
from simulator.failures import CmdletError, UnknownCmdletError
from simulator.faults import Fault
from simulator.psa.desk import System
from simulator.switches import Switches
from simulator.tenant import Tenant
from simulator.wire.tokens import AUDIENCES, DIRECTORY_ROLES, PERMISSIONS
from simulator.world import World

_SWITCHES = {field.name for field in fields(Switches)}


class _Unanswerable(Exception):  # noqa: N818 - a status with a sentence
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def control(world: World) -> ASGIApp:
    """The control API of one world."""

    def route(method: str, path: str, run: Callable[..., object], status: int = 200) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                body = await request.json() if await request.body() else {}
                subject, rest = _subject(world, request.path_params)
                answer = run(subject, body, **rest)
            except CmdletError as error:
                return JSONResponse({"error": error.text, "kind": error.kind}, error.status)
            except _Unanswerable as error:
                return JSONResponse({"error": str(error)}, error.status)
            except (KeyError, TypeError, ValueError) as error:
                return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)
            except UnknownCmdletError as error:
                return JSONResponse({"error": f"no such cmdlet here: {error}"}, 404)
            return Response(status_code=204) if answer is None else JSONResponse(_plain(answer), status)

        return Route(f"/_sim{path}", endpoint, methods=[method])

    return Starlette(routes=[route(*each) for each in _ROUTES])


def _subject(world: World, path: Mapping[str, str]) -> tuple[World | Tenant | System, dict[str, str]]:
    """Whom the path is about, and what else it names."""
    match path:
        case {"tenant": name, **rest}:
            if tenant := world.tenant(name):
                return tenant, rest
            raise _Unanswerable(404, f"no tenant {name}")
        case {"system": name, **rest}:
            if system := world.psa.by_name.get(name):
                return system, rest
            raise ValueError(f"no system {name}; there are {', '.join(world.psa.by_name)}")
        case _:
            return world, {}


# --- one function a route: whom it is about, the body and what else the path names; None is 204 ----------------------


def _add(world: World, body: dict[str, Any]) -> object:
    switches = body.pop("switches", {})
    if "count" in body:
        added = world.add_tenants(body["count"], state=body.get("state", "healthy"), **switches)
        return [_summary(tenant) for tenant in added]
    return _summary(world.add_tenant(*body.pop("domains"), **body, **switches))


def _change(tenant: Tenant, body: dict[str, Any]) -> object:
    tenant.region = body.get("region", tenant.region)
    _set_switches(tenant, body.get("switches", {}))
    _grant(tenant, body.get("access", {}))
    return _summary(tenant)


def _script(subject: World | Tenant, body: dict[str, Any] | list[dict[str, Any]]) -> None:
    listed = body if isinstance(body, list) else [body]
    subject.faults.script(*(Fault(**fault) for fault in listed))


def _log(tenant: Tenant, _body: object) -> object:
    return {"entries": [entry._asdict() for entry in tenant.log], "http_requests": dict(tenant.http_requests)}


def _do(tenant: Tenant, body: dict[str, Any]) -> None:
    match body:
        case {"action": "add_domain", "name": str(name)}:
            tenant.add_domain(name)
        case {"action": "block_connector", "identity": str(identity)}:
            tenant.block_connector(identity)
        case {"action": "enable_preset", "level": str(level)}:
            tenant.enable_preset(level, defender=body.get("defender", False), **body.get("conditions", {}))
        case {"action": "unblock_connectors" | "expire_tokens" | "demand_claims" as action}:
            getattr(tenant, action)()
        case _:
            raise _Unanswerable(400, f"not an action, or a field is missing: {body}")


def _raise_alert(tenant: Tenant, body: dict[str, Any]) -> object:
    mails = [tenant.alerts.mail(mail.pop("sender_ip"), **mail) for mail in body.pop("mails")]
    return tenant.alerts.raise_alert(*mails, **body)


def _arrive(tenant: Tenant, body: dict[str, Any]) -> object:
    """Times are in seconds. *came_in*: whether no connector refused it."""
    for name in {"ago", "late", "unsettled"} & body.keys():
        body[name] = timedelta(seconds=body[name])
    return {"came_in": tenant.mail.arrive(body.pop("from_ip"), **body)}


def _change_alert(tenant: Tenant, body: dict[str, Any], alert: str) -> object:
    tenant.alerts.person(alert, **body)
    return tenant.alerts.rows[alert]


def _person(tenant: Tenant, body: dict[str, Any]) -> None:
    tenant.feed.by, tenant.feed.address = body["name"], body.get("address", tenant.feed.address)


def _feed(tenant: Tenant, body: dict[str, Any]) -> None:
    tenant.feed.add(*body.pop("records"), **body)


def _relationships(tenant: Tenant, body: list[dict[str, Any]]) -> None:
    tenant.relationships = body


def _run(tenant: Tenant, body: dict[str, Any]) -> object:
    rows = tenant.admin(body["cmdlet"], **body.get("parameters", {}))
    return {"value": rows, "at": tenant.now()}


def _set_records(world: World, body: dict[str, Any]) -> None:
    if body.get("values") is None:
        world.dns.unset(body["name"], body["type"])
    else:
        world.dns.set(body["name"], body["type"], *body["values"], ttl=body.get("ttl", 300))


def _fail_dns(world: World, body: dict[str, Any]) -> None:
    if body["how"] is None:
        world.dns.heal(body["name"])
    else:
        world.dns.fail(body["name"], body["how"], times=body.get("times"))


def _counters(world: World, _body: object) -> object:
    return {"http_requests": dict(world.http_requests), "tenants": len(list(world.tenants))}


def _switch(system: System, body: dict[str, Any]) -> None:
    for name, value in body.items():
        match name:
            case "companies":
                system.companies |= set(value)
            case "trouble":
                system.trouble.extend(value)
            case "webhook_url" | "down" | "drops":
                setattr(system, name, value)
            case _:
                raise ValueError(f"no such switch: {name}")


_ROUTES: tuple[tuple[str, str, Callable[..., object]] | tuple[str, str, Callable[..., object], int], ...] = (
    ("GET", "/tenants", lambda world, _: [_summary(tenant) for tenant in world.tenants]),
    ("POST", "/tenants", _add, 201),
    ("GET", "/tenants/{tenant}", lambda tenant, _: _summary(tenant)),
    ("PATCH", "/tenants/{tenant}", _change),
    ("POST", "/tenants/{tenant}/admin", _run),
    ("PUT", "/tenants/{tenant}/lag", lambda tenant, body: tenant.lag(body["reads"], body.get("kind"))),
    ("POST", "/tenants/{tenant}/faults", _script),
    ("DELETE", "/tenants/{tenant}/faults", lambda tenant, _: tenant.faults.clear()),
    ("GET", "/tenants/{tenant}/log", _log),
    ("DELETE", "/tenants/{tenant}/log", lambda tenant, _: tenant.clear_log()),
    ("POST", "/tenants/{tenant}/do", _do),
    ("GET", "/tenants/{tenant}/alerts", lambda tenant, _: list(tenant.alerts.rows.values())),
    ("POST", "/tenants/{tenant}/alerts", _raise_alert, 201),
    ("PATCH", "/tenants/{tenant}/alerts/{alert}", _change_alert),
    ("POST", "/tenants/{tenant}/mail", _arrive, 201),
    ("PUT", "/tenants/{tenant}/person", _person),
    ("POST", "/tenants/{tenant}/feed", _feed),
    ("PUT", "/tenants/{tenant}/relationships", _relationships),
    ("POST", "/faults", _script),
    ("DELETE", "/faults", lambda world, _: world.faults.clear()),
    ("PUT", "/dns", _set_records),
    ("PUT", "/dns/faults", _fail_dns),
    ("PUT", "/dns/servers", lambda world, body: world.dns.delegate(body["zone"], body["host"], body["port"])),
    ("GET", "/psa", lambda world, _: list(world.psa.by_name)),
    ("PATCH", "/psa/{system}", _switch),
    ("GET", "/psa/{system}/tickets", lambda system, _: system.shown()),
    ("POST", "/psa/{system}/tickets", lambda system, body: asdict(system.opens(**body)), 201),
    (
        "PATCH",
        "/psa/{system}/tickets/{ticket}",
        lambda system, body, ticket: asdict(system.changes(ticket_id=int(ticket), **body)),
    ),
    ("DELETE", "/psa/{system}/tickets/{ticket}", lambda system, _, ticket: system.deletes(int(ticket))),
    (
        "POST",
        "/psa/{system}/tickets/{ticket}/notes",
        lambda system, body, ticket: asdict(system.writes(ticket_id=int(ticket), **body)),
        201,
    ),
    ("GET", "/counters", _counters),
    ("POST", "/reset", lambda world, _: world.reset()),
)


def _summary(tenant: Tenant) -> dict[str, object]:
    return {
        "tenant_id": tenant.tenant_id,
        "state": tenant.state.__name__,
        "initial_domain": tenant.initial_domain,
        "domains": list(tenant.domains),
        "region": tenant.region,
        "switches": asdict(tenant.switches),
        "access": {
            "consented": tenant.access.consented,
            "app_roles": sorted(tenant.access.app_roles),
            "directory_roles": sorted(tenant.access.directory_roles),
            "permissions": sorted(tenant.access.permissions),
            "tracing_principal": tenant.mail.principal,
            "exchange_roles": sorted(tenant.exchange_roles),
        },
    }


def _set_switches(tenant: Tenant, switches: Mapping[str, object]) -> None:
    _refuse_unknown("switch", switches, _SWITCHES)
    for name, value in switches.items():
        setattr(tenant.switches, name, value)


def _grant(tenant: Tenant, access: Mapping[str, Any]) -> None:
    fields = {"consented", "app_roles", "directory_roles", "permissions", "tracing_principal", "exchange_roles"}
    _refuse_unknown("field of access", access, fields)
    _refuse_unknown("Exchange role", access.get("exchange_roles", ()), set(roles.ALL))
    _refuse_unknown("service", access.get("app_roles", ()), set(AUDIENCES) - set(PERMISSIONS))
    _refuse_unknown("permission", access.get("permissions", ()), set().union(*PERMISSIONS.values()))
    _refuse_unknown("directory role", access.get("directory_roles", ()), set(DIRECTORY_ROLES))
    tenant.access.consented = access.get("consented", tenant.access.consented)
    tenant.access.app_roles = set(access.get("app_roles", tenant.access.app_roles))
    tenant.access.directory_roles = set(access.get("directory_roles", tenant.access.directory_roles))
    tenant.access.permissions = set(access.get("permissions", tenant.access.permissions))
    tenant.mail.principal = access.get("tracing_principal", tenant.mail.principal)
    tenant.exchange_roles = set(access.get("exchange_roles", tenant.exchange_roles))


def _refuse_unknown(what: str, given: Iterable[str], known: set[str]) -> None:
    unknown = set(given) - known
    if unknown:
        raise _Unanswerable(400, f"no such {what}: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")


def _plain(value: object) -> object:
    """Rows as JSON, without the annotations of the wire."""
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case UUID() | datetime():
            return str(value)
        case _:
            return value
