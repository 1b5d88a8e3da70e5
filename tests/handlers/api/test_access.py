"""Nobody gets in without a key or a good token, and the ledger names whoever did."""

import json
from dataclasses import replace
from functools import cache

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.handlers.web import ask, of

HOME = "0d9d3a5e-6f0b-4f0a-8f6e-2a2b8f5f9c11"
AUDIENCE = "api://holdfast"
LOGIN = "https://login.microsoftonline.com"
KEYS = f"{LOGIN}/{HOME}/discovery/v2.0/keys"
LOCK = "inbound-lockdown"
ANN, BOB = "11111111-0000-4000-8000-00000000a001", "22222222-0000-4000-8000-00000000b002"
APP = "33333333-0000-4000-8000-00000000c003"


@cache
def key(_number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(*numbers: int) -> httpx.Response:
    keys = [json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key(n).public_key())) | {"kid": f"k{n}"} for n in numbers]
    return httpx.Response(200, json={"keys": keys})


@pytest.fixture
def environment():
    return {"HOLDFAST_API_AUDIENCE": AUDIENCE, "HOLDFAST_API_TENANT_ID": HOME}


class Entra:
    """Entra's signing keys, in front of the simulated Microsoft; *asked*: how often they were fetched."""

    def __init__(self, service):
        self.answer, self.asked = published(0), 0
        self._microsoft = service.microsoft.side_effect
        service.microsoft.side_effect = self._respond

    async def _respond(self, request):
        if str(request.url) != KEYS:
            return await self._microsoft(request)
        self.asked += 1
        return self.answer


@pytest.fixture(autouse=True)
def entra(service) -> Entra:
    return Entra(service)


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    return tenant


def token(service, signer=0, header=None, **claims):
    now = int(service.clock().timestamp())
    good = {
        "iss": f"{LOGIN}/{HOME}/v2.0",
        "aud": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "roles": ["Holdfast.Admin"],
        "preferred_username": "ann@msp.example",
        "tid": HOME,
        "oid": ANN,
        "scp": "Holdfast.Use",
    }
    left = {name: value for name, value in (good | claims).items() if value is not None}
    return jwt.encode(left, key(signer), "RS256", headers={"kid": f"k{signer}"} | (header or {}))


async def test_the_ledger_names_the_person_whose_token_it_was(service, tenant):
    path = f"tenants/{tenant.tenant_id}/reprovision"
    accepted = await ask(service, "POST", path, {"controls": [LOCK]}, token=token(service))
    assert accepted.status_code == 202
    assert accepted.headers["Location"].startswith("/api/operations/")
    await service.work()
    assert (await service.ledger(tenant, LOCK))[-1].actor == f"ann@msp.example ({ANN})"


async def test_what_lets_in_more_takes_two_people_who_are_signed_in(service, tenant):
    """One person may have several names, several keys, and applications."""
    path, wider = f"tenants/{tenant.tenant_id}", {"delivery_networks": ["65.99.255.0/24", "203.0.113.0/24"]}
    config = of(await ask(service, "GET", path)) | {"overrides": wider}
    config = {name: value for name, value in config.items() if name != "profile_version"}
    approve, bob = f"{path}/config/approve", token(service, oid=BOB)
    app = token(service, preferred_username=None, scp=None, idtyp="app", azp="5d0f", oid=APP)
    for first in ({}, {"token": app}):
        proposed = await ask(service, "PUT", path, config, **first)
        assert proposed.status_code == 202
        seen = {"proposal": of(proposed)["proposal"]}
        assert (await ask(service, "POST", approve, seen, token=bob)).status_code == 409
    assert (await ask(service, "PUT", path, config, token=token(service))).status_code == 202
    renamed = token(service, preferred_username="ann.b@msp.example")
    for nobody_else in ({"token": renamed}, {}, {"token": app}):
        assert (await ask(service, "POST", approve, seen, **nobody_else)).status_code == 409
    assert of(await ask(service, "GET", path))["overrides"] == {}
    assert (await ask(service, "POST", approve, seen, token=bob)).status_code == 200
    assert of(await ask(service, "GET", path))["overrides"] == wider


async def test_a_service_is_named_by_its_application(service):
    shown = token(service, preferred_username=None, scp=None, idtyp="app", azp="5d0f", roles=["Holdfast.Operate"])
    await ask(service, "PUT", "brake", {"engaged": True}, token=shown)
    assert of(await ask(service, "GET", "brake", token=shown))["by"] == f"app 5d0f ({ANN})"


async def test_a_token_beside_a_key_names_the_caller_and_counts(service):
    bearer = {"authorization": f"Bearer {token(service, roles=['Holdfast.Operate'])}"}
    await ask(service, "PUT", "brake", {"engaged": True}, **bearer)
    assert of(await ask(service, "GET", "brake"))["by"] == f"ann@msp.example ({ANN})"
    forged = {"authorization": f"Bearer {token(service, signer=1)}"}
    assert (await ask(service, "GET", "brake", **forged)).status_code == 401


async def test_a_token_for_signing_in_or_for_another_service_is_no_admins(service, tenant):
    """Each is signed by Entra, made out for our API, and has our roles."""
    for claims in ({"scp": None}, {"scp": "User.Read"}, {"tid": tenant.tenant_id}):
        answer = await ask(service, "DELETE", f"tenants/{tenant.tenant_id}", token=token(service, **claims))
        assert answer.status_code == 401
    assert (await ask(service, "GET", f"tenants/{tenant.tenant_id}")).status_code == 200


