"""Tokens of Entra ID for one application in many tenants.

MSAL makes the client assertion and speaks the protocol. Its own caches are not used: its application objects weigh far
more than the tokens, and ten thousand tenants must fit into one small worker.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

from clients.cache import ExpiringCache
from clients.entra.clouds import Endpoints
from clients.entra.entra_errors import entra_error
from clients.entra.msal_transport import MsalTransport
from clients.errors import CredentialRefused, Unreachable
from clients.http import Clock, Http, utc_now
from clients.restraint import knowing_the_tenant

log = logging.getLogger("holdfast.credentials")

TOKENS_KEPT = 20_000
"""Two for each of ten thousand tenants, about two kilobytes each."""
RENEWED_EARLY = timedelta(minutes=5)
"""A margin, so that no token expires in transit or between two pages."""
ASKED_AT_ONCE = 16

type _Key = tuple[str, str]
"""Tenant and scope: a token is never looked up by less."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key, both in one PEM text.

    Raises:
        ValueError: One of them is missing, malformed or not RSA, or they do not belong together.
    """

    pem: str = field(repr=False)

    def __post_init__(self) -> None:
        """Fail at the start, not at the first tenant."""
        # Imported only where a certificate is used: no other start has to wait for it.
        from cryptography import x509  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

        try:
            key = load_pem_private_key(self.pem.encode(), password=None)
            certificate = x509.load_pem_x509_certificate(self.pem.encode())
        except (ValueError, TypeError) as error:
            wanted = "the client certificate must be PEM text with an unencrypted private key and its certificate"
            raise ValueError(f"{wanted}: {error}") from None
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("the client certificate's key must be RSA: Entra takes no other")  # noqa: TRY004 - a setting
        if key.public_key() != certificate.public_key():
            raise ValueError("the client certificate's private key belongs to another certificate")

    async def for_msal(self, _: str) -> object:
        # Given the certificate and no thumbprint, MSAL names it by SHA-256.
        return {"private_key": self.pem, "public_certificate": self.pem}

    async def ends(self) -> datetime | None:
        from cryptography import x509  # noqa: PLC0415 - as above

        return x509.load_pem_x509_certificate(self.pem.encode()).not_valid_after_utc


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client secret's value. *last_day*: on which it ends, where somebody said so."""

    secret: str = field(repr=False)
    last_day: date | None = None

    async def for_msal(self, _: str) -> object:
        return self.secret

    async def ends(self) -> datetime | None:
        # Entra shows it to nobody but who may read the registration, so a person says it.
        return datetime.combine(self.last_day, time(), UTC) if self.last_day else None


@dataclass(frozen=True, slots=True)
class FederatedIdentity:
    """A managed identity that the app registration trusts. *assertion* gives its token for the exchange audience."""

    assertion: Callable[[], Awaitable[str]] = field(repr=False)

    async def for_msal(self, _: str) -> object:
        token = await self.assertion()
        return {"client_assertion": lambda: token}

    async def ends(self) -> datetime | None:
        return None


class Credential(Protocol):
    """How the application proves who it is."""

    async def for_msal(self, audience: str, /) -> object:
        """What MSAL takes as `client_credential`, for the token endpoint *audience*. Raises ClientError."""

    async def ends(self) -> datetime | None:
        """When it can be used no more; None where it does not end, or nobody can say. Raises ClientError."""


def managed_identity(client_id: str, audience: str) -> FederatedIdentity:
    """The user-assigned managed identity *client_id*; one token of it, which lasts a day, serves every tenant.

    *audience*: what that token is made out for (Endpoints.assertion_audience).
    """
    kept: ExpiringCache[str, str] = ExpiringCache(1)

    async def assertion() -> str:
        if (token := kept.get(audience, utc_now())) is None:
            token, until = await _identity_token(client_id, audience)
            kept.put(audience, token, until - RENEWED_EARLY)
        return token

    return FederatedIdentity(assertion)


async def _identity_token(client_id: str, audience: str) -> tuple[str, datetime]:
    # Imported only where a managed identity is used: it takes a quarter of a second of every cold start.
    from azure.core.exceptions import AzureError, ClientAuthenticationError  # noqa: PLC0415
    from azure.identity.aio import ManagedIdentityCredential  # noqa: PLC0415

    try:
        async with ManagedIdentityCredential(client_id=client_id) as credential:
            token = await credential.get_token(f"{audience}/.default")
    except ClientAuthenticationError as error:
        remedy = f"Assign the managed identity {client_id} to the Function App."
        raise CredentialRefused(f"the managed identity gave no token: {error.message}", remedy=remedy) from error
    except AzureError as error:
        raise Unreachable(f"the managed identity could not be asked: {error.message}", sent=False) from error
    return token.token, datetime.fromtimestamp(token.expires_on, UTC)


