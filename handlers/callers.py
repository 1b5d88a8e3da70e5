"""Who a token of Entra ID is about: a person or an application, the name as the ledger has it, and the roles."""

from collections.abc import Mapping
from typing import Any

from domain.access import APP_ROLES, Role
from domain.shown import visible

LONGEST_NAME = 128
"""Characters of a caller's name: it travels in queue messages, which are small."""

_LONGEST_SIGN_IN = 80
_PERSON, _APPLICATION = "oid ", "app "
"""How an identity begins; that of a key begins with `key `."""


def roles_in(claims: Mapping[str, Any]) -> list[Role]:
    given = claims.get("roles")
    return [APP_ROLES[role] for role in given if role in APP_ROLES] if isinstance(given, list) else []


def person_in(claims: Mapping[str, Any]) -> str:
    """A person's sign-in name, or the application that came by itself, each with its object id."""
    person = claims.get("preferred_username") or claims.get("upn") or claims.get("unique_name")
    name = str(
        (not _is_application(claims) and person) or f"app {claims.get('azp') or claims.get('appid') or 'without id'}"
    )
    return f"{visible(name)[:_LONGEST_SIGN_IN]} ({claims['oid']})"[:LONGEST_NAME]


def identity_in(claims: Mapping[str, Any]) -> str:
    """The object id, and whether it is a person's or that of an application, which came by itself (`idtyp`)."""
    return f"{_APPLICATION if _is_application(claims) else _PERSON}{claims['oid']}"


def is_person(identity: str) -> bool:
    """Whether a person who signed in by Entra has *identity*; not an application, nor whoever holds a key."""
    return identity.startswith(_PERSON)


def _is_application(claims: Mapping[str, Any]) -> bool:
    return claims.get("idtyp") == "app"
