"""A credential whose private key never leaves the vault: the vault signs, and says no to everything else.

The key is that of a certificate of the vault, by whose SHA-256 Entra knows it (docs/reference/entra.md#vault-key).
"""

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from clients.cache import ExpiringCache
from clients.errors import CredentialRefused, Forbidden, Unreadable
from clients.http import Answer, Clock, Http, Intent, Request, raise_for_status

FORM = re.compile(r"(?P<vault>https://[\w-]+\.(?P<service>[\w.-]+))/keys/(?P<name>[\w-]{1,127})")
"""Of HOLDFAST_CLIENT_KEY: a key without its version, for the newest one signs."""

ASSERTION_LASTS = timedelta(minutes=10)
"""One assertion serves all tokens of a tenant for so long: each is an operation of the vault that is paid for."""
CERTIFICATE_LASTS = timedelta(hours=1)
_MARGIN = timedelta(minutes=1)
"""So that no assertion expires on its way."""
_ASSERTIONS_KEPT = 10_000
_API_VERSION = "api-version=7.4"
_REMEDY = "Give the app's identity the roles Key Vault Crypto User and Key Vault Reader on the vault (docs/deploy.md)."


class _Certificate(BaseModel):
    """*kid*: URL of the key's version; *cer*: the certificate in DER, as base64."""

    kid: str
    cer: str


class _Signature(BaseModel):
    value: str


def vault_service(url: str) -> str:
    """For whom a token must be made out that the vault of the key at *url* takes. Raises ValueError."""
    return f"https://{_parts(url)['service']}"


def _parts(url: str) -> re.Match[str]:
    if found := FORM.fullmatch(url):
        return found
    raise ValueError("not the URL of a key in a vault")


class VaultKey:
    """The key at *url* (FORM) as the credential of *client_id*. *token*: gives a bearer token for the vault."""

    def __init__(
        self, http: Http, url: str, client_id: str, token: Callable[[], Awaitable[str]], *, now: Clock
    ) -> None:
        found = _parts(url)
        self._http, self._client_id, self._token, self._now = http, client_id, token, now
        self._vault = found["vault"]
        self._asked_for = f"{self._vault}/certificates/{found['name']}?{_API_VERSION}"
        self._signing = re.compile(rf"{re.escape(self._vault)}/keys/{found['name']}/\w+")
        self._certificates: ExpiringCache[str, asyncio.Task[_Certificate]] = ExpiringCache(1)
        self._assertions: ExpiringCache[str, asyncio.Task[str]] = ExpiringCache(_ASSERTIONS_KEPT)

    async def for_msal(self, audience: str) -> object:
        """The assertion for the token endpoint *audience*. Raises ClientError."""
        assertion = await self._once(self._assertions, audience, ASSERTION_LASTS, partial(self._made, audience))
        return {"client_assertion": lambda: assertion}

    async def ends(self) -> datetime | None:
        """When the certificate ends by which Entra knows the key. Raises ClientError."""
        from cryptography import x509  # noqa: PLC0415 - where there is no vault nobody waits for it

        return x509.load_der_x509_certificate(base64.b64decode((await self._certificate()).cer)).not_valid_after_utc

    async def _certificate(self) -> _Certificate:
        return await self._once(self._certificates, "", CERTIFICATE_LASTS, self._read_certificate)

    async def _made(self, audience: str) -> str:
        certificate = await self._certificate()
        now = int(self._now().timestamp())
        header = {
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": _encoded(sha256(base64.b64decode(certificate.cer)).digest()),
        }
        claims = {
            "aud": audience,
            "iss": self._client_id,
            "sub": self._client_id,
            "jti": str(uuid4()),
            "nbf": now,
            "exp": now + int((ASSERTION_LASTS + _MARGIN).total_seconds()),
        }
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        digest = _encoded(sha256(signed.encode()).digest())
        body = json.dumps({"alg": "PS256", "value": digest}).encode()
        answer = await self._ask("POST", f"{certificate.kid}/sign?{_API_VERSION}", _Signature, body)
        return f"{signed}.{answer.value}"

    async def _read_certificate(self) -> _Certificate:
        found = await self._ask("GET", self._asked_for, _Certificate)
        if not self._signing.fullmatch(found.kid):
            raise Unreadable("the vault names a key that is not the certificate's")
        return found

    async def _ask[M: BaseModel](self, method: str, url: str, form: type[M], body: bytes = b"") -> M:
        headers = {"Authorization": f"Bearer {await self._token()}", "Content-Type": "application/json"}
        return await self._http.send(Request(method, url, Intent.READ, headers, body), partial(_read, form))

    async def _once[V](
        self,
        kept: ExpiringCache[str, asyncio.Task[V]],
        key: str,
        lasts: timedelta,
        make: Callable[[], Any],
    ) -> V:
        """What *make* gives, once for all who ask within *lasts*. A caller that gives up cancels it for nobody else."""
        task = kept.get(key, self._now())
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.create_task(make())
            kept.put(key, task, self._now() + lasts)
        return await asyncio.shield(task)


def _read[M: BaseModel](form: type[M], answer: Answer) -> M:
    try:
        raise_for_status(answer)
    except (CredentialRefused, Forbidden) as refusal:
        raise CredentialRefused(
            f"the vault does not sign: {refusal.sentence}", call=answer.call, remedy=_REMEDY
        ) from None
    try:
        return form.model_validate(answer.json())
    except ValidationError:
        raise Unreadable("the vault's answer makes no sense", call=answer.call) from None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