async def test_an_idempotency_key_belongs_to_its_caller(service, tenant):
    path, key = f"tenants/{tenant.tenant_id}/check", {"idempotency-key": "monday"}
    anns = of(await ask(service, "POST", path, token=token(service), **key))
    renamed = of(await ask(service, "POST", path, token=token(service, preferred_username="ann.b@msp.example"), **key))
    bobs = of(await ask(service, "POST", path, token=token(service, oid=BOB), **key))
    assert (renamed["id"] == anns["id"], bobs["id"] == anns["id"]) == (True, False)


READ, OPERATE, ADMIN = ["Holdfast.Read"], ["Holdfast.Operate"], ["Holdfast.Admin"]


@pytest.mark.parametrize(
    ("roles", "method", "what", "status"),
    [
        (READ, "GET", "/state", 200),
        (READ, "POST", "/check", 403),
        (OPERATE, "POST", "/check", 202),
        (OPERATE, "GET", "/ledger", 200),
        (OPERATE, "DELETE", "", 403),
        (ADMIN, "POST", "/check", 202),
        (ADMIN, "DELETE", "", 204),
        ([], "GET", "/state", 403),
        (None, "GET", "/state", 403),
        ("Holdfast.Admin", "GET", "/state", 403),
    ],
    ids=str,
)
async def test_an_app_role_grants_what_its_name_says_and_no_more(service, tenant, roles, method, what, status):
    answer = await ask(service, method, f"tenants/{tenant.tenant_id}{what}", token=token(service, roles=roles))
    assert answer.status_code == status


BAD = {
    "expired": (lambda s: token(s, exp=int(s.clock().timestamp()) - 61), "has expired"),
    "not_yet": (lambda s: token(s, nbf=int(s.clock().timestamp()) + 120), "not valid yet"),
    "other_audience": (lambda s: token(s, aud="api://other"), "another audience"),
    "other_tenant": (lambda s: token(s, iss=f"{LOGIN}/{HOME.replace('0', '1')}/v2.0"), "another tenant"),
    "no_audience": (lambda s: token(s, aud=None), "no access token"),
    "no_expiry": (lambda s: token(s, exp=None), "no access token"),
    "odd_expiry": (lambda s: token(s, exp=1e300), "times make no sense"),
    "unknown_key": (lambda s: token(s, signer=1), "not Entra's"),
    "forged": (lambda s: token(s, signer=1, header={"kid": "k0"}), "signature is not Entra's"),
    "unsigned": (lambda _: jwt.encode({"aud": AUDIENCE}, "", "none", headers={"kid": "k0"}), "no access token"),
    "shared_secret": (
        lambda _: jwt.encode({"aud": AUDIENCE}, "s" * 32, "HS256", headers={"kid": "k0"}),
        "no access token",
    ),
    "not_a_token": (lambda _: "hello", "no access token"),
    "empty": (lambda _: "", "should be a bearer token"),
}


@pytest.mark.parametrize(("make", "why"), BAD.values(), ids=list(BAD))
async def test_a_token_that_is_not_good_lets_nobody_in_and_is_not_repeated(service, tenant, make, why, caplog):
    shown = make(service)
    answer = await ask(service, "POST", f"tenants/{tenant.tenant_id}/reprovision", {}, token=shown)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert why in of(answer)["detail"]
    assert not shown or (shown not in caplog.text and shown not in answer.get_body().decode())
    assert await service.messages("remediations") == []


async def test_keys_are_fetched_once_and_again_when_entra_has_a_new_one(service, entra):
    for _ in range(3):
        assert (await ask(service, "GET", "brake", token=token(service))).status_code == 200
    assert entra.asked == 1
    entra.answer = published(0, 1)
    assert (await ask(service, "GET", "brake", token=token(service, signer=1))).status_code == 401
    assert entra.asked == 1
    service.clock.advance(minutes=1)
    assert (await ask(service, "GET", "brake", token=token(service, signer=1))).status_code == 200
    assert entra.asked == 2


async def test_known_keys_serve_while_entra_cannot_be_asked(service, entra):
    assert (await ask(service, "GET", "brake", token=token(service))).status_code == 200
    service.clock.advance(days=1)
    entra.answer = httpx.Response(404)
    assert (await ask(service, "GET", "brake", token=token(service))).status_code == 200


async def test_without_any_keys_the_answer_is_that_entra_cannot_be_asked(service, entra):
    entra.answer = httpx.Response(404)
    assert (await ask(service, "GET", "brake", token=token(service))).status_code == 503


async def test_while_entra_gives_no_keys_it_is_asked_once_in_five_seconds(service, entra):
    entra.answer = httpx.Response(404)
    answers = [await ask(service, "GET", "brake", token=token(service)) for _ in range(3)]
    assert ([answer.status_code for answer in answers], entra.asked) == ([503] * 3, 1)
    entra.answer = published(0)
    service.clock.advance(seconds=5)
    assert (await ask(service, "GET", "brake", token=token(service))).status_code == 200


async def test_where_no_audience_is_set_no_token_lets_anybody_in(service):
    settings = service.clients.settings.model_copy(update={"api_audience": ""})
    plain = replace(service, clients=replace(service.clients, tokens=None, settings=settings))
    refused = await ask(plain, "GET", "tenants", token=token(service))
    assert refused.status_code == 401
    assert "HOLDFAST_API_AUDIENCE" in of(refused)["detail"]
    assert (await ask(plain, "GET", "health", token="")).status_code == 200


async def test_the_paths_for_tokens_are_the_same_ones(service):
    unknown = await ask(service, "GET", "tenants/x/y/z", token=token(service))
    other = await ask(service, "POST", "brake", token=token(service))
    assert (unknown.status_code, other.status_code, other.headers["Allow"]) == (404, 405, "GET, PUT")
