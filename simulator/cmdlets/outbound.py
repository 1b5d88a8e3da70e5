"""Outbound connectors. Source: docs/reference/exchange.md#outbound-connectors."""

from simulator.cmdlets.binding import IDENTITY, LISTING, Parameter, boolean, choice, moment, strings, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, delete, find, insert, listing, update
from simulator.failures import invalid
from simulator.rows import Row, directory, matches

KIND = "OutboundConnector"

DEFAULTS: Row = {
    "Enabled": True,
    "UseMXRecord": True,
    "Comment": "",
    "ConnectorType": "Partner",
    "ConnectorSource": "Default",
    "RecipientDomains": [],
    "SmartHosts": [],
    "TlsDomain": None,
    "TlsSettings": None,
    "IsTransportRuleScoped": False,
    "RouteAllMessagesViaOnPremises": False,
    "CloudServicesMailEnabled": False,
    "AllAcceptedDomains": False,
    "SenderRewritingEnabled": False,
    "MtaStsMode": "Opportunistic",
    "SmtpDaneMode": "Opportunistic",
    "TestMode": False,
    "ValidationRecipients": [],
    "IsValidated": False,
    "LastValidationTimestamp": None,
}

_SETTINGS = {
    "ConnectorType": Parameter(choice("Partner", "OnPremises")),
    "Enabled": Parameter(boolean),
    "UseMXRecord": Parameter(boolean),
    "SmartHosts": Parameter(strings()),
    "RecipientDomains": Parameter(strings()),
    "IsTransportRuleScoped": Parameter(boolean),
    "TlsSettings": Parameter(choice("EncryptionOnly", "CertificateValidation", "DomainValidation", nullable=True)),
    "TlsDomain": Parameter(text()),
    "CloudServicesMailEnabled": Parameter(boolean),
    "RouteAllMessagesViaOnPremises": Parameter(boolean),
    "AllAcceptedDomains": Parameter(boolean),
    "SenderRewritingEnabled": Parameter(boolean),
    "MtaStsMode": Parameter(choice("None", "Opportunistic")),
    "SmtpDaneMode": Parameter(choice("None", "Opportunistic", "Mandatory")),
    "TestMode": Parameter(boolean),
    "ConnectorSource": Parameter(choice("Default", "HybridWizard", "Migrated")),
    "Comment": Parameter(text()),
}
_NEW = {"Name": Parameter(text(64), mandatory=True), **_SETTINGS}
_SET = {
    **IDENTITY,
    "Name": Parameter(text(64)),
    **_SETTINGS,
    "IsValidated": Parameter(boolean),
    "LastValidationTimestamp": Parameter(moment),
    "ValidationRecipients": Parameter(strings()),
}
_GET = {**LISTING, "IsTransportRuleScoped": Parameter(boolean), "IncludeTestModeConnectors": Parameter(boolean)}


def _get(call: Call) -> Output:
    rows = [row for row in call.rows(KIND) if _asked_for(call, row)]
    return listing(call, [directory(row, call.tenant.initial_domain) for row in rows])


def _asked_for(call: Call, row: Row) -> bool:
    """Whether the call, in the variant it is, returns this connector.

    Documented: the plain call hides scoped and test-mode connectors, and a switch returns only those. Measured: the
    plain call returns scoped ones too, and `IncludeTestModeConnectors` is "everything".
    """
    if call.given.get("Identity"):
        return True
    documented = call.tenant.switches.outbound_reads == "documented"
    if call.given.get("IsTransportRuleScoped"):
        return bool(row["IsTransportRuleScoped"])
    if call.given.get("IncludeTestModeConnectors"):
        return bool(row["TestMode"]) if documented else True
    return not row["TestMode"] and not (documented and row["IsTransportRuleScoped"])


def _new(call: Call) -> Output:
    _check(DEFAULTS | call.given, call.given)
    return Output([directory(insert(call, KIND, DEFAULTS, call.given), call.tenant.initial_domain)])


def _set(call: Call) -> Output:
    row = find(call.tenant.rows(KIND), call.given["Identity"])
    _check(row | call.given, call.given)
    if row["IsTransportRuleScoped"] and call.given.get("IsTransportRuleScoped") is False:
        _refuse_in_use(call, row)
    return update(call, KIND, row, call.given)


def _remove(call: Call) -> Output:
    _refuse_in_use(call, find(call.tenant.rows(KIND), call.given["Identity"]))
    return delete(call, KIND)


def _check(row: Row, given: Row) -> None:
    if given.get("UseMXRecord") is False and not given.get("SmartHosts"):
        raise invalid("SmartHosts must be specified when UseMXRecord is false.")
    if row["TlsDomain"] and row["TlsSettings"] != "DomainValidation":
        raise invalid("TlsDomain can be used only when TlsSettings is set to DomainValidation.")


def _refuse_in_use(call: Call, row: Row) -> None:
    if not call.tenant.switches.connector_in_use_protected:
        return
    for rule in call.tenant.rows("TransportRule"):
        if matches(row, str(rule["RouteMessageOutboundConnector"])):
            raise invalid(f"The connector '{row['Name']}' is used by the transport rule '{rule['Name']}'.")


CMDLETS = (
    Cmdlet("Get-OutboundConnector", _GET, _get),
    Cmdlet("New-OutboundConnector", _NEW, _new),
    Cmdlet("Set-OutboundConnector", _SET, _set),
    Cmdlet("Remove-OutboundConnector", IDENTITY, _remove),
)
