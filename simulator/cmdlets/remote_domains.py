"""Remote domains: which automatic replies leave for whom. Source: docs/reference/exchange.md#remote-domains."""

from simulator.cmdlets.binding import IDENTITY, LISTING, Parameter, boolean, choice, text
from simulator.cmdlets.cmdlet import Cmdlet, delete, lister, maker, setter
from simulator.rows import Row

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


CMDLETS = (
    Cmdlet(f"Get-{KIND}", LISTING, lister(KIND)),
    Cmdlet(f"New-{KIND}", _NEW, maker(KIND, DEFAULTS)),
    Cmdlet(f"Set-{KIND}", {**IDENTITY, **_SETTINGS}, setter(KIND)),
    Cmdlet(f"Remove-{KIND}", IDENTITY, lambda call: delete(call, KIND)),
)
