"""Directory objects as plain rows, and the properties that every one of them has."""

from datetime import UTC, datetime
from typing import Any

type Row = dict[str, Any]
"""One object. Values are JSON types, `UUID`, aware `datetime` and `UInt16`; the wire adds the type annotations."""

FIRST_DAY = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
"""When everything in a starting state was made."""


class UInt16(int):
    """A .NET UInt16, which the wire annotates differently from an Int32 (docs/reference/exchange.md#values)."""


def matches(row: Row, identity: str) -> bool:
    """Whether *identity* is this object's name, GUID or full identity (Exchange compares without case)."""
    wanted = identity.casefold()
    return any(str(row.get(key, "")).casefold() == wanted for key in ("Name", "Guid", "Identity"))


def directory(row: Row, organization: str, *, created: bool = True) -> Row:
    """The object with what Exchange derives for each . *created*: the kind shows WhenCreated."""
    name, guid, changed = row["Name"], row["Guid"], row["WhenChanged"]
    derived = {
        "AdminDisplayName": "",
        "Name": name,
        "Identity": name,
        "Id": name,
        "ExchangeVersion": "0.1 (8.0.535.0)",
        "DistinguishedName": f"CN={name},CN=Transport Settings,CN=Configuration,CN={organization},DC=EXAMPLE",
        "Guid": guid,
        "ExchangeObjectId": guid,
        "OrganizationId": f"EURPR00A001.PROD.OUTLOOK.COM/ConfigurationUnits/{organization}",
        "OriginatingServer": "EXAMPLEDC01.EURPR00A001.PROD.OUTLOOK.COM",
        "WhenChanged": changed,
        "WhenChangedUTC": changed,
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    if created:
        return row | derived | {"WhenCreatedUTC": row["WhenCreated"]}
    return {name: value for name, value in row.items() if name != "WhenCreated"} | derived
