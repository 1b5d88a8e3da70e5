"""Tokens per tenant and scope: bought once, never mixed up, and refused with a remedy."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import httpx
import pytest
import respx
from azure.core.pipeline.transport import AsyncHttpTransport
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from clients.entra.clouds import ENDPOINTS
from clients.entra.credentials import (
    RENEWED_EARLY,
    Certificate,
    ClientSecret,
    Credential,
    Credentials,
    FederatedIdentity,
    managed_identity,
)
from clients.errors import ClientError, Throttled, Unauthorised, Unreachable, Unreadable
from clients.exchange.exchange import Exchange
from clients.http import Http
from domain.reading import Query, Seen
from tests.clients.conftest import CLIENT_ID, TENANT, Clock, Entra

OTHER = "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"
EXCHANGE = ENDPOINTS["global"].exchange_scope
COMPLIANCE = ENDPOINTS["global"].compliance_scope
TOKEN_URL = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    unencrypted = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted).decode()


def key_and_certificate() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "holdfast")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return pem_of(key), certificate.public_bytes(serialization.Encoding.PEM).decode()


KEY, CERTIFICATE = key_and_certificate()


async def test_a_token_is_bought_with_one_request_to_the_tenants_own_endpoint(
    credentials: Credentials, router: respx.MockRouter, entra: Entra
) -> None:
    assert await credentials.token(TENANT, EXCHANGE) == "token-1"
    assert [str(call.request.url) for call in router.calls] == [TOKEN_URL]
    assert router.calls.last.request.headers["user-agent"].startswith("Holdfast/")
    asked = entra.asked[0]
    assert asked["grant_type"] == "client_credentials"
    assert asked["client_id"] == CLIENT_ID
    assert asked["scope"] == EXCHANGE
    assert asked["client_secret"] == "s3cret"


async def test_a_token_is_kept_until_five_minutes_before_it_expires(credentials: Credentials, clock: Clock) -> None:
    assert await credentials.token(TENANT, EXCHANGE) == "token-1"
    clock.advance(seconds=3598 - RENEWED_EARLY.total_seconds())
    assert await credentials.token(TENANT, EXCHANGE) == "token-1"
    clock.advance(seconds=1)
    assert await credentials.token(TENANT, EXCHANGE) == "token-2"


async def test_tenants_and_scopes_never_share_a_token(credentials: Credentials, entra: Entra) -> None:
    wanted = [(tenant, scope) for tenant in (TENANT, OTHER) for scope in (EXCHANGE, COMPLIANCE)] * 2

    tokens = await asyncio.gather(*(credentials.token(tenant, scope) for tenant, scope in wanted))

    asked_for = {f"token-{n}": (asked["tenant"], asked["scope"]) for n, asked in enumerate(entra.asked, start=1)}
    assert [asked_for[token] for token in tokens] == wanted
    assert len(entra.asked) == 4


async def test_many_who_ask_at_once_share_one_request(credentials: Credentials, entra: Entra) -> None:
    tokens = await asyncio.gather(*(credentials.token(TENANT, EXCHANGE) for _ in range(20)))

    assert set(tokens) == {"token-1"}
    assert len(entra.asked) == 1


async def test_one_caller_that_gives_up_ends_it_for_nobody_else(credentials: Credentials) -> None:
    impatient = asyncio.create_task(credentials.token(TENANT, EXCHANGE))
    patient = asyncio.create_task(credentials.token(TENANT, EXCHANGE))
    await asyncio.sleep(0)
    impatient.cancel()

    assert await patient == "token-1"


async def test_a_fresh_token_is_asked_for_and_kept(credentials: Credentials) -> None:
    await credentials.token(TENANT, EXCHANGE)

    assert await credentials.token(TENANT, EXCHANGE, fresh=True) == "token-2"
    assert await credentials.token(TENANT, EXCHANGE) == "token-2"


async def test_a_forgotten_token_is_bought_again(credentials: Credentials) -> None:
    await credentials.token(TENANT, EXCHANGE)
    credentials.forget(TENANT.upper(), EXCHANGE)
    credentials.forget(OTHER, EXCHANGE)

    assert await credentials.token(TENANT, EXCHANGE) == "token-2"


async def test_a_tenant_id_in_another_spelling_is_the_same_tenant(credentials: Credentials, entra: Entra) -> None:
    await credentials.token(TENANT, EXCHANGE)
    await credentials.token(TENANT.upper(), EXCHANGE)

    assert [asked["tenant"] for asked in entra.asked] == [TENANT]


@pytest.mark.parametrize("tenant_id", ["", "common", "contoso.example", f"{TENANT}/../{OTHER}", "x" * 40])
async def test_what_is_not_a_tenant_id_reaches_nobody(
    credentials: Credentials, router: respx.MockRouter, tenant_id: str
) -> None:
    with pytest.raises(ValueError, match="tenant_id must be a GUID"):
        await credentials.token(tenant_id, EXCHANGE)

    assert not router.calls


@pytest.fixture
def proved_by(http: Http, clock: Clock) -> Callable[[Credential], Credentials]:
    return lambda proof: Credentials(http, ENDPOINTS["global"], CLIENT_ID, proof, now=clock)


def claims_in(assertion: str, part: int) -> dict[str, object]:
    encoded = assertion.split(".")[part]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(encoded + "=="))
    return claims


@pytest.mark.parametrize("pem", [KEY + CERTIFICATE, CERTIFICATE + KEY], ids=["key_first", "certificate_first"])
async def test_a_certificate_signs_an_assertion_for_the_tenant(
    proved_by: Callable[[Credential], Credentials], entra: Entra, pem: str
) -> None:
    assert await proved_by(Certificate(pem)).token(TENANT, EXCHANGE) == "token-1"

    assertion = entra.asked[0]["client_assertion"]
    sha256 = x509.load_pem_x509_certificate(CERTIFICATE.encode()).fingerprint(hashes.SHA256())
    assert claims_in(assertion, 0)["x5t#S256"] == base64.urlsafe_b64encode(sha256).decode()
    assert claims_in(assertion, 1)["aud"] == TOKEN_URL
    assert claims_in(assertion, 1)["iss"] == CLIENT_ID
    assert "client_secret" not in entra.asked[0]


async def test_a_managed_identity_lends_its_token_as_the_assertion(
    proved_by: Callable[[Credential], Credentials], entra: Entra
) -> None:
    async def assertion() -> str:
        return "managed-identity-token"

    assert await proved_by(FederatedIdentity(assertion)).token(TENANT, EXCHANGE) == "token-1"
    assert entra.asked[0]["client_assertion"] == "managed-identity-token"
    assert entra.asked[0]["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
async def identity_endpoint(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """What Azure Functions puts beside a worker that has a managed identity; gives the request lines it has seen."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0])
        known = f"client_id={CLIENT_ID}" in asked[-1]
        token = {"access_token": "identity-token", "expires_on": "4102444800", "token_type": "Bearer", "resource": "x"}
        body = json.dumps(token if known else {}).encode()
        head = f"HTTP/1.1 {'200 OK' if known else '400 Bad Request'}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "beside-the-worker")
        yield asked


