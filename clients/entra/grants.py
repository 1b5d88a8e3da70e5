"""What a tenant has granted our application, as its newest tokens say (docs/reference/entra.md#app-roles).

The tokens are ours and fresh from Entra, so they are read, not checked.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from clients.entra.clouds import Endpoints
from clients.entra.credentials import Credentials
from clients.errors import Unreadable

type Resource = Literal["exchange", "compliance", "graph", "activity"]


@dataclass(frozen=True, slots=True)
class Grant:
    """*app_roles*: on the resource; *directory_roles*: template ids; *object_id*: of our service principal."""

    app_roles: frozenset[str]
    directory_roles: frozenset[str]
    object_id: str


@dataclass(frozen=True, slots=True)
class Grants:
    """Asks Entra for a token of each resource."""

    credentials: Credentials
    endpoints: Endpoints
    client_id: str

    async def on(self, resource: Resource, tenant_id: str) -> Grant:
        """What is granted on *resource* now, by a new token: a cached one may be older than the grant.

        Raises:
            ClientError: Entra gave no token; `remedy` says what to grant.
        """
        scope: str = getattr(self.endpoints, f"{resource}_scope")
        claims = _claims(await self.credentials.token(tenant_id, scope, fresh=True))
        return Grant(_listed(claims, "roles"), _listed(claims, "wids"), str(claims.get("oid", "")))

    def consent_url(self, tenant_id: str) -> str:
        return self.credentials.consent_url(tenant_id)


def _claims(token: str) -> Mapping[str, Any]:
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, IndexError):
        raise Unreadable("Entra's token is not a JWT, so what is granted cannot be seen") from None
    return claims if isinstance(claims, dict) else {}


def _listed(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    found = claims.get(name)
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()
