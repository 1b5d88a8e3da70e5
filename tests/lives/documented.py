"""What the guide documents, asked of the tenant itself: a second opinion that shares no code with the controls.

Each question is about the truth (`Tenant.admin`), never about what a lagging read would show.
"""

from collections.abc import Callable
from ipaddress import IPv4Network

from simulator import cmdlets
from simulator.rows import Row
from simulator.states import RANGE, SPOOF_PAIRS
from simulator.tenant import Tenant
from tests.lives.mischief import ALLOW, OVERRIDE, POLICY
from tests.lives.promises import Doors

_RULE_EXTRAS = ("SubjectContainsWords", "ExceptIfRecipientDomainIs", "ExpiryDate", "DeleteMessage")


def _locked(tenant: Tenant) -> bool:
    """One Partner connector takes the filter's mail, and only that."""
    wanted = {
        "SenderDomains": ["smtp:*;1"],
        "SenderIPAddresses": [RANGE],
        "RequireTls": True,
        "RestrictDomainsToIPAddresses": True,
        "CloudServicesMailEnabled": False,
        "Enabled": True,
    }
    ours = [row for row in tenant.admin("Get-InboundConnector") if row["ConnectorType"] == "Partner" and _filters(row)]
    return len(ours) == 1 and wanted.items() <= ours[0].items()


def _filters(row: Row) -> bool:
    return any(IPv4Network(RANGE).subnet_of(IPv4Network(text, strict=False)) for text in row["SenderIPAddresses"])


def _scanner(tenant: Tenant) -> bool:
    addresses = {"198.51.100.7", "198.51.100.7/32"}
    return any(row["Enabled"] and {*row["SenderIPAddresses"]} <= addresses for row in _partners(tenant))


def _partners(tenant: Tenant) -> list[Row]:
    rows = tenant.admin("Get-InboundConnector")
    return [row for row in rows if row["ConnectorType"] == "Partner" and row["SenderIPAddresses"]]


def _outbound(tenant: Tenant) -> list[Row]:
    views: tuple[dict[str, bool], ...] = ({}, {"IsTransportRuleScoped": True}, {"IncludeTestModeConnectors": True})
    return list({row["Name"]: row for view in views for row in tenant.admin("Get-OutboundConnector", **view)}.values())


def _has_an_exit(tenant: Tenant) -> bool:
    wanted = {
        "Enabled": True,
        "ConnectorType": "Partner",
        "UseMXRecord": True,
        "IsTransportRuleScoped": True,
        "TestMode": False,
        "TlsDomain": None,
    }
    safe = ("CertificateValidation", "EncryptionOnly")
    return any(wanted.items() <= row.items() and row["TlsSettings"] in safe for row in _outbound(tenant))


def _takes_the_exit(tenant: Tenant) -> bool:
    exits = {name for row in _outbound(tenant) for name in (row["Name"], str(row["Guid"]))}
    wanted = {"State": "Enabled", "Mode": "Enforce", "MessageTypeMatches": "OOF"}
    return any(
        wanted.items() <= row.items()
        and row["RouteMessageOutboundConnector"] in exits
        and not any(row[extra] for extra in _RULE_EXTRAS)
        for row in tenant.admin("Get-TransportRule")
    )


def _believed(tenant: Tenant) -> bool:
    policies = {row["Name"]: row["EnableSpoofIntelligence"] for row in tenant.admin("Get-AntiPhishPolicy")}
    rules = [*tenant.admin("Get-AntiPhishRule"), *tenant.admin("Get-EOPProtectionPolicyRule")]
    in_force = {row["AntiPhishPolicy"] for row in rules if row["State"] == "Enabled"}
    return not any(policies[name] for name in {POLICY} | in_force)


def _allowed(tenant: Tenant) -> bool:
    found: dict[IPv4Network, set[str]] = {}
    for row in tenant.admin("Get-TenantAllowBlockListSpoofItems"):
        if row["SpoofedUser"] == "*" and row["SpoofType"] == "External":
            network = IPv4Network(row["SendingInfrastructure"], strict=False)
            found.setdefault(network, set()).add(row["Action"])
    return all(found.get(IPv4Network(network)) == {"Allow"} for network in SPOOF_PAIRS)


def _signed(tenant: Tenant) -> bool:
    signing = {row["Domain"] for row in tenant.admin("Get-DkimSigningConfig") if row["Enabled"]}
    return signing >= set(tenant.domains)


def _quiet(tenant: Tenant) -> bool:
    ours = [row for row in tenant.admin("Get-ProtectionAlert") if row["Name"].strip("\u200b") in {OVERRIDE, ALLOW}]
    return all(row["Disabled"] for row in ours)