async def test_the_managed_identity_is_asked_once_for_the_exchange_audience(
    proved_by: Callable[[Credential], Credentials], identity_endpoint: list[str], entra: Entra
) -> None:
    credentials = proved_by(managed_identity(CLIENT_ID, ENDPOINTS["global"].assertion_audience))

    await credentials.token(TENANT, EXCHANGE)
    await credentials.token(OTHER, EXCHANGE)

    assert [asked["client_assertion"] for asked in entra.asked] == ["identity-token"] * 2
    assert len(identity_endpoint) == 1
    assert "resource=api://AzureADTokenExchange" in unquote(identity_endpoint[0])


async def test_a_managed_identity_that_is_not_there_is_for_a_person(
    proved_by: Callable[[Credential], Credentials], identity_endpoint: list[str]
) -> None:
    credentials = proved_by(managed_identity(OTHER, ENDPOINTS["global"].assertion_audience))

    with pytest.raises(Unauthorised) as raised:
        await credentials.token(TENANT, EXCHANGE)

    assert identity_endpoint
    assert raised.value.remedy == f"Assign the managed identity {OTHER} to the Function App."


async def test_a_managed_identity_that_does_not_answer_is_unreachable(
    proved_by: Callable[[Credential], Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "beside-the-worker")

    async def no_waiting(_transport: AsyncHttpTransport[object, object], _seconds: float) -> None:
        """The SDK asks several times."""

    monkeypatch.setattr(AsyncHttpTransport, "sleep", no_waiting)
    credentials = proved_by(managed_identity(CLIENT_ID, ENDPOINTS["global"].assertion_audience))

    with pytest.raises(Unreachable):
        await credentials.token(TENANT, EXCHANGE)


@pytest.mark.parametrize(
    ("pem", "names"),
    [
        ("", "PEM"),
        ("not PEM", "PEM"),
        (KEY, "PEM"),
        (CERTIFICATE, "PEM"),
        (key_and_certificate()[0] + CERTIFICATE, "belongs to another certificate"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())) + CERTIFICATE, "RSA"),
    ],
    ids=["empty", "text", "no_certificate", "no_key", "another_key", "elliptic_key"],
)
def test_a_certificate_that_cannot_work_is_refused_at_once(pem: str, names: str) -> None:
    with pytest.raises(ValueError, match=names) as raised:
        Certificate(pem)

    assert "PRIVATE KEY" not in str(raised.value)


