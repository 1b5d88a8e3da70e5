"""Inbound connectors. Source: docs/reference/exchange.md#inbound-connectors."""

from simulator.cmdlets.binding import IDENTITY, LISTING, Parameter, boolean, choice, inbound_address, strings, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, delete, find, insert, lister, update
from simulator.failures import CmdletError, invalid
from simulator.rows import Row, directory

KIND = "InboundConnector"
CREATED_DISABLED = (
    "Inbound connector for this service offering is created in a disabled state. Contact Support to enable it."
)
CANNOT_ENABLE = "For this service offering, you can't enable an inbound connector. Contact Support to enable it."

DEFAULTS: Row = {
    "Enabled": True,
    "ConnectorType": "Partner",
    "ConnectorSource": "Default",
    "Comment": "",
    "SenderIPAddresses": [],
    "SenderDomains": [],
    "TrustedOrganizations": [],
    "ClientHostNames": [],
    "AssociatedAcceptedDomains": [],
    "RequireTls": True,
    "RestrictDomainsToIPAddresses": False,
    "RestrictDomainsToCertificate": False,
    "CloudServicesMailEnabled": False,
    "TreatMessagesAsInternal": False,
    "TlsSenderCertificateName": None,
    "EFTestMode": False,
    "ScanAndDropRecipients": [],
    "EFSkipLastIP": False,
    "EFSkipIPs": [],
    "EFSkipMailGateway": [],
    "EFUsers": [],
}


def sender_domain(item: str) -> str:
    """`*` or `contoso.com` as it is always stored: `smtp:<domain>;<cost>`."""
    bare = item.removeprefix("smtp:").removeprefix("SMTP:")
    domain, _, cost = bare.partition(";")
    return f"smtp:{domain.lower()};{cost or 1}"


_SETTINGS = {
    "ConnectorType": Parameter(choice("Partner", "OnPremises")),
    "SenderIPAddresses": Parameter(strings(inbound_address)),
    "RestrictDomainsToIPAddresses": Parameter(boolean),
    "RestrictDomainsToCertificate": Parameter(boolean),
    "TlsSenderCertificateName": Parameter(text()),
    "RequireTls": Parameter(boolean),
    "CloudServicesMailEnabled": Parameter(boolean),
    "TreatMessagesAsInternal": Parameter(boolean),
    "Enabled": Parameter(boolean),
    "ConnectorSource": Parameter(choice("Default", "HybridWizard", "Migrated")),
    "Comment": Parameter(text()),
    "EFSkipLastIP": Parameter(boolean),
    "EFSkipIPs": Parameter(strings()),
    "EFUsers": Parameter(strings()),
    "EFTestMode": Parameter(boolean),
    "EFSkipMailGateway": Parameter(strings()),
    "ScanAndDropRecipients": Parameter(strings()),
    "ClientHostNames": Parameter(strings()),
    "TrustedOrganizations": Parameter(strings()),
    "AssociatedAcceptedDomains": Parameter(strings()),
}
_NEW = {
    "Name": Parameter(text(64), mandatory=True),
    "SenderDomains": Parameter(strings(sender_domain), mandatory=True),
    **_SETTINGS,
}
_SET = {**IDENTITY, "Name": Parameter(text(64)), "SenderDomains": Parameter(strings(sender_domain)), **_SETTINGS}


def _new(call: Call) -> Output:
    _check(DEFAULTS | call.given)
    forced = _forced_off(call, (DEFAULTS | call.given)["ConnectorType"])
    row = insert(call, KIND, DEFAULTS, call.given | {"Enabled": False} if forced else call.given)
    return Output([directory(row, call.tenant.initial_domain)], [CREATED_DISABLED] if forced else [])


def _set(call: Call) -> Output:
    row = find(call.tenant.rows(KIND), call.given["Identity"])
    _check(row | call.given)
    if call.given.get("Enabled") and not row["Enabled"] and _forced_off(call, (row | call.given)["ConnectorType"]):
        raise CmdletError(CANNOT_ENABLE, "Microsoft.Exchange.Management.Tasks.InboundConnectorDisabledException")
    return update(call, KIND, row, call.given)


def _check(row: Row) -> None:
    if row["TreatMessagesAsInternal"] and (row["ConnectorType"] != "OnPremises" or row["CloudServicesMailEnabled"]):
        raise invalid("TreatMessagesAsInternal can only be used on an OnPremises connector without"
                      " CloudServicesMailEnabled.")  # fmt: skip


def _forced_off(call: Call, connector_type: str) -> bool:
    match call.tenant.switches.created_disabled:
        case "always":
            return True
        case "on_premises":
            return connector_type == "OnPremises"
        case _:
            return False


CMDLETS = (
    Cmdlet("Get-InboundConnector", LISTING, lister(KIND)),
    Cmdlet("New-InboundConnector", _NEW, _new),
    Cmdlet("Set-InboundConnector", _SET, _set),
    Cmdlet("Remove-InboundConnector", IDENTITY, lambda call: delete(call, KIND)),
)
