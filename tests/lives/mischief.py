"""What people, other tools and Microsoft do to a tenant, one deed each, for Hypothesis to choose from.

A deed that the tenant's present state does not allow (its connector was removed before) is simply refused. Deeds in
MENDABLE leave nothing that Holdfast could not put back; after those in FOR_A_PERSON it may have to tell a person.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from simulator.cmdlets import dkim
from simulator.failures import CmdletError
from simulator.states import FILTER_MX, OOF_CONNECTOR, OOF_RULE, RANGE
from simulator.tenant import Tenant

type Deed = Callable[[Tenant], object]

DOMAIN, SECOND_DOMAIN = "contoso.example", "contoso.test"
LOCK = "ExchangeDefender"
POLICY = "Office365 AntiPhish Default"
OVERRIDE, ALLOW = "Phish delivered due to an ETR override", "Phish delivered due to an IP allow policy"
SPF = '"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all"'
ELSEWHERE = "203.0.113.0/24"
SCANNER = {"name": "Scanner", "sender_ips": ["198.51.100.7/32"]}
"""A service connector as a tenant's config declares it."""


def does(cmdlet: str, **parameters: object) -> Deed:
    return lambda tenant: tenant.admin(cmdlet, **parameters)


def says(rdtype: str, name: str, *records: str) -> Deed:
    """DNS says so from now on."""
    return lambda tenant: tenant.world.dns.set(name, rdtype, *records)


def in_turn(*deeds: Deed) -> Deed:
    def do(tenant: Tenant) -> None:
        for deed in deeds:
            attempt(deed, tenant)

    return do


def attempt(deed: Deed, tenant: Tenant) -> None:
    """Do it if the tenant lets it be done."""
    with suppress(CmdletError):
        deed(tenant)


set_lock = partial(does, "Set-InboundConnector", Identity=LOCK)
set_exit = partial(does, "Set-OutboundConnector", Identity=OOF_CONNECTOR)
set_rule = partial(does, "Set-TransportRule", Identity=OOF_RULE)
new_inbound = partial(does, "New-InboundConnector", SenderDomains=["*"], Enabled=True)
new_exit = partial(does, "New-OutboundConnector", UseMXRecord=True, IsTransportRuleScoped=True, Enabled=True)
new_pair = partial(does, "New-TenantAllowBlockListSpoofItems", Identity="Default", SpoofType="External")
remove_rule = does("Remove-TransportRule", Identity=OOF_RULE)
remove_exit = does("Remove-OutboundConnector", Identity=OOF_CONNECTOR)
remove_lock = does("Remove-InboundConnector", Identity=LOCK)


def change_pairs(cmdlet: str, count: int, **parameters: object) -> Deed:
    """Do *cmdlet* to the first *count* of the filter's pairs."""

    def do(tenant: Tenant) -> None:
        rows = tenant.admin("Get-TenantAllowBlockListSpoofItems")
        ids = [row["Identity"] for row in rows if row["SpoofedUser"] == "*"][:count]
        tenant.admin(cmdlet, Identity="Default", Ids=ids, **parameters)

    return do


def point_mx(tenant: Tenant, *records: str) -> None:
    for domain in tenant.domains:
        tenant.world.dns.heal(domain)
        tenant.world.dns.set(domain, "MX", *records)


def publish_dkim(tenant: Tenant) -> None:
    for domain in tenant.domains:
        for host, target in dkim.targets(tenant, domain).items():
            tenant.world.dns.set(host, "CNAME", f"{target}.")


def publish(tenant: Tenant) -> None:
    """Everything that the guide wants in DNS."""
    point_mx(tenant, FILTER_MX)
    publish_dkim(tenant)
    for domain in tenant.domains:
        tenant.world.dns.set(domain, "TXT", SPF)
        tenant.world.dns.set(f"_dmarc.{domain}", "TXT", '"v=DMARC1; p=none"')


def sign_off(tenant: Tenant) -> None:
    for domain in tenant.domains:
        tenant.admin("Set-DkimSigningConfig", Identity=domain, Enabled=False)


