"""Who a token of Entra ID is about: the name as the ledger has it, and the roles."""

from collections.abc import Mapping
from typing import Any

from domain.access import APP_ROLES, Role
from domain.shown import visible

LONGEST_NAME = 128
"""Characters of a caller's name: it travels in queue messages, which are small."""

_LONGEST_SIGN_IN = 80


def roles_in(claims: Mapping[str, Any]) -> list[Role]:
    given = claims.get("roles")
    return [APP_ROLES[role] for role in given if role in APP_ROLES] if isinstance(given, list) else []


def person_in(claims: Mapping[str, Any]) -> str:
    """A person's sign-in name, or the application that came by itself, each with its object id."""
    person = claims.get("preferred_username") or claims.get("upn") or claims.get("unique_name")
    name = str(person or f"app {claims.get('azp') or claims.get('appid') or 'without id'}")
    return f"{visible(name)[:_LONGEST_SIGN_IN]} ({claims['oid']})"[:LONGEST_NAME]