class Credentials:
    """Tokens of the application *client_id*, per tenant and scope, kept until five minutes before they expire."""

    def __init__(self, http: Http, endpoints: Endpoints, client_id: str, credential: Credential, *, now: Clock) -> None:
        self._http = http
        self._login = endpoints.login
        self._client_id = client_id
        self._credential = credential
        self._now = now
        self._tokens: ExpiringCache[_Key, str] = ExpiringCache(TOKENS_KEPT)
        self._asked: dict[tuple[_Key, str | None], asyncio.Task[str]] = {}
        # Not the loop's own threads: those resolve host names, and MSAL's would wait for them for ever.
        self._threads = ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="msal")

    async def token(self, tenant_id: str, scope: str, *, claims: str | None = None, fresh: bool = False) -> str:
        """A bearer token for *scope* in the tenant.

        *fresh* or *claims* (JSON text of a challenge) ask Entra even when a token is kept.

        Raises:
            ValueError: *tenant_id* is not a GUID.
            Unauthorised: Entra says no; `kind` is the AADSTS code, `remedy` what to grant.
            Resting: Entra knows no such tenant for long.
            Throttled, Unreachable, Unreadable: Entra could not be asked.
        """
        key = (_guid(tenant_id), scope)
        kept = None if fresh or claims else self._tokens.get(key, self._now())
        if kept:
            return kept
        with knowing_the_tenant(self._now):
            return await self._ask_once(key, claims)

    def forget(self, tenant_id: str, scope: str) -> None:
        """Drop the kept token: it carries the roles of its issue, and a role may have been granted since."""
        self._tokens.drop((_guid(tenant_id), scope))

    def consent_url(self, tenant_id: str) -> str:
        """Where an administrator of the tenant grants this application its app roles."""
        return f"{self._login}/{_guid(tenant_id)}/adminconsent?client_id={self._client_id}"

    async def _ask_once(self, key: _Key, claims: str | None) -> str:
        """Ask Entra, or wait with those who already did. A caller that gives up does not cancel it for the others."""
        asking = self._asked.get((key, claims))
        if asking is None:
            asking = asyncio.create_task(self._ask(key, claims))
            self._asked[key, claims] = asking
            asking.add_done_callback(lambda _: self._asked.pop((key, claims)))
        return await asyncio.shield(asking)

    async def _ask(self, key: _Key, claims: str | None) -> str:
        tenant_id, scope = key
        loop = asyncio.get_running_loop()
        endpoint = f"{self._login}/{tenant_id}/oauth2/v2.0/token"
        transport = MsalTransport(self._http, loop, endpoint)
        credential = await self._credential.for_msal(endpoint)
        ask = partial(self._ask_msal, tenant_id, scope, claims, credential, transport)
        result = await loop.run_in_executor(self._threads, copy_context().run, ask)
        token = result.get("access_token")
        if not isinstance(token, str):
            raise entra_error(result, self.consent_url(tenant_id))
        lifetime = timedelta(seconds=int(str(result["expires_in"])))
        log.debug("token_acquired tenant=%s scope=%s lifetime_s=%d", tenant_id, scope, lifetime.total_seconds())
        self._tokens.put(key, token, self._now() + lifetime - RENEWED_EARLY)
        return token

    def _ask_msal(
        self, tenant_id: str, scope: str, claims: str | None, credential: object, transport: MsalTransport
    ) -> Mapping[str, object]:
        # Imported in the thread that needs it: it takes half a second, and a cold start must not wait for it.
        from msal import ConfidentialClientApplication  # type: ignore[import-untyped]  # noqa: PLC0415

        host_and_path = self._login.partition("://")[2]
        application = ConfidentialClientApplication(
            self._client_id,
            client_credential=credential,
            authority=f"https://{host_and_path}/{tenant_id}",
            instance_discovery=False,
            http_client=transport,
        )
        result: Mapping[str, object] = application.acquire_token_for_client([scope], claims_challenge=claims)
        return result


def _guid(tenant_id: str) -> str:
    try:
        return str(UUID(tenant_id))
    except ValueError:
        raise ValueError(f"tenant_id must be a GUID, not {tenant_id!r}") from None
