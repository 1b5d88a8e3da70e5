"""Access tokens: JWTs signed with a constant (HS256), and what stands in them.

Source: docs/reference/entra.md#tokens, #app-roles, #directory-roles.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

_KEY = b"the simulator signs with this and with nothing else"

APP_ROLE = "Exchange.ManageAsApp"

# Audience (the scope without `/.default`) and the resource application behind it.
RESOURCES = {
    "https://outlook.office365.com": "00000002-0000-0ff1-ce00-000000000000",
    "https://ps.compliance.protection.outlook.com": "00000007-0000-0ff1-ce00-000000000000",
    "https://graph.microsoft.com": "00000003-0000-0000-c000-000000000000",
    "https://manage.office.com": "c5393580-f805-4401-95e8-94b7a6ef2fc2",
    "https://management.azure.com": "797f4846-ba00-4fd7-ba43-dac1f8f63013",
}
AUDIENCES = {
    "exchange": "https://outlook.office365.com",
    "compliance": "https://ps.compliance.protection.outlook.com",
    "graph": "https://graph.microsoft.com",
    "activity": "https://manage.office.com",
    "management": "https://management.azure.com",
}
# What may be granted on the other two resources (docs/reference/defender-alerts-and-audit.md#permissions).
PERMISSIONS = {
    "graph": {
        "SecurityAlert.Read.All",
        "SecurityAlert.ReadWrite.All",
        "DelegatedAdminRelationship.Read.All",
        "CrossTenantInformation.ReadBasic.All",
        "ExchangeMessageTrace.Read.All",
    },
    "activity": {"ActivityFeed.Read"},
}

DIRECTORY_ROLES = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Exchange Administrator": "29232cdf-9323-42fd-ade2-1d097af3e4de",
    "Compliance Administrator": "17315797-102d-40b4-93e0-432062caca18",
    "Security Administrator": "194ae4cb-b126-40b2-bd5b-6091b380977d",
    "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
    "Security Reader": "5d6b6bb7-de71-4623-b4af-96380a352509",
    "Exchange Recipient Administrator": "31392ffb-586c-42d1-9346-e59415a2cc4e",
}


def sign(claims: Mapping[str, Any]) -> str:
    """The claims as a JWT."""
    head = _encode(b'{"typ":"JWT","alg":"HS256"}')
    body = _encode(json.dumps(dict(claims), separators=(",", ":")).encode())
    return f"{head}.{body}.{_signature(f'{head}.{body}')}"


def claims_of(token: str) -> Mapping[str, Any] | None:
    """The claims of any JWT, unverified; None: not a JWT."""
    try:
        _, body, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except ValueError:
        return None
    return MappingProxyType(claims) if isinstance(claims, dict) else None


@lru_cache(maxsize=4096)  # a batch repeats its token eleven times
def verified(token: str) -> Mapping[str, Any] | None:
    """The claims of a token that was signed here; None: it was not."""
    signed, _, signature = token.rpartition(".")
    return claims_of(token) if hmac.compare_digest(signature.encode(), _signature(signed).encode()) else None


def _signature(signed: str) -> str:
    return _encode(hmac.new(_KEY, signed.encode(), hashlib.sha256).digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
