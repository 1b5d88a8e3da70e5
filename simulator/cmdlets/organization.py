"""Accepted domains, the organisation itself, its customisation, and blocked connectors.

Source: docs/reference/exchange.md#customisation, #accepted-domains, #organisation, #blocked-connectors.
"""

from simulator.cmdlets.binding import LISTING, Parameter, boolean, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, find, listing
from simulator.failures import CmdletError
from simulator.organization import Organization
from simulator.rows import FIRST_DAY, Row, directory

BLOCKED = "BlockedConnector"
ORGANIZATION = "OrganizationConfig"

_DOMAIN: Row = {
    "DomainType": "Authoritative",
    "MatchSubDomains": False,
    "SmtpDaneStatus": "Disabled",
    "AuthenticationType": "Managed",
    "RawAuthenticationType": "Managed",
    "ExternallyManaged": False,
    "PendingRemoval": False,
    "PendingCompletion": False,
    "OutboundOnly": False,
    "EmailOnly": False,
    "AddressBookEnabled": True,
    "SendingFromDomainDisabled": False,
    "SendingToDomainDisabled": False,
    "CatchAllRecipientID": None,
    "FederatedOrganizationLink": "Federation",
}


def is_dehydrated(tenant: Organization) -> bool:
    """Not yet open for customisation, or asked to be and not there yet."""
    return tenant.switches.dehydrated and (tenant.hydration_left is None or tenant.hydration_left > 0)


def block(tenant: Organization, identity: str) -> None:
    row = find(tenant.rows("InboundConnector"), identity)
    entry = {"ConnectorId": row["Guid"], "Name": row["Name"], "Guid": row["Guid"], "Reason": "OutboundSpamLast24Hours"}
    tenant.put(BLOCKED, [*tenant.rows(BLOCKED), entry])


def _accepted_domains(call: Call) -> Output:
    tenant = call.tenant
    names = [*tenant.domains, tenant.initial_domain]
    if tenant.coexistence:
        names.append(f"{tenant.initial_domain.removesuffix('.onmicrosoft.com')}.mail.onmicrosoft.com")
    return listing(call, [_accepted_domain(tenant, name, at) for at, name in enumerate(names)])


def _accepted_domain(tenant: Organization, name: str, position: int) -> Row:
    row = _DOMAIN | {
        "Name": name,
        "DomainName": name,
        "Default": position == 0,
        "InitialDomain": name == tenant.initial_domain,
        "IsCoexistenceDomain": name.endswith(".mail.onmicrosoft.com"),
        "Guid": tenant.starting_guid("AcceptedDomain", name),
        "WhenChanged": FIRST_DAY,
        "WhenCreated": FIRST_DAY,
    }
    return directory(row, tenant.initial_domain)


def _organization(call: Call) -> Output:
    tenant = call.tenant
    if tenant.hydration_left and not call.by_person:
        tenant.hydration_left -= 1
    row = {
        "DisplayName": tenant.domains[0] if tenant.domains else tenant.initial_domain,
        "IsDehydrated": is_dehydrated(tenant),
        "RejectDirectSend": False,
        "EwsEnabled": None,
        "IPListBlocked": [],
        "Name": tenant.initial_domain,
        "Guid": tenant.starting_guid("OrganizationConfig"),
        "WhenChanged": FIRST_DAY,
        "WhenCreated": FIRST_DAY,
    }
    kept = next(iter(call.rows(ORGANIZATION)), {})
    return Output([directory(row | kept, tenant.initial_domain)])


def _set_organization(call: Call) -> Output:
    """What was set is kept beside the starting values."""
    before = next(iter(call.tenant.rows(ORGANIZATION)), {})
    call.tenant.put(ORGANIZATION, [before | call.given])
    return Output()


def _customize(call: Call) -> Output:
    tenant = call.tenant
    if not tenant.switches.dehydrated or tenant.hydration_left is not None:
        raise CmdletError(
            "This operation is not required. Organization is already enabled for customization.",
            "System.InvalidOperationException",
        )
    tenant.hydration_left = tenant.switches.hydration_reads
    return Output()


def _blocked_connectors(call: Call) -> Output:
    """No public page shows the output of this cmdlet; `ConnectorId` is the parameter of Remove-BlockedConnector."""
    wanted = call.given.get("ConnectorId")
    rows = [row for row in call.rows(BLOCKED) if wanted in {None, str(row["ConnectorId"])}]
    return Output([{name: value for name, value in row.items() if name not in {"Guid", "Name"}} for row in rows])


CMDLETS = (
    Cmdlet("Get-AcceptedDomain", LISTING, _accepted_domains),
    Cmdlet("Get-OrganizationConfig", {}, _organization),
    Cmdlet("Set-OrganizationConfig", {"RejectDirectSend": Parameter(boolean)}, _set_organization),
    Cmdlet("Enable-OrganizationCustomization", {}, _customize),
    Cmdlet("Get-BlockedConnector", {"ConnectorId": Parameter(text())}, _blocked_connectors),
)