def _dns(tenant: Tenant, prefix: str, rdtype: str) -> list[list[str]]:
    """For each domain, what its name with *prefix* says, without quotes."""
    return [
        [text.strip('"') for text in tenant.world.dns.values(f"{prefix}{domain}", rdtype)] for domain in tenant.domains
    ]


def _through_the_filter(tenant: Tenant) -> bool:
    return all(mx and all(host.endswith(".exchangedefender.com.") for host in mx) for mx in _dns(tenant, "", "MX"))


def _sent_by_both(tenant: Tenant) -> bool:
    spf = [[text for text in texts if text.startswith("v=spf1")] for texts in _dns(tenant, "", "TXT")]
    both = ("include:proxy.exchangedefender.com", "include:spf.protection.outlook.com")
    return all(len(texts) == 1 and all(include in texts[0] for include in both) for texts in spf)


def _reported(tenant: Tenant) -> bool:
    return all(any(text.startswith("v=DMARC1") for text in texts) for texts in _dns(tenant, "_dmarc.", "TXT"))


def doors(tenant: Tenant) -> Doors:
    """Who may deliver now."""
    restricted = any(
        row["Enabled"]
        and "smtp:*;1" in row["SenderDomains"]
        and (row["RestrictDomainsToIPAddresses"] or row["RestrictDomainsToCertificate"])
        for row in tenant.admin("Get-InboundConnector")
        if row["ConnectorType"] == "Partner"
    )
    judging = {row["Name"] for row in tenant.admin("Get-AntiPhishPolicy") if row["EnableSpoofIntelligence"]}
    raised = {row["Name"] for row in tenant.admin("Get-ProtectionAlert") if not row["Disabled"]}
    return Doors(restricted, _locked(tenant), _through_the_filter(tenant), frozenset(judging | raised))


def _walled(tenant: Tenant) -> bool:
    """Nobody but the filter and the scanner is let in by address, as a pair, by a list or by a rule."""
    allowed = {RANGE, "198.51.100.7", "198.51.100.7/32"}
    let_in = {
        address
        for row in tenant.admin("Get-InboundConnector")
        if row["Enabled"]
        for address in row["SenderIPAddresses"]
        if not IPv4Network(address).subnet_of(IPv4Network(RANGE))
    }
    pairs = {
        _network(row["SendingInfrastructure"])
        for row in tenant.admin("Get-TenantAllowBlockListSpoofItems")
        if row["Action"] == "Allow"
    }
    lists = [row for row in tenant.admin("Get-HostedConnectionFilterPolicy") if row["IPAllowList"]]
    rules = [
        row for row in tenant.admin("Get-TransportRule") if row["State"] == "Enabled" and str(row["SetSCL"]) == "-1"
    ]
    return let_in <= allowed and pairs <= set(SPOOF_PAIRS) and not lists and not rules


def _network(text: str) -> str:
    """A network in one spelling; a name as it is."""
    try:
        return str(IPv4Network(text, strict=False))
    except ValueError:
        return text


DOCUMENTED: dict[str, Callable[[Tenant], bool]] = {
    "service-connectors": _scanner,
    "oof-connector": _has_an_exit,
    "oof-rule": _takes_the_exit,
    "spoof-intelligence": _believed,
    "spoof-allow": _allowed,
    "mx": _through_the_filter,
    "spf": _sent_by_both,
    "dkim": _signed,
    "dmarc": _reported,
    "alert-policies": _quiet,
    "connector-health": lambda tenant: not tenant.admin("Get-BlockedConnector"),
    "inbound-lockdown": _locked,
    "lock-bypass": _walled,
}

_KINDS = sorted({cmdlet.kind for cmdlet in cmdlets.CATALOGUE.values()})
_OTHERS = ("Other ", "ceo@", "Strict Preset", "Standard Preset", "Suspicious connector", "Reported by")


def of_others(tenant: Tenant) -> list[Row]:
    """Every object that is none of our business, whole: what the deeds call so, and every OnPremises connector."""
    rows = [row for kind in _KINDS for row in tenant.rows(kind)]
    return [row for row in rows if _named(row).startswith(_OTHERS) or _inert(row)]


def _named(row: Row) -> str:
    return str(row.get("Name", row.get("SpoofedUser")))


def _inert(row: Row) -> bool:
    """An inbound connector of the form that does not lock: left as it is, whatever its name."""
    return "SenderDomains" in row and row["ConnectorType"] == "OnPremises"
