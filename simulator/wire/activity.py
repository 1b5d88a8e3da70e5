"""The Office 365 Management Activity API.

Source: docs/reference/defender-alerts-and-audit.md, from #activity-feed to #feed-errors.
"""

import re
from datetime import timedelta

from simulator.feed import CONTENT_TYPES
from simulator.moments import parsed
from simulator.tenant import Tenant
from simulator.wire.http import Answer, Refused, Request, json_answer
from simulator.wire.permissions import claims_for
from simulator.wire.trouble import meet
from simulator.world import World

_PATH = re.compile(r"/api/v1\.0/(?P<tenant>[^/]+)/activity/feed/(?P<what>subscriptions/\w+|audit/(?P<blob>.+))")
_DAY, _KEPT = timedelta(hours=24), timedelta(days=7)
_HANGS_S = 3600


def answer(world: World, request: Request) -> Answer:
    """One request."""
    claims = claims_for(world, "activity", request.headers.get("authorization"))
    found = _PATH.fullmatch(request.path)
    if claims is None or found is None:
        return Answer(401 if claims is None else 404)
    tenant = world.tenant(claims["tid"])
    if tenant is None or tenant.tenant_id != found["tenant"]:
        return _refusal(400, "AF20010", "The tenant ID passed in the URL does not match the access token.").answer
    tenant.http_requests["activity"] += 1
    tenant.feed.asked.append(f"{request.method} {found['what'].partition('/')[2]}")
    name = f"{request.method} {'content' if found['blob'] else found['what'].removeprefix('subscriptions/')}"
    fault = tenant.take_fault("activity", name)
    try:
        _permit(tenant, "ActivityFeed.Read" in claims["roles"])
        return meet(fault, lambda: _routed(tenant, request, found["what"], found["blob"]), tenant, "exchange")
    except Refused as refused:
        return refused.answer


def _permit(tenant: Tenant, granted: bool) -> None:  # noqa: FBT001 - one question
    if tenant.feed.refusals:
        status, code = tenant.feed.refusals.popleft()
        raise _refusal(status, code, "Too many requests." if code == "AF429" else "Refused.")
    if not granted:
        raise _refusal(
            401, "AF10001", "The permission set (none) sent in the request did not include ActivityFeed.Read."
        )
    if not tenant.switches.audit_licensed:
        raise _refusal(400, "AF20012", "The specified tenant ID is incorrectly configured in the system.")


def _routed(tenant: Tenant, request: Request, what: str, blob_id: str | None) -> Answer:
    match request.method, what:
        case "POST", "subscriptions/start":
            return _start(tenant, _content_type(request))
        case "POST", "subscriptions/stop":
            tenant.feed.subscriptions.pop(_content_type(request), None)
            return Answer(200)
        case "GET", "subscriptions/list":
            return json_answer(200, [_shown(content_type) for content_type in tenant.feed.subscriptions])
        case "GET", "subscriptions/content":
            return _content(tenant, request)
        case "GET", _ if blob_id:
            return _fetch(tenant, blob_id)
        case _:
            return Answer(405)


def _content_type(request: Request) -> str:
    asked = request.parameters().get("contentType", "")
    if asked not in CONTENT_TYPES:
        raise _refusal(400, "AF20020", "The specified content type is not valid.")
    return asked


def _shown(content_type: str) -> dict[str, object]:
    return {"contentType": content_type, "status": "enabled", "webhook": None}


def _start(tenant: Tenant, content_type: str) -> Answer:
    if content_type in tenant.feed.subscriptions:
        raise _refusal(400, "AF20024", "The subscription is already enabled. No property change.")
    tenant.feed.subscriptions[content_type] = tenant.now()
    return json_answer(200, _shown(content_type))


def _content(tenant: Tenant, request: Request) -> Answer:
    asked, content_type = request.parameters(), _content_type(request)
    if content_type not in tenant.feed.subscriptions:
        raise _refusal(400, "AF20022", "No subscription found for the specified content type.")
    now = tenant.now()
    start, end = parsed(asked["startTime"]), parsed(asked["endTime"])
    if end - start > _DAY or end <= start:
        raise _refusal(400, "AF20030", "Start time and end time must both be specified and at most 24 hours apart.")
    if start < now - _KEPT:
        raise _refusal(400, "AF20055", "Start time must be no more than 7 days in the past.")
    blobs = tenant.feed.listed(content_type, start, end)
    if tenant.switches.feed_shuffle:
        blobs = [*blobs[1::2], *blobs[::2]]
    size, offset = tenant.switches.feed_page, int(asked.get("nextPage", 0))
    if any(blob.unlistable for blob in blobs[offset : offset + size]):
        raise _refusal(500, "AF50000", "An internal error occurred. Retry the request.")
    page = [tenant.feed.describe(blob, request.base) for blob in blobs[offset : offset + size]]
    result = json_answer(200, page)
    if offset + size < len(blobs):
        kept = ("contentType", "startTime", "endTime")
        query = "&".join(f"{name}={asked[name]}" for name in kept)
        result.headers["NextPageUri"] = f"{request.base}{request.path}?{query}&nextPage={offset + size}"
    return result


def _fetch(tenant: Tenant, blob_id: str) -> Answer:
    blob = next((blob for blob in tenant.feed.blobs if blob.id == blob_id), None)
    if blob is None:
        raise _refusal(404, "AF20050", "The specified content does not exist.")
    if blob.expired or blob.created < tenant.now() - _KEPT:
        raise _refusal(400, "AF20051", "Content requested with the key has already expired.")
    if blob.refused:
        return Answer(blob.refused)
    if blob.failing:
        raise _refusal(500, "AF50000", "An internal error occurred. Retry the request.")
    answer = json_answer(200, blob.records)
    answer.delay = _HANGS_S if blob.hanging else 0
    return answer


def _refusal(status: int, code: str, message: str) -> Refused:
    return Refused(json_answer(status, {"error": {"code": code, "message": message}}))
