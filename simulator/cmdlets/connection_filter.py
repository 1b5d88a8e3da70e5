"""The hosted connection filter: IP allow and block lists. Source: docs/reference/exchange.md#connection-filter."""

import ipaddress

from simulator.cmdlets.binding import IDENTITY, Parameter, boolean, strings, text
from simulator.cmdlets.cmdlet import Cmdlet, lister, setter
from simulator.failures import invalid
from simulator.rows import Row

KIND = "HostedConnectionFilterPolicy"
_LARGEST = 256

DEFAULTS: Row = {
    "IsDefault": True,
    "IPAllowList": [],
    "IPBlockList": [],
    "EnableSafeList": False,
    "DirectoryBasedEdgeBlockMode": "Default",
    "Name": "Default",
}


def _address(item: str) -> str:
    """A single IPv4, a range of at most 256 addresses, or a CIDR from /24 to /32."""
    try:
        size = _size(item)
    except ValueError as error:
        raise invalid(f"'{item}' isn't a valid IPv4 address or range.") from error
    if not 0 < size <= _LARGEST:
        raise invalid(f"The range '{item}' must have at most {_LARGEST} addresses.")
    return item


def _size(item: str) -> int:
    first, dash, last = item.partition("-")
    if dash:
        return int(ipaddress.IPv4Address(last)) - int(ipaddress.IPv4Address(first)) + 1
    return ipaddress.IPv4Network(item, strict=False).num_addresses


_SET = {
    **IDENTITY,
    "IPAllowList": Parameter(strings(_address)),
    "IPBlockList": Parameter(strings(_address)),
    "EnableSafeList": Parameter(boolean),
}

CMDLETS = (
    Cmdlet(f"Get-{KIND}", {"Identity": Parameter(text())}, lister(KIND)),
    Cmdlet(f"Set-{KIND}", _SET, setter(KIND)),
)
