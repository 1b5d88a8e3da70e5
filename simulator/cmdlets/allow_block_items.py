"""Tenant Allow/Block List: senders, and IPv6 addresses. Source: docs/reference/exchange.md#allow-entries."""

import ipaddress

from simulator.cmdlets.binding import Parameter, boolean, choice, moment, strings, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output
from simulator.failures import invalid, not_found

KIND = "TenantAllowBlockListItems"

_TYPE = Parameter(choice("Sender", "Url", "FileHash", "IP"), mandatory=True)
_ENTRIES = Parameter(strings(), mandatory=True)


def _get(call: Call) -> Output:
    given = call.given
    wanted = {name for name in ("Allow", "Block") if given.get(name)} or {"Allow", "Block"}
    rows = [row for row in call.rows(KIND) if row["ListType"] == given["ListType"] and row["Action"] in wanted]
    return Output([{name: value for name, value in row.items() if name != "ListType"} for row in rows])


def _new(call: Call) -> Output:
    given, now = call.given, call.tenant.now()
    if bool(given.get("Allow")) == bool(given.get("Block")):
        raise invalid("Either Allow or Block must be given.")
    made = [
        {
            "Identity": str(call.tenant.world.next_guid()),
            "Value": _checked(given["ListType"], entry),
            "Action": "Allow" if given.get("Allow") else "Block",
            "ExpirationDate": given.get("ExpirationDate"),
            "LastModifiedDateTime": now,
            "ListSubType": "Tenant",
            "ListType": given["ListType"],
        }
        for entry in given["Entries"]
    ]
    call.tenant.put(KIND, [*call.tenant.rows(KIND), *made])
    return Output([{name: value for name, value in row.items() if name != "ListType"} for row in made])


def _checked(list_type: str, entry: str) -> str:
    """`IP` holds IPv6 only."""
    if list_type != "IP":
        return entry.casefold()
    try:
        return str(ipaddress.IPv6Network(entry, strict=False)) if "/" in entry else str(ipaddress.IPv6Address(entry))
    except ValueError as error:
        raise invalid(f"'{entry}' isn't a valid IPv6 address.") from error


def _remove(call: Call) -> Output:
    gone = {identity.casefold() for identity in call.given["Ids"]}
    rows = call.tenant.rows(KIND)
    if left := gone - {row["Identity"] for row in rows if row["ListType"] == call.given["ListType"]}:
        raise not_found(min(left))
    call.tenant.put(KIND, [row for row in rows if row["Identity"] not in gone])
    return Output()


_SWITCH = Parameter(boolean)
_GET = {"ListType": _TYPE, "Allow": _SWITCH, "Block": _SWITCH, "NoExpiration": _SWITCH, "Entry": Parameter(text())}
_NEW = {
    "ListType": _TYPE,
    "Entries": _ENTRIES,
    "Allow": _SWITCH,
    "Block": _SWITCH,
    "NoExpiration": _SWITCH,
    "ExpirationDate": Parameter(moment),
}

CMDLETS = (
    Cmdlet(f"Get-{KIND}", _GET, _get),
    Cmdlet(f"New-{KIND}", _NEW, _new),
    Cmdlet(f"Remove-{KIND}", {"ListType": _TYPE, "Ids": _ENTRIES}, _remove),
)