@pytest.mark.parametrize("proof", [Certificate(KEY + CERTIFICATE), ClientSecret("s3cret")])
def test_a_client_credential_does_not_show_itself(proof: Credential) -> None:
    assert "PRIVATE" not in repr(proof)
    assert "s3cret" not in repr(proof)


def refusal(code: str) -> httpx.Response:
    description = f"{code}: Something is wrong. Trace ID: 1 Correlation ID: 2"
    return httpx.Response(400, json={"error": "invalid_client", "error_description": description})


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AADSTS700016", f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id={CLIENT_ID}"),
        ("AADSTS65001", f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id={CLIENT_ID}"),
        ("AADSTS7000215", "HOLDFAST_CLIENT_SECRET"),
        ("AADSTS700023", "HOLDFAST_CLOUD"),
        ("AADSTS700236", "federated credential"),
        ("AADSTS5000224", "Disable the tenant"),
        ("AADSTS90002", "Correct the tenant id"),
        ("AADSTS1", ""),
    ],
)
async def test_entras_refusal_names_its_code_and_the_remedy(
    proved_by: Callable[[Credential], Credentials], router: respx.MockRouter, code: str, remedy: str
) -> None:
    route = router.post(TOKEN_URL).mock(return_value=refusal(code))

    with pytest.raises(Unauthorised) as raised:
        await proved_by(ClientSecret("s3cret")).token(TENANT, EXCHANGE)

    assert raised.value.kind == code
    assert code in str(raised.value)
    assert remedy in raised.value.remedy
    assert route.call_count == 1


async def test_a_service_principal_being_created_is_worth_half_a_minute(
    proved_by: Callable[[Credential], Credentials], router: respx.MockRouter
) -> None:
    router.post(TOKEN_URL).mock(return_value=refusal("AADSTS650051"))

    with pytest.raises(Throttled) as raised:
        await proved_by(ClientSecret("s3cret")).token(TENANT, EXCHANGE)

    assert raised.value.retry_after_s == 30


TOKEN = httpx.Response(200, json={"token_type": "Bearer", "expires_in": "3599", "access_token": "opaque"})


