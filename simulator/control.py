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
"access": {"consented", "app_roles", "directory_roles"}}` | tenant |
| `POST /_sim/tenants/{tenant}/admin` | `{"cmdlet", "parameters": {}}` | `{"value": rows}`; a refusal: 400 or 404 |
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
| `PUT /_sim/tenants/{tenant}/person` | `{"name", "address"}`: who `admin` is from now on, in the audit feed | 204 |
| `POST /_sim/tenants/{tenant}/feed` | `{"records": [..], "content_type", "late_s"}` | 204 |
| `PUT /_sim/tenants/{tenant}/relationships` | list of delegated admin relationships, as a partner has them | 204 |
| `POST`, `DELETE /_sim/faults` | as above, for every tenant | 204 |
| `PUT /_sim/dns` | `{"name", "type", "values": [..], "ttl"}`; `values` null: the starting ones again | 204 |
| `PUT /_sim/dns/faults` | `{"name", "how": "servfail" / "timeout" / "truncated" / null, "times"}` | 204 |
| `PUT /_sim/dns/servers` | `{"zone", "host", "port"}`: another server has that zone | 204 |
| `GET /_sim/counters` | | `{"http_requests": {}, "tenants": n}` |
| `.../psa/{system}` | | see `simulator/psa/control.py` |
| `POST /_sim/reset` | | 204 |
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.failures import CmdletError, UnknownCmdletError
from simulator.faults import Fault, Faults
from simulator.psa.control import PsaApi
from simulator.switches import Switches
from simulator.wire.tokens import AUDIENCES, DIRECTORY_ROLES, PERMISSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from simulator.tenant import Tenant
    from simulator.world import World

_SWITCHES = {field.name for field in fields(Switches)}


class _Unanswerable(Exception):  # noqa: N818 - a status with a sentence
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def control(world: World) -> ASGIApp:
    """The control API of one world."""
    api, psa = _Api(world), PsaApi(world)

    def route(path: str, method: str, run: Callable[[Mapping[str, Any], Any], Any], status: int = 200) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                body = await request.json() if await request.body() else {}
                answer = run(request.path_params, body)
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

    return Starlette(
        routes=[
            route("/tenants", "GET", api.tenants),
            route("/tenants", "POST", api.add, 201),
            route("/tenants/{tenant}", "GET", api.show),
            route("/tenants/{tenant}", "PATCH", api.change),
            route("/tenants/{tenant}/admin", "POST", api.admin),
            route("/tenants/{tenant}/lag", "PUT", api.lag),
            route("/tenants/{tenant}/faults", "POST", api.script),
            route("/tenants/{tenant}/faults", "DELETE", api.unscript),
            route("/tenants/{tenant}/log", "GET", api.log),
            route("/tenants/{tenant}/log", "DELETE", api.clear_log),
            route("/tenants/{tenant}/do", "POST", api.do),
            route("/tenants/{tenant}/alerts", "GET", api.alerts),
            route("/tenants/{tenant}/alerts", "POST", api.raise_alert, 201),
            route("/tenants/{tenant}/alerts/{alert}", "PATCH", api.change_alert),
            route("/tenants/{tenant}/person", "PUT", api.person),
            route("/tenants/{tenant}/feed", "POST", api.feed),
            route("/tenants/{tenant}/relationships", "PUT", api.relationships),
            route("/faults", "POST", api.script),
            route("/faults", "DELETE", api.unscript),
            route("/dns", "PUT", api.set_records),
            route("/dns/faults", "PUT", api.fail_dns),
            route("/dns/servers", "PUT", api.delegate_zone),
            route("/psa/{system}", "PATCH", psa.switch),
            route("/psa/{system}/tickets", "GET", psa.tickets),
            route("/psa/{system}/tickets", "POST", psa.open, 201),
            route("/psa/{system}/tickets/{ticket}", "PATCH", psa.change),
            route("/psa/{system}/tickets/{ticket}", "DELETE", psa.delete),
            route("/psa/{system}/tickets/{ticket}/notes", "POST", psa.write, 201),
            route("/counters", "GET", api.counters),
            route("/reset", "POST", api.reset),
        ]
    )


class _Api:
    """One method a route: path parameters and body in, something for JSON out; None is 204."""

    def __init__(self, world: World) -> None:
        self._world = world

    def tenants(self, _path: Mapping[str, Any], _body: object) -> object:
        return [_summary(tenant) for tenant in self._world.tenants]

    def add(self, _path: Mapping[str, Any], body: dict[str, Any]) -> object:
        switches = body.pop("switches", {})
        if "count" in body:
            added = self._world.add_tenants(body["count"], state=body.get("state", "healthy"), **switches)
            return [_summary(tenant) for tenant in added]
        return _summary(self._world.add_tenant(*body.pop("domains"), **body, **switches))

    def show(self, path: Mapping[str, Any], _body: object) -> object:
        return _summary(self._tenant(path))

    def change(self, path: Mapping[str, Any], body: dict[str, Any]) -> object:
        tenant = self._tenant(path)
        tenant.region = body.get("region", tenant.region)
        _set_switches(tenant, body.get("switches", {}))
        _grant(tenant, body.get("access", {}))
        return _summary(tenant)

    def admin(self, path: Mapping[str, Any], body: dict[str, Any]) -> object:
        return {"value": self._tenant(path).admin(body["cmdlet"], **body.get("parameters", {}))}

    def lag(self, path: Mapping[str, Any], body: dict[str, Any]) -> None:
        self._tenant(path).lag(body["reads"], body.get("kind"))

    def script(self, path: Mapping[str, Any], body: dict[str, Any] | list[dict[str, Any]]) -> None:
        listed = body if isinstance(body, list) else [body]
        self._faults(path).script(*(Fault(**fault) for fault in listed))

    def unscript(self, path: Mapping[str, Any], _body: object) -> None:
        self._faults(path).clear()

    def log(self, path: Mapping[str, Any], _body: object) -> object:
        tenant = self._tenant(path)
        return {"entries": [entry._asdict() for entry in tenant.log], "http_requests": dict(tenant.http_requests)}

    def clear_log(self, path: Mapping[str, Any], _body: object) -> None:
        self._tenant(path).clear_log()

    def do(self, path: Mapping[str, Any], body: dict[str, Any]) -> None:
        tenant = self._tenant(path)
        match body:
            case {"action": "add_domain", "name": str(name)}:
                tenant.add_domain(name)
            case {"action": "block_connector", "identity": str(identity)}:
                tenant.block_connector(identity)
            case {"action": "enable_preset", "level": str(level)}:
                tenant.enable_preset(level, defender=body.get("defender", False), **body.get("conditions", {}))
            case {"action": "unblock_connectors"}:
                tenant.unblock_connectors()
            case {"action": "expire_tokens"}:
                tenant.expire_tokens()
            case {"action": "demand_claims"}:
                tenant.demand_claims()
            case _:
                raise _Unanswerable(400, f"not an action, or a field is missing: {body}")

    def alerts(self, path: Mapping[str, Any], _body: object) -> object:
        return list(self._tenant(path).alerts.rows.values())

    def raise_alert(self, path: Mapping[str, Any], body: dict[str, Any]) -> object:
        alerts = self._tenant(path).alerts
        mails = [alerts.mail(mail.pop("sender_ip"), **mail) for mail in body.pop("mails")]
        return alerts.raise_alert(*mails, **body)

    def change_alert(self, path: Mapping[str, Any], body: dict[str, Any]) -> object:
        alerts = self._tenant(path).alerts
        alerts.person(path["alert"], **body)
        return alerts.rows[path["alert"]]

    def person(self, path: Mapping[str, Any], body: dict[str, Any]) -> None:
        feed = self._tenant(path).feed
        feed.by, feed.address = body["name"], body.get("address", feed.address)

    def feed(self, path: Mapping[str, Any], body: dict[str, Any]) -> None:
        self._tenant(path).feed.add(*body.pop("records"), **body)

    def relationships(self, path: Mapping[str, Any], body: list[dict[str, Any]]) -> None:
        self._tenant(path).relationships = body

    def set_records(self, _path: Mapping[str, Any], body: dict[str, Any]) -> None:
        if body.get("values") is None:
            self._world.dns.unset(body["name"], body["type"])
        else:
            self._world.dns.set(body["name"], body["type"], *body["values"], ttl=body.get("ttl", 300))

    def delegate_zone(self, _path: Mapping[str, Any], body: dict[str, Any]) -> None:
        self._world.dns.delegate(body["zone"], body["host"], body["port"])

    def fail_dns(self, _path: Mapping[str, Any], body: dict[str, Any]) -> None:
        if body["how"] is None:
            self._world.dns.heal(body["name"])
        else:
            self._world.dns.fail(body["name"], body["how"], times=body.get("times"))

    def counters(self, _path: Mapping[str, Any], _body: object) -> object:
        return {"http_requests": dict(self._world.http_requests), "tenants": len(list(self._world.tenants))}

    def reset(self, _path: Mapping[str, Any], _body: object) -> None:
        self._world.reset()

    def _tenant(self, path: Mapping[str, Any]) -> Tenant:
        tenant = self._world.tenant(path["tenant"])
        if tenant is None:
            raise _Unanswerable(404, f"no tenant {path['tenant']}")
        return tenant

    def _faults(self, path: Mapping[str, Any]) -> Faults:
        return self._tenant(path).faults if "tenant" in path else self._world.faults


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
        },
    }


def _set_switches(tenant: Tenant, switches: Mapping[str, object]) -> None:
    _refuse_unknown("switch", switches, _SWITCHES)
    for name, value in switches.items():
        setattr(tenant.switches, name, value)


def _grant(tenant: Tenant, access: Mapping[str, Any]) -> None:
    _refuse_unknown("field of access", access, {"consented", "app_roles", "directory_roles", "permissions"})
    _refuse_unknown("service", access.get("app_roles", ()), set(AUDIENCES) - set(PERMISSIONS))
    _refuse_unknown("permission", access.get("permissions", ()), set().union(*PERMISSIONS.values()))
    _refuse_unknown("directory role", access.get("directory_roles", ()), set(DIRECTORY_ROLES))
    tenant.access.consented = access.get("consented", tenant.access.consented)
    tenant.access.app_roles = set(access.get("app_roles", tenant.access.app_roles))
    tenant.access.directory_roles = set(access.get("directory_roles", tenant.access.directory_roles))
    tenant.access.permissions = set(access.get("permissions", tenant.access.permissions))


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
