"""Anti-spam policies: whose mail is not looked at. Source: docs/reference/exchange.md#anti-spam-policies."""

from simulator.cmdlets.binding import IDENTITY, Parameter, strings, text
from simulator.cmdlets.cmdlet import Cmdlet, lister, maker, setter
from simulator.rows import Row

KIND = "HostedContentFilterPolicy"

DEFAULTS: Row = {
    "IsDefault": False,
    "AllowedSenders": [],
    "AllowedSenderDomains": [],
    "BlockedSenders": [],
    "BlockedSenderDomains": [],
    "RecommendedPolicyType": "Custom",
}
_LISTS = {
    name: Parameter(strings(str.casefold))
    for name in ("AllowedSenders", "AllowedSenderDomains", "BlockedSenders", "BlockedSenderDomains")
}


CMDLETS = (
    Cmdlet(f"Get-{KIND}", {"Identity": Parameter(text())}, lister(KIND)),
    Cmdlet(f"New-{KIND}", {"Name": Parameter(text(64), mandatory=True), **_LISTS}, maker(KIND, DEFAULTS)),
    Cmdlet(f"Set-{KIND}", {**IDENTITY, **_LISTS}, setter(KIND)),
)