@pytest.mark.parametrize(
    "passing",
    [
        pytest.param(httpx.Response(429), id="throttled"),
        pytest.param(httpx.Response(503), id="busy"),
        pytest.param(httpx.Response(500, html="<html>"), id="server_error"),
        pytest.param(httpx.ReadTimeout("slow"), id="timeout"),
        pytest.param(httpx.ConnectError("refused"), id="refused"),
        pytest.param(httpx.Response(200, content=b'{"access_token": "opa'), id="truncated"),
        pytest.param(httpx.Response(200, html="<html>"), id="html"),
    ],
)
async def test_what_passes_at_entra_is_waited_out(
    proved_by: Callable[[Credential], Credentials], router: respx.MockRouter, passing: httpx.Response | Exception
) -> None:
    route = router.post(TOKEN_URL).mock(side_effect=[passing, TOKEN])

    assert await proved_by(ClientSecret("s3cret")).token(TENANT, EXCHANGE) == "opaque"
    assert route.call_count == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(httpx.Response(200, json={}), Unreadable, id="nothing"),
        pytest.param(httpx.Response(200, json=["x"]), Unreadable, id="list"),
        pytest.param(httpx.Response(200, json={"access_token": "t", "expires_in": "soon"}), Unreadable, id="lifetime"),
        pytest.param(httpx.Response(200, json={"access_token": 7, "expires_in": 60}), ClientError, id="odd_token"),
        pytest.param(httpx.Response(502), Unreachable, id="gateway"),
        pytest.param(httpx.Response(404, html="<html>"), ClientError, id="wrong_address"),
        pytest.param(httpx.Response(302, headers={"Location": "https://elsewhere.test"}), Unreadable, id="redirect"),
    ],
)
async def test_an_odd_answer_of_entra_is_an_error_of_ours_and_no_token(
    proved_by: Callable[[Credential], Credentials],
    router: respx.MockRouter,
    caplog: pytest.LogCaptureFixture,
    answer: httpx.Response,
    error: type[ClientError],
) -> None:
    router.post(TOKEN_URL).mock(return_value=answer)
    credentials = proved_by(ClientSecret("s3cret"))

    with pytest.raises(error):
        await credentials.token(TENANT, EXCHANGE)
    with pytest.raises(error):
        await credentials.token(TENANT, EXCHANGE)

    assert "s3cret" not in caplog.text


async def test_a_replaced_login_url_may_have_a_port_a_path_and_no_tls(
    http: Http, clock: Clock, router: respx.MockRouter
) -> None:
    endpoints = replace(ENDPOINTS["global"], login="http://127.0.0.1:8080/login")
    route = router.post(f"http://127.0.0.1:8080/login/{TENANT}/oauth2/v2.0/token").mock(return_value=TOKEN)

    credentials = Credentials(http, endpoints, CLIENT_ID, ClientSecret("s3cret"), now=clock)

    assert await credentials.token(TENANT, EXCHANGE) == "opaque"
    assert route.called


async def test_a_claims_challenge_is_answered_with_those_claims_once(
    exchange: Exchange, router: respx.MockRouter, entra: Entra
) -> None:
    claims = '{"access_token":{"nbf":{"essential":true,"value":"1786457000"}}}'
    encoded = base64.b64encode(claims.encode()).decode()
    challenge = f'Bearer realm="", error="insufficient_claims", claims="{encoded}"'
    route = router.post(host="outlook.office365.com").mock(
        side_effect=[
            httpx.Response(401, headers={"WWW-Authenticate": challenge}),
            httpx.Response(200, json={"value": []}),
        ]
    )
    query = Query("exchange", "Get-TransportRule")

    found = await exchange.read(TENANT, [query])

    assert isinstance(found[query], Seen)
    assert "claims" not in entra.asked[0]
    assert json.loads(entra.asked[1]["claims"]) == json.loads(claims)
    assert [call.request.headers["authorization"] for call in route.calls] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("challenge", ['Bearer claims="not base64!"', 'Bearer claims="bm90IGpzb24="', "Basic", ""])
async def test_an_odd_challenge_is_answered_with_a_fresh_token_only(
    exchange: Exchange, router: respx.MockRouter, entra: Entra, challenge: str
) -> None:
    router.post(host="outlook.office365.com").mock(
        side_effect=[
            httpx.Response(401, headers={"WWW-Authenticate": challenge}),
            httpx.Response(200, json={"value": []}),
        ]
    )

    await exchange.read(TENANT, [Query("exchange", "Get-TransportRule")])

    assert ["claims" in asked for asked in entra.asked] == [False, False]
