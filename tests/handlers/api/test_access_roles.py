"""Who may what, for every route: a table, so that a new route is one line here or a red test."""

import json
from hashlib import sha256

import pytest

from clients import settings
from domain.access import ROLES
from handlers.api.app import application
from tests.handlers.web import ask, of
from tests.test_function_app import SETTINGS

READER, OPERATOR, APPROVER, ADMIN = ({role, "Admin"} for role in ROLES)
EVERYONE = set(ROLES)

MAY = {
    "GET /tenants": EVERYONE,
    "GET /tenants/{tenant_id}": EVERYONE,
    "PUT /tenants/{tenant_id}": ADMIN,
    "DELETE /tenants/{tenant_id}": ADMIN,
    "GET /tenants/{tenant_id}/readiness": EVERYONE,
    "GET /tenants/{tenant_id}/state": EVERYONE,
    "GET /tenants/{tenant_id}/ledger": EVERYONE,
    "POST /tenants/{tenant_id}/check": OPERATOR,
    "POST /tenants/{tenant_id}/reprovision": OPERATOR,
    "POST /tenants/{tenant_id}/controls/{control}/approve": APPROVER,
    "POST /tenants/{tenant_id}/controls/{control}/except": APPROVER,
    "DELETE /tenants/{tenant_id}/controls/{control}/except": APPROVER,
    "POST /tenants/{tenant_id}/controls/{control}/undo": APPROVER,
    "GET /tenants/{tenant_id}/config/proposed": EVERYONE,
    "POST /tenants/{tenant_id}/config/approve": ADMIN,
    "POST /tenants/{tenant_id}/open": OPERATOR,
    "GET /tenants/{tenant_id}/findings": EVERYONE,
    "POST /tenants/{tenant_id}/findings/{finding}/declare": APPROVER,
    "POST /tenants/{tenant_id}/findings/{finding}/remove": APPROVER,
    "GET /operations/{operation_id}": EVERYONE,
    "GET /brake": EVERYONE,
    "PUT /brake": OPERATOR,
    "GET /chains": EVERYONE,
    "GET /chains/{ledger}": EVERYONE,
    "GET /chains/{ledger}/proof": EVERYONE,
    "GET /roots": EVERYONE,
    "GET /roots/{hour}": EVERYONE,
    "POST /chains/{ledger}/exports": EVERYONE,
    "POST /chains/{ledger}/checkpoints": ADMIN,
    "POST /radius/{signature}/release": ADMIN,
    "GET /waves": EVERYONE,
    "POST /waves": ADMIN,
    "POST /waves/{wave}/pause": ADMIN,
    "POST /waves/{wave}/resume": ADMIN,
    "GET /proposals": EVERYONE,
    "GET /fleet": EVERYONE,
    "POST /fleet/rebuild": ADMIN,
    "GET /states": EVERYONE,
    "GET /ledger": EVERYONE,
    "GET /findings": EVERYONE,
    "GET /inbox": EVERYONE,
    "GET /operations": EVERYONE,
    "GET /alerts": EVERYONE,
    "GET /parked": EVERYONE,
    "DELETE /parked/{queue}/{parked}": OPERATOR,
    "GET /objectives": EVERYONE,
    "DELETE /keys/{name}": ADMIN,
    "GET /backup/{table}": ADMIN,
    "GET /channels": EVERYONE,
    "GET /events/schema": EVERYONE,
    "GET /evidence": EVERYONE,
    "GET /evidence/schema": EVERYONE,
    "GET /evidence/{month}": EVERYONE,
    "GET /incidents": EVERYONE,
    "GET /tenants/{tenant_id}/evidence": EVERYONE,
    "GET /tenants/{tenant_id}/evidence/{month}": EVERYONE,
    "GET /tenants/{tenant_id}/leaving": EVERYONE,
    "POST /channels/test": OPERATOR,
    "POST /incidents/{incident}/end": OPERATOR,
    "POST /incidents/{incident}/take": OPERATOR,
    "POST /restore/begin": ADMIN,
    "POST /restore/end": ADMIN,
    "POST /restore/rows": ADMIN,
    "POST /tenants/{tenant_id}/events/replay": ADMIN,
    "POST /tenants/{tenant_id}/evidence": OPERATOR,
    "GET /openapi.json": EVERYONE,
    "GET /docs": EVERYONE,
}


