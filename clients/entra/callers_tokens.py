"""Tokens that callers show us: access tokens of Entra ID, made out for our API.

Signing keys are fetched when a token names one that is not known, at most once a minute, and kept for a day: Entra
announces a new key long before it signs with it (Microsoft Learn, "Signing key rollover in the Microsoft identity
platform"). Claims: Microsoft Learn, "Access token claims reference".
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.entra.clouds import Endpoints
from clients.errors import ClientError, Unreachable
from clients.http import Answer, Clock, Http, Intent, Request, raise_for_status

_ALGORITHM = "RS256"
_KEPT = timedelta(days=1)
ASKED_AGAIN_AFTER = timedelta(minutes=1)
"""The service asks Entra for keys no more often than this, however many tokens name unknown ones."""
PAUSED = timedelta(seconds=5)
"""How long the service does not ask again after Entra gave no keys: anybody can send a token."""
LEEWAY = timedelta(minutes=1)
"""Between Entra's clock and ours."""


SCOPE = "Holdfast.Use"
"""What a token lets an application do as the person who is signed in (delegated): the one scope of our API."""


class TokenRefused(Exception):  # noqa: N818 - the outcome
    """The token is refused; *str()* says why, and repeats nothing of it."""


class Tokens:
    """Checks tokens for the API with *audiences*, of the tenant *tenant_id*."""

    def __init__(
        self, http: Http, endpoints: Endpoints, tenant_id: str, audiences: tuple[str, ...], *, now: Clock
    ) -> None:
        self._http = http
        self._keys_url = f"{endpoints.login}/{tenant_id}/discovery/v2.0/keys"
        # Which of the two an app gets is a setting of its registration (accessTokenAcceptedVersion).
        self._issuers = (f"{endpoints.login}/{tenant_id}/v2.0", f"https://sts.windows.net/{tenant_id}/")
        self._tenant_id = tenant_id
        self._audiences = audiences
        self._now = now
        self._keys: dict[str, Any] = {}
        self._asked_at: datetime | None = None
        self._failed_at: datetime | None = None
        self._asking = asyncio.Lock()

    async def claims(self, token: str) -> Mapping[str, Any]:
        """What a token says, once its signature, issuer, audience and times are found good.

        Raises:
            TokenRefused: It is malformed, forged, expired, not valid yet, somebody else's, or no access to our API.
            ClientError: Entra gave no keys.
        """
        # Imported where a token is used: its cryptography would add to every cold start.
        import jwt  # noqa: PLC0415

        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != _ALGORITHM:  # said before Entra is asked for keys
                raise TokenRefused("what was sent is no access token")
            key = await self._key(str(header.get("kid", "")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audiences,
                issuer=self._issuers,
                options={
                    "require": ["exp", "iss", "aud"],
                    # PyJWT would look at the machine's clock; `_refuse_untimely` looks at ours.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError:
            raise TokenRefused("the token was made out for another audience") from None
        except jwt.InvalidIssuerError:
            raise TokenRefused("the token was issued by another tenant") from None
        except jwt.InvalidSignatureError:
            raise TokenRefused("the token's signature is not Entra's") from None
        except jwt.PyJWTError:
            raise TokenRefused("what was sent is no access token") from None
        self._refuse_untimely(claims)
        self._refuse_without_access(claims)
        return claims

    def _refuse_without_access(self, claims: Mapping[str, Any]) -> None:
        """An ID token has the same audience and roles, but says only who signed in; a foreign *scp* is for others.

        A customer's admin can give himself our roles in his own directory, so the tenant counts whatever the roles say.
        """
        if str(claims.get("tid", "")).lower() != self._tenant_id.lower():
            raise TokenRefused("the token was issued by another tenant")
        if not (claims.get("oid") and isinstance(claims["oid"], str)):
            raise TokenRefused("the token names nobody (oid)")
        if "scp" in claims and SCOPE not in str(claims["scp"]).split():
            raise TokenRefused(f"the token was not given for {SCOPE} (scp)")
        if "scp" not in claims and claims.get("idtyp") != "app":
            raise TokenRefused("the token gives no access: it has no scope (scp) and is no application's (idtyp)")

    def _refuse_untimely(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        if now >= _time(claims["exp"]) + LEEWAY:
            raise TokenRefused("the token has expired")
        if "nbf" in claims and now < _time(claims["nbf"]) - LEEWAY:
            raise TokenRefused("the token is not valid yet")

    async def _key(self, key_id: str) -> Any:  # noqa: ANN401 - PyJWT takes what its PyJWK gives
        async with self._asking:
            age = self._now() - self._asked_at if self._asked_at else _KEPT
            if age >= _KEPT or (key_id not in self._keys and age >= ASKED_AGAIN_AFTER):
                await self._ask()
        if key_id not in self._keys:
            raise TokenRefused("the token is signed with a key that is not Entra's")
        return self._keys[key_id]

    async def _ask(self) -> None:
        """Fetch the keys; where that fails, those that are known still serve."""
        if self._failed_at and self._now() - self._failed_at < PAUSED:
            raise Unreachable("the keys could not be had a moment ago", sent=False)
        try:
            found = await self._http.send(Request("GET", self._keys_url, Intent.READ), _keys)
        except ClientError:
            if not self._keys:
                self._failed_at = self._now()
                raise
        else:
            self._keys = found
        self._asked_at = self._now()


def _keys(answer: Answer) -> dict[str, Any]:
    """The RSA signing keys by their id (RFC 7517)."""
    import jwt  # noqa: PLC0415

    raise_for_status(answer)
    listed = answer.json()
    keys = listed.get("keys", []) if isinstance(listed, dict) else []
    return {str(key["kid"]): jwt.PyJWK(key, _ALGORITHM).key for key in keys if key.get("kty") == "RSA" and "kid" in key}


def _time(seconds: object) -> datetime:
    try:
        return datetime.fromtimestamp(float(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        raise TokenRefused("the token's times make no sense") from None
