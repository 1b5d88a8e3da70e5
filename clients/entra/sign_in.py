"""People sign in: OpenID Connect's code flow with PKCE, by MSAL, for the one registration of the MSP's own tenant.

No refresh token is asked for, and none is kept. The ID token comes straight from Entra's token endpoint over TLS, so
that its signature need not be checked (OpenID Connect Core 1.0, 3.1.3.7); MSAL leaves what else it says to the caller.
"""

import asyncio
import hmac
import warnings
from collections.abc import Mapping
from contextvars import copy_context
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from clients.entra.credentials import Credential
from clients.entra.entra_errors import entra_error
from clients.entra.msal_transport import MsalTransport
from clients.http import Clock, Http

if TYPE_CHECKING:
    from msal import ConfidentialClientApplication  # type: ignore[import-untyped]

_LEEWAY = timedelta(minutes=2)
"""Between Entra's clock and ours."""

SILENT_NO = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})
"""What Entra answers to `prompt=none` where a person has to do something (OpenID Connect Core 1.0, 3.1.2.6)."""


class SignInRefused(Exception):  # noqa: N818 - the outcome
    """Nobody is signed in; *str()* says why, for the person. *silent*: only that Entra has to ask them."""

    def __init__(self, why: str, *, silent: bool = False) -> None:
        super().__init__(why)
        self.silent = silent


class SignIn:
    """Entra's sign-in for the registration *client_id* in the tenant *tenant_id*.

    *pages*: the base of what people's browsers see of Entra; elsewhere than *login* only before a simulator.
    """

    def __init__(  # noqa: PLR0913 - what one registration is
        self, http: Http, *, login: str, pages: str, tenant_id: str, client_id: str, credential: Credential, now: Clock
    ) -> None:
        self._http, self._login, self._pages = http, login, pages
        self._tenant_id, self._client_id, self._credential = tenant_id, client_id, credential
        self._now = now

    async def begin(self, back: str, *, silent: bool) -> tuple[str, dict[str, Any]]:
        """Where the browser goes, and what is to be kept until it comes back to *back*.

        *silent*: Entra is to ask the person nothing.
        """
        application = await self._application()
        prompt = {"prompt": "none"} if silent else {}
        with warnings.catch_warnings():
            # MSAL would have Entra post the answer, but no cookie with SameSite=Lax comes with a post from elsewhere.
            warnings.simplefilter("ignore", UserWarning)
            flow: dict[str, Any] = application.initiate_auth_code_flow([], redirect_uri=back, **prompt)
        query = str(flow.pop("auth_uri")).partition("?")[2]
        return f"{self._pages}/{self._tenant_id}/oauth2/v2.0/authorize?{query}", flow

    async def finish(self, flow: dict[str, Any], answer: Mapping[str, str]) -> Mapping[str, Any]:
        """The claims of the person who came back with *answer*.

        Raises:
            SignInRefused: Entra said no, the answer belongs to another sign-in, or the person to another tenant.
            ClientError: Entra could not be asked.
        """
        if error := answer.get("error"):
            raise SignInRefused(answer.get("error_description", error)[:300], silent=error in SILENT_NO)
        application = await self._application()
        loop = asyncio.get_running_loop()

        def ask() -> Mapping[str, Any]:
            result: Mapping[str, Any] = application.acquire_token_by_auth_code_flow(flow, dict(answer))
            return result

        try:
            result = await loop.run_in_executor(None, copy_context().run, ask)
        except (ValueError, RuntimeError):  # MSAL's words for another state, and for another nonce
            raise SignInRefused("the answer belongs to another sign-in: begin again") from None
        if "error" in result:
            raise SignInRefused(str(entra_error(result, "").sentence)[:300])
        return self._checked(result.get("id_token_claims") or {}, str(flow.get("nonce", "")))

    def _checked(self, claims: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        now = self._now()
        # MSAL sends the hash, and keeps the nonce.
        known = hmac.compare_digest(str(claims.get("nonce", "")), sha256(nonce.encode()).hexdigest())
        if not known or claims.get("aud") != self._client_id:
            raise SignInRefused("the token was made out for another sign-in: begin again")
        if claims.get("tid") != self._tenant_id:
            raise SignInRefused("you belong to another organisation: only people of this one may sign in")
        if not isinstance(claims.get("exp"), int) or now > datetime.fromtimestamp(claims["exp"], now.tzinfo) + _LEEWAY:
            raise SignInRefused("the token has expired: begin again")
        if not isinstance(claims.get("oid"), str):
            raise SignInRefused("the token names nobody")
        return claims

    def sign_out_url(self, back: str) -> str:
        """Where a browser goes so that Entra forgets the person, too."""
        return f"{self._pages}/{self._tenant_id}/oauth2/v2.0/logout?{urlencode({'post_logout_redirect_uri': back})}"

    async def _application(self) -> "ConfidentialClientApplication":
        # It takes half a second to import, and most instances sign nobody in.
        from msal import ConfidentialClientApplication  # noqa: PLC0415

        loop = asyncio.get_running_loop()
        endpoint = f"{self._login}/{self._tenant_id}/oauth2/v2.0/token"
        transport = MsalTransport(self._http, loop, endpoint)
        credential = await self._credential.for_msal(endpoint)

        def made() -> ConfidentialClientApplication:
            return ConfidentialClientApplication(
                self._client_id,
                client_credential=credential,
                authority=f"https://{self._login.partition('://')[2]}/{self._tenant_id}",
                instance_discovery=False,
                http_client=transport,
                exclude_scopes=["offline_access"],
            )

        return await loop.run_in_executor(None, made)
