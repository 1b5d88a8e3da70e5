"""Tenant Allow/Block List, spoofed senders. Five fields are the whole record.

Source: docs/reference/exchange.md#spoofed-senders.
"""

import ipaddress

from simulator.cmdlets.binding import Parameter, choice, strings, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, listing
from simulator.failures import already_exists, invalid, not_found
from simulator.rows import Row

KIND = "TenantAllowBlockListSpoofItems"
MOST = 1024
_KEY = ("SpoofedUser", "SendingInfrastructure", "SpoofType")

_TYPE = choice("External", "Internal")
_ACTION = choice("Allow", "Block")
_TARGET = Parameter(text(), mandatory=True)
_IDS = Parameter(strings(), mandatory=True)


def _get(call: Call) -> Output:
    rows = [row for row in call.rows(KIND) if _asked_for(call, row)]
    if _is_list(call.given.get("Identity") or "Default"):
        return Output(rows)
    return listing(call, rows)


def _asked_for(call: Call, row: Row) -> bool:
    return all(call.given.get(name) in {None, row[name]} for name in ("Action", "SpoofType"))


def _new(call: Call) -> Output:
    _check_list(call)
    item = {key: call.given[key] for key in (*_KEY, "Action")}
    item["SendingInfrastructure"] = _infrastructure(call, item["SendingInfrastructure"])
    rows = call.tenant.rows(KIND)
    _check(rows, item)
    if any(_natural_key(row) == _natural_key(item) for row in rows):
        raise already_exists(
            f"{item['SpoofedUser']}, {item['SendingInfrastructure']}", call.tenant.switches.already_exists
        )
    row = {"Identity": str(call.tenant.world.next_guid()), **item}
    call.tenant.put(KIND, [*rows, row])
    return Output([row] if call.tenant.switches.spoof_new_echo else None)


def _set(call: Call) -> Output:
    _check_list(call)
    ids = _known_ids(call)
    action = {"Action": call.given["Action"]}
    rows = call.tenant.rows(KIND)
    if all(row["Action"] == action["Action"] for row in rows if row["Identity"] in ids):
        return Output(warnings=["The command completed successfully but no settings of 'Default' have been modified."])
    call.tenant.put(KIND, [row | action if row["Identity"] in ids else row for row in rows])
    return Output()


def _remove(call: Call) -> Output:
    _check_list(call)
    ids = _known_ids(call)
    call.tenant.put(KIND, [row for row in call.tenant.rows(KIND) if row["Identity"] not in ids])
    return Output()


def _known_ids(call: Call) -> set[str]:
    known = {row["Identity"] for row in call.tenant.rows(KIND)}
    for identity in call.given["Ids"]:
        if identity.lower() not in known:
            raise not_found(identity)
    return {identity.lower() for identity in call.given["Ids"]}


def _is_list(identity: str) -> bool:
    return identity.casefold().rpartition("\\")[2] == "default"


def _check_list(call: Call) -> None:
    if not _is_list(call.given["Identity"]):
        raise not_found(call.given["Identity"])


def _check(rows: list[Row], item: Row) -> None:
    if item["SpoofedUser"] == item["SendingInfrastructure"] == "*":
        raise invalid("A wildcard is allowed for either the spoofed user or the sending infrastructure, not both.")
    if len(rows) >= MOST:
        raise invalid(f"You have reached the maximum of {MOST} spoofed sender entries.")


def _infrastructure(call: Call, value: str) -> str:
    """A domain, `*`, or an IPv4 /24: the only size there is."""
    if "/" not in value:
        return value
    try:
        network = ipaddress.IPv4Network(value, strict=False)
    except ValueError as error:
        raise invalid(f"'{value}' isn't a valid sending infrastructure.") from error
    if network.prefixlen != 24:  # noqa: PLR2004 - the service's own limit
        raise invalid(f"'{value}' isn't a valid sending infrastructure. Only /24 is supported.")
    return str(network) if call.tenant.switches.spoof_zeroes_host_bits else value


def _natural_key(row: Row) -> tuple[str, ...]:
    return tuple(row[name].casefold() for name in _KEY)


_GET = {"Identity": Parameter(text()), "Action": Parameter(_ACTION), "SpoofType": Parameter(_TYPE)}
_NEW = {
    "Identity": _TARGET,
    "SpoofedUser": _TARGET,
    "SendingInfrastructure": _TARGET,
    "SpoofType": Parameter(_TYPE, mandatory=True),
    "Action": Parameter(_ACTION, mandatory=True),
}
_SET = {"Identity": _TARGET, "Ids": _IDS, "Action": Parameter(_ACTION, mandatory=True)}

CMDLETS = (
    Cmdlet(f"Get-{KIND}", _GET, _get),
    Cmdlet(f"New-{KIND}", _NEW, _new),
    Cmdlet(f"Set-{KIND}", _SET, _set),
    Cmdlet(f"Remove-{KIND}", {"Identity": _TARGET, "Ids": _IDS}, _remove),
)