MENDABLE: dict[str, Deed] = {
    "lock: removed": remove_lock,
    "lock: off": set_lock(Enabled=False),
    "lock: renamed": set_lock(Name="Filter"),
    "lock: addresses of somebody else": set_lock(SenderIPAddresses=[ELSEWHERE]),
    "lock: one address too many": set_lock(SenderIPAddresses=[RANGE, "203.0.113.7"]),
    "lock: no addresses": set_lock(SenderIPAddresses=[]),
    "lock: without TLS": set_lock(RequireTls=False),
    "lock: not restricting": set_lock(RestrictDomainsToIPAddresses=False),
    "lock: for one sender": set_lock(SenderDomains=["partner.example"]),
    "lock: trusted as internal": set_lock(CloudServicesMailEnabled=True),
    "lock: commented": set_lock(Comment="do not touch"),
    "lock: scoped to a domain": set_lock(AssociatedAcceptedDomains=[DOMAIN]),
    "lock: of the other form": in_turn(
        remove_lock, new_inbound(Name=LOCK, ConnectorType="OnPremises", SenderIPAddresses=[RANGE])
    ),
    "scanner: made": new_inbound(Name="Scanner", ConnectorType="Partner", SenderIPAddresses=["198.51.100.7"]),
    "scanner: off": does("Set-InboundConnector", Identity="Scanner", Enabled=False),
    "scanner: moved": does("Set-InboundConnector", Identity="Scanner", SenderIPAddresses=["198.51.100.8"]),
    "other inbound connector in the filter's range": new_inbound(
        Name="Other relay", ConnectorType="Partner", SenderIPAddresses=["65.99.255.7"]
    ),
    "exit: removed": in_turn(remove_rule, remove_exit),
    "exit: off": set_exit(Enabled=False),
    "exit: renamed": set_exit(Name="Bypass"),
    "exit: for all mail": set_exit(IsTransportRuleScoped=False),
    "exit: by smart host": set_exit(UseMXRecord=False, SmartHosts=["relay.example"]),
    "exit: without TLS": set_exit(TlsSettings=None),
    "exit: encryption only": set_exit(TlsSettings="EncryptionOnly"),
    "exit: to one name only": set_exit(TlsSettings="DomainValidation", TlsDomain="relay.example"),
    "exit: in test mode": set_exit(TestMode=True),
    "exit: to our own servers": set_exit(ConnectorType="OnPremises"),
    "rule: removed": remove_rule,
    "rule: off": does("Disable-TransportRule", Identity=OOF_RULE, Confirm=False),
    "rule: renamed": set_rule(Name="Replies"),
    "rule: audit only": set_rule(Mode="Audit"),
    "rule: for another type": set_rule(MessageTypeMatches="ReadReceipt"),
    "rule: for some subjects": set_rule(SubjectContainsWords=["holiday"]),
    "rule: not for partners": set_rule(ExceptIfRecipientDomainIs=["partner.example"]),
    "rule: until last year": set_rule(ExpiryDate="2025-01-01T00:00:00Z"),
    "rule: deletes": set_rule(DeleteMessage=True),
    "rule: goes nowhere": set_rule(RouteMessageOutboundConnector=None),
    "other rule": does(
        "New-TransportRule", Name="Other rule", SubjectContainsWords=["invoice"], SetAuditSeverity="Low"
    ),
    "spoof intelligence: on": does("Set-AntiPhishPolicy", Identity=POLICY, EnableSpoofIntelligence=True),
    "pairs: removed": change_pairs("Remove-TenantAllowBlockListSpoofItems", 2),
    "pairs: one removed": change_pairs("Remove-TenantAllowBlockListSpoofItems", 1),
    "pairs: blocked": change_pairs("Set-TenantAllowBlockListSpoofItems", 2, Action="Block"),
    "pairs: one blocked": change_pairs("Set-TenantAllowBlockListSpoofItems", 1, Action="Block"),
    "pairs: blocked twin": new_pair(SpoofedUser="*", SendingInfrastructure="65.99.255.9/24", Action="Block"),
    "other pair": new_pair(SpoofedUser="ceo@contoso.example", SendingInfrastructure="spam.example", Action="Block"),
    "alerts: on": in_turn(*(does("Set-ProtectionAlert", Identity=name, Disabled=False) for name in (OVERRIDE, ALLOW))),
    "alerts: one on": does("Set-ProtectionAlert", Identity=ALLOW, Disabled=False),
    "dkim: off": sign_off,
    "dkim: published": publish_dkim,
    "mx: at the filter": lambda tenant: point_mx(tenant, FILTER_MX),
}


