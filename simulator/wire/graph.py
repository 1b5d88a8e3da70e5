"""Microsoft Graph: alerts, comments, `$batch`, and a partner's customers.

Source: docs/reference/defender-alerts-and-audit.md, from #graph to #polling, #partner-customers.
"""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from simulator.defender import CHANGEABLE
from simulator.rows import Row
from simulator.tenant import Tenant
from simulator.wire import message_trace, odata
from simulator.wire.http import Answer, Refused, Request, dumps, graph_error, json_answer, loads
from simulator.wire.permissions import claims_for
from simulator.wire.trouble import meet
from simulator.world import World

_FILTERS = {
    *("assignedTo", "classification", "determination", "createdDateTime", "lastUpdateDateTime", "severity"),
    *("serviceSource", "status"),
}
_MOST_ROWS, _MOST_SKIPPED, _MOST_PARTS, _A_MINUTE = 1000, 500, 20, 150
_ALERT = re.compile(r"/v1\.0/security/alerts_v2/(?P<id>[^/]+)(?P<comments>/comments)?")
_TENANT_INFORMATION = re.compile(
    r"/v1\.0/tenantRelationships/findTenantInformationByTenantId\(tenantId='(?P<id>[^']+)'\)"
)


def answer(world: World, request: Request) -> Answer:
    """One request; the tenant is the token's."""
    claims = claims_for(world, "graph", request.headers.get("authorization"))
    tenant = world.tenant(claims["tid"]) if claims else None
    if claims is None or tenant is None:
        return _numbered(world, graph_error(401, "InvalidAuthenticationToken", "Access token is empty or has expired."))
    tenant.http_requests["graph"] += 1
    if request.path == "/v1.0/$batch" and request.method == "POST":
        return _numbered(world, _met(tenant, "$batch", lambda: _batch(world, tenant, claims, request)))
    return _numbered(world, _one(world, tenant, claims, request))


def _one(world: World, tenant: Tenant, claims: Any, request: Request) -> Answer:  # noqa: ANN401 - a token's JSON
    what = _name(request)
    try:
        return _met(tenant, what, lambda: _routed(world, tenant, claims, request))
    except Refused as refused:
        return refused.answer


def _name(request: Request) -> str:
    """What a scripted fault calls it: `GET alerts`, `GET alert`, `PATCH alert`, `POST comment`, `GET traces` ..."""
    if found := _ALERT.fullmatch(request.path):
        return f"{request.method} {'comment' if found['comments'] else 'alert'}"
    kinds = {"/v1.0/security/alerts_v2": "alerts", message_trace.PATH: "traces"}
    return f"{request.method} {kinds.get(request.path, 'partner')}"


def _met(tenant: Tenant, what: str, run: Any) -> Answer:  # noqa: ANN401 - a callable
    return meet(tenant.take_fault("graph", what), run, tenant, "exchange")


def _routed(world: World, tenant: Tenant, claims: Any, request: Request) -> Answer:  # noqa: ANN401 - a token's JSON
    if request.path.startswith("/v1.0/security/"):
        _count(tenant)
        return _security(tenant, claims, request)
    if request.path == message_trace.PATH and request.method == "GET":
        return message_trace.answer(tenant, claims, request)
    return _partner(world, tenant, claims, request)


# --- alerts -----------------------------------------------------------------------------------------------------------


def _security(tenant: Tenant, claims: Any, request: Request) -> Answer:  # noqa: ANN401 - a token's JSON
    _permit(tenant, claims, request.method)
    found = _ALERT.fullmatch(request.path)
    body = loads(request.body) if request.body else None
    tenant.alerts.log.append((request.method, found["id"] if found else "alerts", body))
    if request.method == "GET" and request.path == "/v1.0/security/alerts_v2":
        return _list(tenant, request)
    row = next((row for row in tenant.alerts.seen() if found and row["id"] == unquote(found["id"])), None)
    if found is None or row is None:
        return graph_error(404, "ResourceNotFound", "Requested resource does not exist.")
    match request.method, bool(found["comments"]):
        case "GET", False:
            return json_answer(
                200,
                {"@odata.context": f"{request.base}/v1.0/$metadata#security/alerts_v2"} | tenant.alerts.read(row["id"]),
            )
        case "PATCH", False:
            return _patch(tenant, row, body)
        case "POST", True:
            return _comment(tenant, row, body, request.base)
        case _:
            return graph_error(405, "MethodNotAllowed", "Method not allowed.")


def _permit(tenant: Tenant, claims: Any, method: str) -> None:  # noqa: ANN401 - a token's JSON
    """Raises Refused with 403 in one of its two flavours."""
    may = {"SecurityAlert.ReadWrite.All"} | ({"SecurityAlert.Read.All"} if method == "GET" else set())
    if not may & set(claims["roles"]):
        raise Refused(graph_error(403, "Forbidden", "Missing application scopes."))
    if not tenant.switches.defender_licensed:
        raise Refused(graph_error(403, "Forbidden", "The tenant is not licensed for this feature."))


