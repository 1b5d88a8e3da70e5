"""What the demo's admin does to the tenants, and how the truth can be looked up afterwards in the simulator itself."""

from dataclasses import dataclass
from typing import Any

DOMAIN = "northwindlegal.example"
WAITING_DOMAIN = "fabrikam.example"
NEW_SCANNER: dict[str, Any] = {
    "Name": "Scanner",
    "ConnectorType": "Partner",
    "SenderDomains": ["*"],
    "SenderIPAddresses": ["203.0.113.7"],
}
SCANNER = {"name": "Scanner", "sender_ips": ["203.0.113.7"]}
_OOF_CONNECTOR = "Automatic Replies (Out of Office) Only"
_OOF_RULE = "Send Automatic Replies to connector Automatic Replies"
_PAIR = {"SpoofedUser": "*", "SendingInfrastructure": "206.125.40.0/24", "SpoofType": "External"}


@dataclass(frozen=True, slots=True)
class Break:
    """One thing an admin does. *expected*: how it should end. *find* and *wanted*: the object, and what it must show.

    The cmdlet's `Ids` is filled in from the object found, where it takes one.
    """

    control: str
    told: str
    cmdlet: str
    parameters: dict[str, Any]
    get: str
    find: dict[str, Any]
    wanted: dict[str, Any]
    expected: str = "compliant"
    domain: str = DOMAIN
    needs_ids: bool = False

    @property
    def name(self) -> str:
        """The company, for a narrow terminal."""
        return self.domain.removesuffix("legal.example").removesuffix(".example")


BREAKS = (
    Break(
        "service-connectors", "turns off the scanner's connector",
        "Set-InboundConnector", {"Identity": "Scanner", "Enabled": False},
        "Get-InboundConnector", {"Name": "Scanner"}, {"Enabled": True},
    ),
    Break(
        "oof-connector", "removes TLS from the out-of-office connector and turns it off",
        "Set-OutboundConnector", {"Identity": _OOF_CONNECTOR, "TlsSettings": None, "Enabled": False},
        "Get-OutboundConnector", {"Name": _OOF_CONNECTOR}, {"Enabled": True, "TlsSettings": "CertificateValidation"},
    ),
    Break(
        "oof-rule", "turns off the out-of-office rule",
        "Disable-TransportRule", {"Identity": _OOF_RULE, "Confirm": False},
        "Get-TransportRule", {"Name": _OOF_RULE}, {"State": "Enabled"},
    ),
    Break(
        "dkim", "turns off DKIM signing",
        "Set-DkimSigningConfig", {"Identity": DOMAIN, "Enabled": False},
        "Get-DkimSigningConfig", {"Domain": DOMAIN}, {"Enabled": True},
    ),
    Break(
        "spoof-intelligence", "turns spoof intelligence on",
        "Set-AntiPhishPolicy", {"Identity": "Office365 AntiPhish Default", "EnableSpoofIntelligence": True},
        "Get-AntiPhishPolicy", {"Name": "Office365 AntiPhish Default"}, {"EnableSpoofIntelligence": False},
    ),
    Break(
        "spoof-allow", "removes a spoof allow pair",
        "Remove-TenantAllowBlockListSpoofItems", {"Identity": "Default", "Confirm": False},
        "Get-TenantAllowBlockListSpoofItems", _PAIR, {"Action": "Allow"}, needs_ids=True,
    ),
    Break(
        "inbound-lockdown", "opens the lock-down connector to everyone and turns it off",
        "Set-InboundConnector",
        {"Identity": "ExchangeDefender", "RestrictDomainsToIPAddresses": False, "Enabled": False},
        "Get-InboundConnector", {"Name": "ExchangeDefender"}, {"Enabled": True, "RestrictDomainsToIPAddresses": True},
    ),
    Break(
        "alert-policies", "turns a false-alarm alert policy on",
        "Set-ProtectionAlert", {"Identity": "Phish delivered due to an IP allow policy", "Disabled": False},
        "Get-ProtectionAlert", {"Name": "Phish delivered due to an IP allow policy"}, {"Disabled": False},
        expected="needs_person",
    ),
    Break(
        "inbound-lockdown", "turns off the lock-down; its MX is at Microsoft again",
        "Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": False},
        "Get-InboundConnector", {"Name": "ExchangeDefender"}, {"Enabled": False},
        expected="held", domain=WAITING_DOMAIN,
    ),
)  # fmt: skip