OF_OTHERS: dict[str, str] = {
    "lock: one address too many": "inbound-lockdown",
    "lock: addresses of somebody else": "inbound-lockdown",
    "lock: for one sender": "inbound-lockdown",
    "lock: trusted as internal": "inbound-lockdown",
    "scanner: moved": "service-connectors",
    "exit: by smart host": "oof-connector",
    "exit: to one name only": "oof-connector",
    "exit: to our own servers": "oof-connector",
    "rule: for another type": "oof-rule",
    "rule: for some subjects": "oof-rule",
    "rule: not for partners": "oof-rule",
    "rule: until last year": "oof-rule",
    "rule: deletes": "oof-rule",
    "pairs: blocked": "spoof-allow",
    "pairs: one blocked": "spoof-allow",
    "pairs: blocked twin": "spoof-allow",
}
"""What is drift beside a proven state, and a person's before: with the control that it belongs to."""


def add_domain(tenant: Tenant) -> None:
    if SECOND_DOMAIN not in tenant.domains:
        tenant.add_domain(SECOND_DOMAIN)


def unpublish_dkim(tenant: Tenant) -> None:
    for host in dkim.targets(tenant, DOMAIN):
        tenant.world.dns.remove(host, "CNAME")


def own_policy(tenant: Tenant) -> None:
    tenant.admin("New-AntiPhishPolicy", Name="Other policy", EnableSpoofIntelligence=True)
    tenant.admin("New-AntiPhishRule", Name="Other rule", AntiPhishPolicy="Other policy", RecipientDomainIs=[DOMAIN])


FOR_A_PERSON: dict[str, Deed] = {
    "other inbound connector": new_inbound(
        Name="Other inbound", ConnectorType="Partner", SenderIPAddresses=["198.51.100.99"]
    ),
    "lock: doubled": new_inbound(Name="Filter 2", ConnectorType="Partner", SenderIPAddresses=[RANGE]),
    "lock: beside its own name": new_inbound(
        Name=f"{LOCK} Partner", ConnectorType="OnPremises", SenderIPAddresses=["192.0.2.1"]
    ),
    "scanner: doubled": new_inbound(Name="Scanner 2", ConnectorType="Partner", SenderIPAddresses=["198.51.100.7"]),
    "exit: doubled": in_turn(
        new_exit(Name="Bypass 2"),
        does("New-TransportRule", Name="Replies 2", MessageTypeMatches="OOF", RouteMessageOutboundConnector="Bypass 2"),
    ),
    "rule: to another connector": in_turn(
        new_exit(Name="Bypass 3"), set_rule(RouteMessageOutboundConnector="Bypass 3")
    ),
    "spoof intelligence: own policy": own_policy,
    "spoof intelligence: strict preset": lambda tenant: tenant.enable_preset("Strict"),
    "spoof intelligence: standard preset for a domain": lambda tenant: tenant.enable_preset(
        "Standard", RecipientDomainIs=[DOMAIN]
    ),
    "dkim: unpublished": unpublish_dkim,
    "domain: added": add_domain,
    "connector: blocked by Microsoft": lambda tenant: tenant.block_connector(LOCK),
    "mx: at Microsoft": lambda tenant: point_mx(tenant, "0 contoso-example.mail.protection.outlook.com."),
    "mx: none": point_mx,
    "mx: unknown": lambda tenant: tenant.world.dns.fail(DOMAIN, "servfail"),
    "spf: none": says("TXT", DOMAIN),
    "spf: of Microsoft only": says("TXT", DOMAIN, '"v=spf1 include:spf.protection.outlook.com -all"'),
    "spf: twice": says("TXT", DOMAIN, SPF, '"v=spf1 -all"'),
    "dmarc: none": says("TXT", f"_dmarc.{DOMAIN}"),
}

DEEDS = MENDABLE | FOR_A_PERSON

REPAIRS: dict[str, Deed] = {
    "lock": in_turn(
        set_lock(
            ConnectorType="Partner",
            SenderDomains=["*"],
            SenderIPAddresses=[RANGE],
            RequireTls=True,
            RestrictDomainsToIPAddresses=True,
            CloudServicesMailEnabled=False,
            Enabled=True,
        ),
        does("Remove-InboundConnector", Identity="Filter 2"),
    ),
    "rule": in_turn(set_rule(Mode="Enforce"), does("Enable-TransportRule", Identity=OOF_RULE)),
    "exit": set_exit(Enabled=True, UseMXRecord=True, TlsSettings="CertificateValidation", TestMode=False),
    "spoof intelligence": does("Set-AntiPhishPolicy", Identity=POLICY, EnableSpoofIntelligence=False),
    "pairs": change_pairs("Set-TenantAllowBlockListSpoofItems", 2, Action="Allow"),
    "alerts": in_turn(*(does("Set-ProtectionAlert", Identity=name, Disabled=True) for name in (OVERRIDE, ALLOW))),
    "connectors": lambda tenant: tenant.unblock_connectors(),
    "dns": publish,
}
