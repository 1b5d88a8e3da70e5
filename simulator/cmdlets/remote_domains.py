"""Remote domains: which automatic replies leave for whom. Source: docs/reference/exchange.md#remote-domains."""

from simulator.cmdlets.binding import IDENTITY, LISTING, Parameter, boolean, choice, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, delete, find, insert, lister, update
from simulator.rows import Row, directory

KIND = "RemoteDomain"

DEFAULTS: Row = {
    "DomainName": "*",
    "IsInternal": False,
    "AllowedOOFType": "External",
    "AutoReplyEnabled": True,
    "AutoForwardEnabled": True,
    "TrustedMailInboundEnabled": False,
}
_SETTINGS = {
    "IsInternal": Parameter(boolean),
    "AllowedOOFType": Parameter(choice("External", "InternalLegacy", "ExternalLegacy", "None")),
    "AutoReplyEnabled": Parameter(boolean),
    "AutoForwardEnabled": Parameter(boolean),
    "TrustedMailInboundEnabled": Parameter(boolean),
}
_NEW = {"Name": Parameter(text(64), mandatory=True), "DomainName": Parameter(text(), mandatory=True)}


def _new(call: Call) -> Output:
    return Output([directory(insert(call, KIND, DEFAULTS, call.given), call.tenant.initial_domain)])


def _set(call: Call) -> Output:
    return update(call, KIND, find(call.tenant.rows(KIND), call.given["Identity"]), call.given)


CMDLETS = (
    Cmdlet(f"Get-{KIND}", LISTING, lister(KIND)),
    Cmdlet(f"New-{KIND}", _NEW, _new),
    Cmdlet(f"Set-{KIND}", {**IDENTITY, **_SETTINGS}, _set),
    Cmdlet(f"Remove-{KIND}", IDENTITY, lambda call: delete(call, KIND)),
)
