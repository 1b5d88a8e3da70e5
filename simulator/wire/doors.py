"""Which service a URL belongs to, and the compliance service's redirecting front door.

Source: docs/reference/entra.md#clouds, docs/reference/compliance.md#front-door.
"""

import re

from simulator.faults import NO_CMDLET, ConnectionCut
from simulator.tenant import Tenant
from simulator.wire import activity, batch, entra, graph, invoke
from simulator.wire.access import Service
from simulator.wire.envelope import plain_error
from simulator.wire.http import Answer, Refused, Request, json_answer, loads
from simulator.wire.trouble import meet
from simulator.world import World

_HOSTS = {
    "login.microsoftonline.com": "login",
    "outlook.office365.com": "exchange",
    "ps.compliance.protection.outlook.com": "compliance",
    "graph.microsoft.com": "graph",
    "manage.office.com": "activity",
}
_REGIONAL_HOST = re.compile(r"([a-z0-9-]+)\.ps\.compliance\.protection\.outlook\.com")
_API = re.compile(r"/adminapi/(?P<version>beta|v1\.0|v2\.0)/(?P<tenant>[^/]+)/(?P<rest>.+)", re.IGNORECASE)


def answer(world: World, request: Request) -> Answer:
    """Send a request through the right door.

    Raises:
        ConnectionCut: a scripted fault, or a regional host that is gone.
    """
    placed = _placed(request)
    if placed is None:
        return Answer(404)
    service, region, request = placed
    world.http_requests[service] += 1
    if service == "login":
        return _login(world, request)
    if service == "graph":
        return graph.answer(world, request)
    if service == "activity":
        return activity.answer(world, request)
    return _admin_api(world, service, region, request)


def _placed(request: Request) -> tuple[str, str, Request] | None:
    """Service, region and the request below the service's base: by real host name, else by the first path segment."""
    host = request.base.partition("://")[2]
    if host in _HOSTS:
        return _HOSTS[host], "", request
    if found := _REGIONAL_HOST.fullmatch(host):
        return "compliance-region", found[1], request
    segment, _, path = request.path.lstrip("/").partition("/")
    service, _, region = segment.partition("-")
    if service not in _HOSTS.values() or (region and service != "compliance"):
        return None
    below = Request(
        request.method, f"{request.base}/{segment}", f"/{path}", request.query, request.headers, request.body
    )
    return ("compliance-region" if region else service), region, below


def _login(world: World, request: Request) -> Answer:
    tenant = world.tenant(request.path.split("/")[1])
    try:
        if tenant is None:
            return entra.answer(world, request)
        return meet(tenant.take_fault("login", NO_CMDLET), lambda: entra.answer(world, request), tenant, "exchange")
    except Refused as refused:
        return refused.answer


def _admin_api(world: World, service: str, region: str, request: Request) -> Answer:
    found = _API.fullmatch(request.path)
    tenant = world.tenant(found["tenant"]) if found else None
    if found is None or tenant is None:
        return json_answer(404, plain_error("NotFound", "Resource not found."))
    tenant.http_requests[service] += 1
    if service == "exchange":
        return _cmdlets(tenant, service, found["version"], found["rest"], request)
    serves = tenant.switches.front_door == "serve" if service == "compliance" else region == tenant.region
    if serves:
        return _cmdlets(tenant, service, found["version"], found["rest"], request)
    return meet(
        tenant.take_fault(service, NO_CMDLET), lambda: _elsewhere(tenant, service, request), tenant, "compliance"
    )


def _elsewhere(tenant: Tenant, service: str, request: Request) -> Answer:
    """What a host answers that does not serve this tenant."""
    how = tenant.switches.old_region
    if service == "compliance-region" and how == "unreachable":
        raise ConnectionCut(opened=False)
    if service == "compliance-region" and how == "not_found":
        return json_answer(404, plain_error("NotFound", "Resource not found."))
    query = f"?{request.query}" if request.query else ""
    return Answer(302, headers={"Location": f"{_region_base(tenant, request)}{request.path}{query}"})


def _region_base(tenant: Tenant, request: Request) -> str:
    """Port 446 of a host that is not for clients; on loopback another prefix of the same host."""
    scheme, _, rest = request.base.partition("://")
    host, _, prefix = rest.partition("/")
    if prefix:
        return f"{scheme}://{host}/compliance-{tenant.region}"
    return f"https://{tenant.region}.admin.protection.outlook.com:446"


def _cmdlets(tenant: Tenant, host: str, version: str, rest: str, request: Request) -> Answer:
    service = _service(host)
    match version, rest.partition("(")[0]:
        case "beta", "InvokeCommand" if request.method == "POST":
            return invoke.answer(tenant, service, request, loads(request.body), host=host)
        case "beta", "$batch" if request.method == "POST":
            return batch.answer(tenant, service, request, host=host)
        case (("beta" | "v1.0"), ("EXOBanner" | "EXOModuleFile")) if request.method == "GET":
            return json_answer(200, {"value": []})
        case _, ("InvokeCommand" | "$batch"):
            return json_answer(405, plain_error("MethodNotAllowed", "The method is not allowed for this resource."))
        case _:
            return json_answer(404, plain_error("NotFound", "Resource not found."))


def _service(host: str) -> Service:
    return "exchange" if host == "exchange" else "compliance"