async def nobody():
    raise AssertionError("the document asks no neighbour")


DOCUMENT = application(settings.load(SETTINGS), nobody).openapi()
ROUTES = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}


def key_of(role):
    return f"the-key-of-one-{role}"


@pytest.fixture
def environment():
    entries = [{"name": role, "sha256": sha256(key_of(role).encode()).hexdigest(), "roles": [role]} for role in ROLES]
    return {"HOLDFAST_KEYS": json.dumps(entries)}


def test_every_route_is_in_the_table():
    assert ROUTES - {"GET /health"} == MAY.keys()


def target(route):
    """Nothing that exists, so that whoever is let in changes nothing; no body that makes sense."""
    method, path = route.split(" ")
    gone = {"tenant_id": "0" * 32, "operation_id": "0" * 32, "control": "none", "name": "nobody", "finding": "none"}
    gone |= {
        "ledger": "0" * 36,
        "signature": "none:none",
        "table": "none",
        "month": "2026-01",
        "hour": "2026-01-01T00",
        "incident": "none",
    }
    gone |= {"wave": "0" * 12, "queue": "checks", "parked": "0" * 32}
    return method, path.format(**gone).removeprefix("/")


async def test_a_role_may_what_the_table_says_and_nothing_else(service):
    for route, may in MAY.items():
        for role in ROLES:
            method, path = target(route)
            answer = await ask(service, method, path, key=key_of(role))
            assert (answer.status_code == 403) == (role not in may), (route, role)
            if role not in may:
                assert "this needs the role" in of(answer)["detail"]


ODD = {
    "nothing": b"",
    "no_json": b"{",
    "too_large": b" " * 70_000,
    "not_utf8": b"\xff",
}


@pytest.mark.parametrize("body", ODD.values(), ids=list(ODD))
async def test_without_a_key_every_route_refuses_before_it_reads_anything(service, body):
    for number, route in enumerate(MAY):
        method, path = target(route)
        for key in (None, "", "wrong", "schl\u00fcssel"):
            caller = {"content_type": "text/plain", "x_forwarded_for": f"192.0.2.{number}"}
            answer = await ask(service, method, path, body, key=key, **caller)
            assert answer.status_code == 401, (route, key)
    unknown = await ask(service, "POST", "no/such/path", body, key=None)
    assert unknown.status_code == 401


async def test_only_health_and_webhooks_answer_anybody(service):
    assert (await ask(service, "GET", "health", key=None)).status_code == 200
    assert (await ask(service, "POST", "webhooks/psa/standard", b"{}", key=None)).status_code == 404
    for path in ("healthy", "health/", "webhooks", "webhook/psa/standard", "brake?/api/health", "brake%3F/api/health"):
        assert (await ask(service, "GET", path, key=None)).status_code == 401, path


@pytest.mark.parametrize("host", ["holdfast.example/api/health?", "x/api/health#", "x/api/webhooks/", "@/api/health"])
async def test_a_host_header_opens_nothing(service, host):
    assert (await ask(service, "GET", "brake", key=None, host=host)).status_code == 401


async def test_a_refusal_needs_no_storage(service):
    """Whoever only knocks makes no request to storage: refusals cost next to nothing."""
    await service.clients.storage.aclose()
    assert (await ask(service, "GET", "brake", key="wrong")).status_code == 401


async def test_an_operator_engages_the_brake_and_an_admin_releases_it(service):
    assert (await ask(service, "PUT", "brake", {"engaged": True}, key=key_of("Operator"))).status_code == 200
    assert (await ask(service, "PUT", "brake", {"engaged": False}, key=key_of("Operator"))).status_code == 403
    assert of(await ask(service, "GET", "brake", key=key_of("Reader")))["by"] == "key Operator"
    assert (await ask(service, "PUT", "brake", {"engaged": False}, key=key_of("Admin"))).status_code == 200
