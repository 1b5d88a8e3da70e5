"""The states a tenant can start in, as functions from tenant and kind to rows. Values: the ExchangeDefender guide."""

from simulator.cmdlets import (
    alerts,
    anti_phish,
    connection_filter,
    content_filter,
    dkim,
    inbound,
    outbound,
    remote_domains,
    spoof_items,
    transport_rules,
)
from simulator.organization import Organization, State
from simulator.rows import FIRST_DAY, Row

RANGE = "65.99.255.0/24"
OOF_CONNECTOR = "Automatic Replies (Out of Office) Only"
OOF_RULE = "Send Automatic Replies to connector Automatic Replies"
SPOOF_PAIRS = (RANGE, "206.125.40.0/24")
FILTER_MX = "10 inbound30.exchangedefender.com."


def healthy(tenant: Organization, kind: str) -> list[Row]:
    """Everything as the guide documents it, with the lock-down in its Partner form."""
    match kind:
        case inbound.KIND:
            return [_made(tenant, kind, "ExchangeDefender", inbound.DEFAULTS | _LOCK_DOWN)]
        case outbound.KIND:
            return [_made(tenant, kind, OOF_CONNECTOR, outbound.DEFAULTS | _OOF_CONNECTOR)]
        case transport_rules.KIND:
            route = {
                "MessageTypeMatches": "OOF",
                "RouteMessageOutboundConnector": tenant.starting_guid(outbound.KIND, OOF_CONNECTOR),
            }
            return [_made(tenant, kind, OOF_RULE, transport_rules.DEFAULTS | route)]
        case dkim.KIND:
            signing = dkim.DEFAULTS | {"Enabled": True, "KeySize": 2048}
            return [_made(tenant, kind, domain, signing) for domain in tenant.domains]
        case spoof_items.KIND:
            return [_pair(tenant, infrastructure) for infrastructure in SPOOF_PAIRS]
        case _:
            return _shared(tenant, kind, as_documented=True)


def never_configured(tenant: Organization, kind: str) -> list[Row]:
    """A fresh tenant: what Microsoft puts there, and nothing else."""
    return _shared(tenant, kind, as_documented=False)


def _shared(tenant: Organization, kind: str, *, as_documented: bool) -> list[Row]:
    """The objects that every tenant has, switched as the guide says or as Microsoft ships them."""
    match kind:
        case anti_phish.POLICY:
            policy = {"IsDefault": True, "EnableSpoofIntelligence": not as_documented}
            return [_made(tenant, kind, anti_phish.DEFAULT_POLICY, anti_phish.POLICY_DEFAULTS | policy)]
        case alerts.KIND:
            return _alerts(tenant, disabled=as_documented)
        case connection_filter.KIND:
            return [_made(tenant, kind, "Default", connection_filter.DEFAULTS)]
        case content_filter.KIND:
            return [_made(tenant, kind, "Default", content_filter.DEFAULTS | {"IsDefault": True})]
        case remote_domains.KIND:
            return [_made(tenant, kind, "Default", remote_domains.DEFAULTS)]
        case _:
            return []


def _alerts(tenant: Organization, *, disabled: bool) -> list[Row]:
    """The two alert policies of the guide and two bystanders: a system rule and one of the tenant's own."""
    phish = [alerts.DEFAULTS | {"Disabled": disabled, "Comment": f"{name} -V1.0.0.2"} for name in alerts.SYSTEM]
    activity = {"StreamType": "Activity", "ThreatType": "Activity", "AlertScenario": "Activity"}
    connector = alerts.DEFAULTS | activity | {"Scenario": "AuditProtectionAlert", "Operation": ["ConnectorActivity"]}
    own = alerts.DEFAULTS | activity | {"IsSystemRule": False, "Operation": ["UserSubmission"]}
    named = dict(zip(alerts.SYSTEM, phish, strict=True)) if tenant.switches.alerts_present else {}
    named |= {"Suspicious connector activity": connector, "Reported by users": own}
    return [_made(tenant, alerts.KIND, name, row) for name, row in named.items()]


def _made(tenant: Organization, kind: str, name: str, row: Row) -> Row:
    return row | {
        "Name": name,
        "Guid": tenant.starting_guid(kind, name),
        "WhenChanged": FIRST_DAY,
        "WhenCreated": FIRST_DAY,
    }


def _pair(tenant: Organization, infrastructure: str) -> Row:
    return {
        "Identity": str(tenant.starting_guid(spoof_items.KIND, infrastructure)),
        "SpoofedUser": "*",
        "SendingInfrastructure": infrastructure,
        "SpoofType": "External",
        "Action": "Allow",
    }


_LOCK_DOWN: Row = {
    "ConnectorType": "Partner",
    "SenderDomains": ["smtp:*;1"],
    "SenderIPAddresses": [RANGE],
    "RequireTls": True,
    "RestrictDomainsToIPAddresses": True,
    "CloudServicesMailEnabled": False,
    "Enabled": True,
    "Comment": f"ExchangeDefender Inbound connector for {RANGE}",
}
_OOF_CONNECTOR: Row = {
    "ConnectorType": "Partner",
    "IsTransportRuleScoped": True,
    "UseMXRecord": True,
    "Enabled": True,
    "TlsSettings": "CertificateValidation",
}

STATES: dict[str, State] = {"healthy": healthy, "never_configured": never_configured}