def _list(tenant: Tenant, request: Request) -> Answer:
    asked = request.parameters()
    try:
        rows = odata.selected(tenant.alerts.seen(), asked.get("$filter", ""), _FILTERS)
        top, skip = min(int(asked.get("$top", 50)), _MOST_ROWS), int(asked.get("$skip", 0))
        offset = int(asked.get("$skiptoken", skip))
    except ValueError as wrong:
        return graph_error(400, "BadRequest", str(wrong))
    if skip > _MOST_SKIPPED or top < 1:
        return graph_error(400, "BadRequest", "Invalid value for $skip or $top.")
    rows = odata.ordered(rows, asked.get("$orderby", "createdDateTime desc"))
    page = rows[offset : offset + top]
    body: Row = {"@odata.context": f"{request.base}/v1.0/$metadata#security/alerts_v2", "value": page}
    if offset + top < len(rows) and tenant.switches.alert_paging == "link":
        rest = "&".join(f"{name}={value}" for name, value in asked.items() if name not in {"$skip", "$skiptoken"})
        body["@odata.nextLink"] = f"{request.base}{request.path}?{rest}&$skiptoken={offset + top}"
    return json_answer(200, body)


def _patch(tenant: Tenant, row: Row, body: object) -> Answer:
    if not isinstance(body, dict) or not body or not all(_may_be(name, value) for name, value in body.items()):
        return graph_error(400, "InvalidRequestBody", "Request body is incorrect")
    return json_answer(200, tenant.alerts.change(row["id"], body))


def _may_be(name: str, value: object) -> bool:
    values = CHANGEABLE.get(name, set())
    return isinstance(value, str) if values is None else value in values


def _comment(tenant: Tenant, row: Row, body: object, base: str) -> Answer:
    match body:
        case {"@odata.type": "microsoft.graph.security.alertComment", "comment": str(text)}:
            comments = tenant.alerts.comment(row["id"], text, "Holdfast")
            context = f"{base}/v1.0/$metadata#security/alerts_v2('{row['id']}')/comments"
            return json_answer(200, {"@odata.context": context, "value": comments})
        case _:
            return graph_error(400, "InvalidRequestBody", "Request body is incorrect")


def _count(tenant: Tenant) -> None:
    """150 alert requests a minute and application. Raises Refused with 429."""
    asked, now = tenant.alerts.asked, tenant.now()
    while asked and asked[0] <= now - timedelta(minutes=1):
        asked.popleft()
    if len(asked) >= _A_MINUTE:
        refusal = graph_error(429, "TooManyRequests", "Too many requests.")
        refusal.headers["Retry-After"] = "30"
        raise Refused(refusal)
    asked.append(now)


# --- batches ----------------------------------------------------------------------------------------------------------


def _batch(world: World, tenant: Tenant, claims: Any, request: Request) -> Answer:  # noqa: ANN401 - a token's JSON
    match loads(request.body):
        case {"requests": list(parts)} if len(parts) <= _MOST_PARTS and len({part["id"] for part in parts}) == len(
            parts
        ):
            pass
        case _:
            return graph_error(400, "BadRequest", "Invalid batch payload format.")
    answers = [(part["id"], _one(world, tenant, claims, _inner(request, part))) for part in parts]
    told = [
        {"id": part_id, "status": inner.status, "headers": inner.headers, "body": loads(inner.body)}
        for part_id, inner in answers
    ]
    return json_answer(200, {"responses": [*told[1::2], *told[::2]]})  # in any order


def _inner(request: Request, part: Row) -> Request:
    url = urlsplit(str(part["url"]))
    body = dumps(part["body"]) if "body" in part else b""
    headers = {name.lower(): value for name, value in (part.get("headers") or {}).items()}
    return Request(part["method"], request.base, f"/v1.0{unquote(url.path)}", unquote(url.query), headers, body)


# --- a partner's customers --------------------------------------------------------------------------------------------


def _partner(world: World, tenant: Tenant, claims: Any, request: Request) -> Answer:  # noqa: ANN401 - a token's JSON
    roles = set(claims["roles"])
    if found := _TENANT_INFORMATION.fullmatch(request.path):
        if "CrossTenantInformation.ReadBasic.All" not in roles:
            return graph_error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        return _tenant_information(world, found["id"])
    if request.path != "/v1.0/tenantRelationships/delegatedAdminRelationships" or request.method != "GET":
        return graph_error(404, "ResourceNotFound", "Resource not found for the segment.")
    if "DelegatedAdminRelationship.Read.All" not in roles:
        return graph_error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    asked = request.parameters()
    top, offset = min(int(asked.get("$top", 100)), 300), int(asked.get("$skipToken", 0))
    context = f"{request.base}/v1.0/$metadata#tenantRelationships/delegatedAdminRelationships"
    body: Row = {"@odata.context": context, "value": tenant.relationships[offset : offset + top]}
    if offset + top < len(tenant.relationships):
        body["@odata.nextLink"] = f"{request.base}{request.path}?$top={top}&$skipToken={offset + top}"
    return json_answer(200, body)


def _tenant_information(world: World, tenant_id: str) -> Answer:
    known = world.tenant(tenant_id)
    if known is None:
        return graph_error(404, "Directory_ObjectNotFound", "Unable to find tenant.")
    name = known.domains[0].partition(".")[0].title()
    return json_answer(
        200,
        {
            "tenantId": known.tenant_id,
            "federationBrandName": None,
            "displayName": name,
            "defaultDomainName": known.initial_domain,
        },
    )


def _numbered(world: World, result: Answer) -> Answer:
    result.headers["request-id"] = world.next_request_id()
    return result
