"""A tenant as Exchange lists it, row by row as in docs/reference/exchange.md, for judging without any I/O."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from clients.profiles import all_profiles
from domain.control import Control, Facts, Finding
from domain.controls import CATALOGUE
from domain.facts import Reading, Seen, Unseen
from domain.mail.answers import Absent, Answer, Mx, Present, Question, Txt
from domain.tenant import TenantConfig, Wanted

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TENANT_ID = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"

type Rows = dict[str, list[dict[str, Any]]]

HEALTHY: Rows = {
    "Get-AcceptedDomain": [
        {"DomainName": "northwindlegal.example", "DomainType": "Authoritative", "InitialDomain": False},
        {"DomainName": "northwindlegal.onmicrosoft.com", "DomainType": "Authoritative", "InitialDomain": True},
    ],
    "Get-InboundConnector": [
        {
            "Identity": "ExchangeDefender",
            "Name": "ExchangeDefender",
            "Enabled": True,
            "ConnectorType": "Partner",
            "SenderDomains": ["smtp:*;1"],
            "SenderIPAddresses": ["65.99.255.0/24"],
            "RequireTls": True,
            "RestrictDomainsToIPAddresses": True,
            "CloudServicesMailEnabled": False,
            "TlsSenderCertificateName": None,
            "AssociatedAcceptedDomains": [],
            "Comment": "ExchangeDefender Inbound connector for 65.99.255.0/24",
        }
    ],
    "Get-OutboundConnector": [
        {
            "Identity": "Automatic Replies (Out of Office) Only",
            "Name": "Automatic Replies (Out of Office) Only",
            "Guid": "6f1a3f0d-52f5-4b7d-8a2e-7c7e5a0d9b21",
            "Enabled": True,
            "ConnectorType": "Partner",
            "UseMXRecord": True,
            "IsTransportRuleScoped": True,
            "TlsSettings": "CertificateValidation",
            "TestMode": False,
        }
    ],
    "Get-TransportRule": [
        {
            "Identity": "Send Automatic Replies to connector Automatic Replies",
            "Name": "Send Automatic Replies to connector Automatic Replies",
            "State": "Enabled",
            "Mode": "Enforce",
            "MessageTypeMatches": "OOF",
            "RouteMessageOutboundConnector": "Automatic Replies (Out of Office) Only",
            "FromScope": None,
            "ExceptIfSentToScope": None,
            "DeleteMessage": False,
            "ExpiryDate": None,
        }
    ],
    "Get-DkimSigningConfig": [
        {
            "Domain": "northwindlegal.example",
            "Enabled": True,
            "Status": "Valid",
            "Selector1CNAME": "selector1-a._domainkey.n.a-v1.dkim.mail.microsoft",
            "Selector2CNAME": "selector2-a._domainkey.n.a-v1.dkim.mail.microsoft",
        }
    ],
    "Get-AntiPhishPolicy": [
        {
            "Identity": "Office365 AntiPhish Default",
            "Name": "Office365 AntiPhish Default",
            "IsDefault": True,
            "EnableSpoofIntelligence": False,
            "RecommendedPolicyType": "Custom",
        }
    ],
    "Get-AntiPhishRule": [],
    "Get-EOPProtectionPolicyRule": [],
    "Get-TenantAllowBlockListSpoofItems": [
        {"Identity": "1", "SpoofedUser": "*", "SendingInfrastructure": "65.99.255.0/24", "SpoofType": "External", "Action": "Allow"},
        {"Identity": "2", "SpoofedUser": "*", "SendingInfrastructure": "206.125.40.0/24", "SpoofType": "External", "Action": "Allow"},
    ],
    "Get-BlockedConnector": [],
    "Get-ProtectionAlert": [
        {"Name": "Phish delivered due to an ETR override\u200b", "Disabled": True},
        {"Name": "Phish delivered due to an IP allow policy", "Disabled": True},
        {"Name": "Suspicious connector activity", "Disabled": False},
    ],
}  # fmt: skip


def healthy() -> Rows:
    return deepcopy(HEALTHY)


def reading(rows: Rows) -> Reading:
    """*rows* as if every query of every control had been answered with them."""
    queries = [query for control in CATALOGUE.values() for query in control.queries]
    return {query: Seen(tuple(rows[query.cmdlet]), NOW) for query in queries}


def failing(rows: Rows, cmdlet: str) -> Reading:
    """As *reading*, but *cmdlet* could not be read."""
    return {
        q: Unseen("no answer", NOW, "grant it") if q.cmdlet == cmdlet else seen for q, seen in reading(rows).items()
    }


def wanted(**config: Any) -> Wanted:
    tenant = TenantConfig.model_validate(
        {"tenant_id": TENANT_ID, "name": "Northwind", "initial_domain": "northwindlegal.onmicrosoft.com"} | config
    )
    return Wanted(tenant, all_profiles()["exchangedefender"].with_overrides(tenant.overrides))


def text(*strings: str) -> Present:
    return Present(tuple(Txt((string.encode(),)) for string in strings), 300, NOW)


DNS: dict[Question, Answer] = {
    Question("northwindlegal.example", "MX"): Present((Mx(10, "inbound30.exchangedefender.com"),), 300, NOW),
    Question("inbound30.exchangedefender.com", "CNAME"): Absent(name_exists=True, ttl_s=300, at=NOW),
    **{
        Question(f"selector{n}._domainkey.northwindlegal.example", "CNAME"): Present(
            (f"selector{n}-a._domainkey.n.a-v1.dkim.mail.microsoft",), 300, NOW
        )
        for n in (1, 2)
    },
    **{
        Question(f"selector{n}-a._domainkey.n.a-v1.dkim.mail.microsoft", "TXT"): text("v=DKIM1; k=rsa; p=MIGf")
        for n in (1, 2)
    },
    Question("northwindlegal.example", "TXT"): text(
        "v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all"
    ),
    Question("proxy.exchangedefender.com", "TXT"): text("v=spf1 ip4:65.99.255.0/24 -all"),
    Question("spf.protection.outlook.com", "TXT"): text("v=spf1 ip4:40.92.0.0/15 -all"),
    Question("_dmarc.northwindlegal.example", "TXT"): text("v=DMARC1; p=none"),
}
"""What DNS says of the healthy tenant; what is not here does not exist."""


def answered(facts: Facts, control: Control, tenant: Wanted, dns: dict[Question, Answer]) -> Facts:
    """*facts* with all that *control* asks of *dns*."""
    while questions := control.questions(facts, tenant):
        facts = facts.answered({q: dns.get(q, Absent(name_exists=False, ttl_s=300, at=NOW)) for q in questions})
    return facts


def judge(
    control: Control | str, rows: Rows, answers: Mapping[Question, Answer] | None = None, **config: Any
) -> Finding:
    chosen = CATALOGUE[control] if isinstance(control, str) else control
    facts = answered(Facts(reading(rows)), chosen, wanted(**config), DNS | dict(answers or {}))
    return chosen.find(facts, wanted(**config))
