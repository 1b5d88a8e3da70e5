"""A key in the vault signs for us: what is sent, how often, and what comes of a vault that does not."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
import respx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from clients.entra.clouds import ENDPOINTS
from clients.entra.credentials import Credentials
from clients.entra.vault_key import ASSERTION_LASTS, VaultKey, vault_service
from clients.errors import Unauthorised, Unreadable
from clients.http import Http
from tests.clients.conftest import CLIENT_ID, TENANT, Clock, Entra
from tests.clients.entra.test_credentials import COMPLIANCE, EXCHANGE, OTHER, TOKEN_URL, key_and_certificate

VAULT = "https://kv-hf-example.vault.azure.net"
URL = f"{VAULT}/keys/client-certificate"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Vault:
    """A stand-in for the vault's REST API: one certificate, whose key signs and does nothing else."""

    status: int = 200
    kid: str = f"{URL}/0123456789abcdef"
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pem, certificate = key_and_certificate()
        key = serialization.load_pem_private_key(pem.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self.key, self.certificate = key, x509.load_pem_x509_certificate(certificate.encode())

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if request.headers["authorization"] != "Bearer of the vault" or self.status != 200:
            return httpx.Response(max(self.status, 401), json={"error": {"code": "Forbidden"}})
        assert request.url.params["api-version"] == "7.4"
        match request.method, request.url.path:
            case "GET", "/certificates/client-certificate":
                der = self.certificate.public_bytes(serialization.Encoding.DER)
                return httpx.Response(200, json={"kid": self.kid, "cer": base64.b64encode(der).decode()})
            case "POST", "/keys/client-certificate/0123456789abcdef/sign":
                body = json.loads(request.content)
                assert body["alg"] == "PS256"
                how = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
                value = self.key.sign(decoded(body["value"]), how, Prehashed(hashes.SHA256()))
                return httpx.Response(200, json={"kid": self.kid, "value": encoded(value)})
            case _:
                return httpx.Response(404, json={})

    @property
    def signed(self) -> int:
        return sum(each.endswith("/sign") for each in self.asked)


@pytest.fixture
def vault(router: respx.MockRouter) -> Vault:
    vault = Vault()
    router.route(host="kv-hf-example.vault.azure.net").mock(side_effect=vault)
    return vault


@pytest.fixture
def credentials(http: Http, clock: Clock) -> Credentials:
    async def token() -> str:
        return "of the vault"

    key = VaultKey(http, URL, CLIENT_ID, token, now=clock)
    return Credentials(http, ENDPOINTS["global"], CLIENT_ID, key, now=clock)


async def test_the_vault_signs_an_assertion_that_its_certificate_verifies(
    credentials: Credentials, vault: Vault, entra: Entra, clock: Clock
) -> None:
    assert await credentials.token(TENANT, EXCHANGE) == "token-1"

    signed, _, signature = entra.asked[0]["client_assertion"].rpartition(".")
    header, claims = (json.loads(decoded(part)) for part in signed.split("."))
    key = vault.certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    how = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    key.verify(decoded(signature), signed.encode(), how, hashes.SHA256())
    assert header == {"alg": "PS256", "typ": "JWT", "x5t#S256": encoded(vault.certificate.fingerprint(hashes.SHA256()))}
    assert (claims["aud"], claims["iss"], claims["sub"]) == (TOKEN_URL, CLIENT_ID, CLIENT_ID)
    assert claims["exp"] > (clock() + ASSERTION_LASTS).timestamp()
    assert "client_secret" not in entra.asked[0]


async def test_one_assertion_serves_all_tokens_of_a_tenant_for_ten_minutes(
    credentials: Credentials, vault: Vault, entra: Entra, clock: Clock
) -> None:
    await asyncio.gather(*(credentials.token(TENANT, scope) for scope in (EXCHANGE, COMPLIANCE) * 3))
    clock.advance(seconds=ASSERTION_LASTS.total_seconds() - 60)
    await credentials.token(TENANT, EXCHANGE, fresh=True)
    assert (len(entra.asked), vault.signed) == (3, 1)
    clock.advance(minutes=2)
    await credentials.token(TENANT, EXCHANGE, fresh=True)
    assert vault.signed == 2
    assert len({asked["client_assertion"] for asked in entra.asked}) == 2


async def test_tenants_never_share_an_assertion_and_the_certificate_is_read_once(
    credentials: Credentials, vault: Vault, entra: Entra
) -> None:
    await asyncio.gather(*(credentials.token(tenant, EXCHANGE) for tenant in (TENANT, OTHER)))
    assert len({asked["client_assertion"] for asked in entra.asked}) == 2
    assert vault.asked.count("GET /certificates/client-certificate") == 1


async def test_a_vault_that_refuses_is_told_with_the_roles_to_give_and_asked_again_later(
    credentials: Credentials, vault: Vault, entra: Entra
) -> None:
    vault.status = 403
    with pytest.raises(Unauthorised, match="the vault does not sign") as refusal:
        await credentials.token(TENANT, EXCHANGE)
    assert "Key Vault Crypto User" in refusal.value.remedy
    assert entra.asked == []
    vault.status = 200
    assert await credentials.token(TENANT, EXCHANGE) == "token-1"


async def test_our_token_goes_to_no_key_but_the_certificates(credentials: Credentials, vault: Vault) -> None:
    vault.kid = "https://kv-hf-example.evil.example/keys/client-certificate/0123456789abcdef"
    with pytest.raises(Unreadable, match="not the certificate's"):
        await credentials.token(TENANT, EXCHANGE)
    assert vault.signed == 0


async def test_a_new_version_of_the_certificate_signs_within_the_hour(
    credentials: Credentials, vault: Vault, clock: Clock, entra: Entra
) -> None:
    await credentials.token(TENANT, EXCHANGE)
    vault.__post_init__()
    clock.time += timedelta(minutes=61)
    await credentials.token(TENANT, EXCHANGE, fresh=True)
    header = json.loads(decoded(entra.asked[1]["client_assertion"].partition(".")[0]))
    assert header["x5t#S256"] == encoded(vault.certificate.fingerprint(hashes.SHA256()))


@pytest.mark.parametrize("url", ["http://kv.vault.azure.net/keys/k", f"{VAULT}/secrets/k", f"{URL}/version", VAULT])
def test_what_is_no_key_of_a_vault_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a key"):
        vault_service(url)


def test_a_token_is_made_out_for_the_vaults_own_cloud() -> None:
    assert vault_service("https://kv.vault.usgovcloudapi.net/keys/k") == "https://vault.usgovcloudapi.net"


async def test_when_its_certificate_ends_is_known_without_signing_anything(
    http: Http, vault: Vault, clock: Clock
) -> None:
    async def token() -> str:
        return "of the vault"

    assert await VaultKey(http, URL, CLIENT_ID, token, now=clock).ends() == vault.certificate.not_valid_after_utc
    assert vault.signed == 0
