"""Anti-spam policies: whose mail is not looked at. Source: docs/reference/exchange.md#anti-spam-policies."""

from simulator.cmdlets.binding import IDENTITY, Parameter, strings, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, find, insert, lister, update
from simulator.rows import Row, directory

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


def _new(call: Call) -> Output:
    return Output([directory(insert(call, KIND, DEFAULTS, call.given), call.tenant.initial_domain)])


def _set(call: Call) -> Output:
    return update(call, KIND, find(call.tenant.rows(KIND), call.given["Identity"]), call.given)


CMDLETS = (
    Cmdlet(f"Get-{KIND}", {"Identity": Parameter(text())}, lister(KIND)),
    Cmdlet(f"New-{KIND}", {"Name": Parameter(text(64), mandatory=True), **_LISTS}, _new),
    Cmdlet(f"Set-{KIND}", {**IDENTITY, **_LISTS}, _set),
)
