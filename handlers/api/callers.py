"""Who asks: the holder of a function key, whom the platform has let in, or whoever an Entra ID token names."""

import logging
from collections.abc import Mapping
from typing import Any

from clients.connect import Clients
from clients.entra.callers_tokens import TokenRefused
from clients.errors import ClientError
from handlers.api.endpoint import Role
from handlers.api.problem import Problem

log = logging.getLogger("holdfast.callers")

KEY = "function key"
"""A key has no name of its own: the platform tells the app neither its name nor its value."""

LONGEST_NAME = 128
"""It travels in queue messages, which are small."""

_GRANTS: Mapping[Role, frozenset[str]] = {
    "Holdfast.Read": frozenset({"Holdfast.Read", "Holdfast.Operate", "Holdfast.Admin"}),
    "Holdfast.Operate": frozenset({"Holdfast.Operate", "Holdfast.Admin"}),
    "Holdfast.Admin": frozenset({"Holdfast.Admin"}),
}


async def name(headers: Mapping[str, str], role: Role | None, clients: Clients, *, keyed: bool) -> str:
    """The caller's name for the ledger. A token that comes with a key names the caller, and counts.

    Raises:
        Problem: 401 nobody was named, 403 the token's app roles do not include *role*, 503 Entra could not be asked.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if role is None or (keyed and (clients.tokens is None or not token)):
        return KEY
    if clients.tokens is None:
        raise _nobody("tokens are not taken here: HOLDFAST_API_AUDIENCE is not set")
    if scheme.lower() != "bearer" or not token:
        raise _nobody("Authorization: should be a bearer token of Entra ID")
    try:
        claims = await clients.tokens.claims(token.strip())
    except TokenRefused as refused:
        log.warning("token_refused reason=%s", refused)
        raise _nobody(f"Authorization: {refused}") from None
    except ClientError as error:
        log.error("signing_keys_unavailable error=%s", error)  # noqa: TRY400 - a neighbour's failure, not ours
        raise Problem(503, "Service Unavailable", "Entra ID's signing keys cannot be had") from None
    if not _GRANTS[role] & _roles(claims):
        raise Problem(403, "Forbidden", f"the token carries no app role that includes {role}")
    return _name_in(claims)


def _roles(claims: Mapping[str, Any]) -> frozenset[str]:
    given = claims.get("roles")
    return frozenset(map(str, given)) if isinstance(given, list) else frozenset()


def _name_in(claims: Mapping[str, Any]) -> str:
    """A person's sign-in name, or the application that came by itself."""
    person = claims.get("preferred_username") or claims.get("upn") or claims.get("unique_name")
    found = str(person or f"app {claims.get('azp') or claims.get('appid') or claims.get('oid') or 'without id'}")
    return "".join(letter for letter in found if letter.isprintable())[:LONGEST_NAME]


def _nobody(why: str) -> Problem:
    return Problem(401, "Unauthorized", why, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
