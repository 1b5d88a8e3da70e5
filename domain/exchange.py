"""The Exchange and compliance objects that the controls judge, cut down to what they judge.

Each class is all that Holdfast knows of one kind of object: the queries that list it, the cmdlets that write it, which
of its fields undo can restore, the role that each needs and the lane in which it is read. Undo, the audit log's
concerns, readiness and docs/controls.md follow from it.

A row that lacks a field, or has one of another type, is odd: it raises pydantic's ValidationError, and the control that
needed it is *unknown*; of a kind that is judged object by object (`named_by`), its object alone is. A field that is
null, `[]` or "" is missing. A setting that is missing is never taken for false; only marks that some object versions do
not have (`TestMode`, `Priority`, a domain's flags) have a default.
Source: docs/reference/exchange.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from pydantic.alias_generators import to_pascal

from domain import normal
from domain.normal import Addresses, Domains, Names, Networks
from domain.reading import Lane, Query, Row

ROLE_GROUP = "Holdfast"
"""What we advise to call the group of a tenant that gives our application its roles there."""

_UNLIMITED = ("ResultSize", "Unlimited")


def _named_senders(value: object) -> object:
    items = value if isinstance(value, list) else [value]
    return [next(iter(_members(item)), item) if isinstance(item, dict) else item for item in items]


def _members(item: Mapping[str, object]) -> list[object]:
    return [item[name] for name in ("Sender", "Domain", "Address") if name in item]


type Allowed = Annotated[Names, BeforeValidator(_named_senders)]
"""Senders or domains, each as text or, in some shells, as an object with a member of that name."""


@dataclass(frozen=True, slots=True)
class Writing:
    """The cmdlets that write one kind of object. An empty name: there is none, or we never call it.

    *role*: the role that has them (docs/reference/exchange.md#roles).
    *restorable*: the parameters of *set* whose found value the ledger holds as the service takes it.
    *made_with*: the values that *new* gives to fields it is not told. *made_again*: the parameters of *new* with which
    one that was removed is made again.
    """

    role: str
    set: str = ""
    new: str = ""
    remove: str = ""
    enable: str = ""
    disable: str = ""
    restorable: frozenset[str] = frozenset()
    made_with: Mapping[str, object] = field(default_factory=dict)
    made_again: frozenset[str] = frozenset()

    @property
    def cmdlets(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.new, self.set, self.enable, self.disable, self.remove)))


def _spelled(value: object) -> object:
    """One spelling for what Exchange prints in several: null, `[]` and "" are nothing, a list of one is its item."""
    if isinstance(value, list | tuple):
        return _spelled(value[0]) if len(value) == 1 else list(value) or None
    return None if value == "" else value


class ExchangeObject(BaseModel):
    """One listed object. Python names are the snake case of the service's own.

    *queries*: what lists every object of the kind; all of them are read, and the rows merged by `key`.
    *lane*: where it is read. The fast lane is one request of ten queries and is full.
    *read_role*: the role that lists it. *writing*: None for a kind that is never written.
    *set_beside*: nouns of other cmdlets that change such objects.
    *named_by*: the field that names one, for a kind of which no object decides about another: an odd row then hides
    its own object alone. Who judges such a kind asks `Facts.odd` beside `Facts.all`.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_pascal, strict=True, extra="ignore")

    queries: ClassVar[tuple[Query, ...]]
    lane: ClassVar[Lane] = "slow"
    read_role: ClassVar[str] = "View-Only Configuration"
    writing: ClassVar[Writing | None] = None
    set_beside: ClassVar[tuple[str, ...]] = ()
    named_by: ClassVar[str] = ""

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read *row*, or raise ValidationError naming the field that is missing or odd.

        Of a kind that keeps what is no field of it, that stays where it is null: it was listed.
        """
        wanted = row if cls.model_config.get("extra") == "allow" else _names(cls)
        known = {name: _spelled(row[name]) for name in wanted if name in row}
        fields = _names(cls)
        return cls.model_validate(
            {name: value for name, value in known.items() if value is not None or name not in fields}
        )

    @classmethod
    def name_in(cls, row: Row) -> str:
        """What *row* calls its object; empty where it does not say."""
        name = _spelled(row.get(cls.named_by))
        return name if isinstance(name, str) else ""

    @classmethod
    def nouns(cls) -> frozenset[str]:
        """What the cmdlets call such an object, in lower case: `inboundconnector`."""
        read = (query.cmdlet.partition("-")[2] for query in cls.queries)
        return frozenset(noun.casefold() for noun in (*read, *cls.set_beside))

    @property
    def key(self) -> str:
        """What tells two rows apart when several queries list the same object."""
        raise NotImplementedError


class Identified(ExchangeObject):
    """An object that the service tells apart by its `Identity`."""

    identity: StrictStr

    @property
    def key(self) -> str:
        return self.identity


@cache
def _names(kind: type[ExchangeObject]) -> tuple[str, ...]:
    """What the service calls the fields of *kind*."""
    aliases = [field.validation_alias for field in kind.model_fields.values()]
    choices = [alias.choices if isinstance(alias, AliasChoices) else [alias] for alias in aliases]
    return tuple(str(name) for names in choices for name in names)


class AcceptedDomain(ExchangeObject):
    """A domain of the tenant. Every tenant has its initial one, so the list is never empty.

    The flags may be missing (keys differ between object versions); a domain without them is in scope.
    """

    queries = (Query("exchange", "Get-AcceptedDomain", (_UNLIMITED,), never_empty=True),)
    lane = "fast"

    domain_name: StrictStr
    domain_type: StrictStr
    initial_domain: StrictBool = False
    is_coexistence_domain: StrictBool = False
    pending_removal: StrictBool = False
    match_sub_domains: StrictBool = False

    @property
    def key(self) -> str:
        return normal.domain(self.domain_name)

    @property
    def in_scope(self) -> bool:
        """Whether it is a custom domain whose mailboxes live here, so that the guide's settings are about it."""
        return self.is_custom and self.domain_type == "Authoritative"

    @property
    def receives(self) -> bool:
        """Whether mail to it is taken in here, if only to be passed on: what a lock-down could refuse."""
        return self.is_custom and self.domain_type in {"Authoritative", "InternalRelay"}

    @property
    def is_custom(self) -> bool:
        """Not one of Microsoft's own names, whose MX cannot point to the filter, and not about to go."""
        return not self.pending_removal and not self.is_microsofts

    @property
    def is_microsofts(self) -> bool:
        """Whether Microsoft gave the name, so that its MX is always Microsoft's."""
        initial = self.key.endswith((".onmicrosoft.com", ".onmicrosoft.us", ".onmicrosoft.cn"))
        return initial or self.initial_domain or self.is_coexistence_domain

    @property
    def kind(self) -> tuple[str, ...]:
        """Its type, and what else tells how its mail is taken."""
        flags = {"MatchSubDomains": self.match_sub_domains, "PendingRemoval": self.pending_removal}
        return (self.domain_type, *(name for name, is_set in flags.items() if is_set))

    @property
    def doubt(self) -> str:
        """Why its own MX does not tell what a lock-down would refuse; empty where it does."""
        if self.is_microsofts:
            return ""
        if self.pending_removal:
            return "it is about to be removed from the tenant (PendingRemoval): wait until it is gone"
        if self.domain_type not in {"Authoritative", "InternalRelay"}:
            return f"what a lock-down would refuse of a domain of type {self.domain_type} is not known"
        if self.match_sub_domains:
            return "it takes mail of all its subdomains (MatchSubDomains), whose MX are not known"
        return ""


class InboundConnector(Identified):
    """Who may deliver mail to the tenant, and how."""

    queries = (Query("exchange", "Get-InboundConnector", (_UNLIMITED,)),)
    lane = "fast"
    writing = Writing(
        role="Remote and Accepted Domains",
        set="Set-InboundConnector",
        new="New-InboundConnector",
        remove="Remove-InboundConnector",
        restorable=frozenset({
            "AssociatedAcceptedDomains", "CloudServicesMailEnabled", "EFSkipIPs", "EFSkipLastIP", "Enabled",
            "RequireTls", "RestrictDomainsToCertificate", "RestrictDomainsToIPAddresses", "SenderDomains",
            "SenderIPAddresses", "TlsSenderCertificateName",
        }),
        made_with={
            "CloudServicesMailEnabled": False, "ConnectorType": "Partner", "Enabled": True, "RequireTls": True,
            "RestrictDomainsToCertificate": False, "RestrictDomainsToIPAddresses": False,
        },
    )  # fmt: skip

    name: StrictStr
    enabled: StrictBool
    connector_type: StrictStr
    sender_domains: Domains = frozenset()
    sender_ip_addresses: Annotated[Networks, Field(validation_alias="SenderIPAddresses")] = frozenset()
    require_tls: StrictBool
    restrict_domains_to_ip_addresses: Annotated[StrictBool, Field(validation_alias="RestrictDomainsToIPAddresses")]
    restrict_domains_to_certificate: StrictBool
    cloud_services_mail_enabled: StrictBool
    treat_messages_as_internal: StrictBool = False
    tls_sender_certificate_name: StrictStr = ""
    associated_accepted_domains: Domains = frozenset()
    ef_skip_ips: Annotated[Networks, Field(validation_alias="EFSkipIPs")] = frozenset()
    ef_skip_last_ip: Annotated[StrictBool, Field(validation_alias="EFSkipLastIP")] = False
    comment: StrictStr = ""

    @property
    def locks(self) -> bool:
        """Whether Exchange refuses mail of any sender that does not come by this connector.

        Only a Partner connector refuses: docs/reference/exchange.md#inbound-connectors.
        """
        restricts = any(self.restrictions.values())
        return self.enabled and self.connector_type == "Partner" and "*" in self.sender_domains and restricts

    @property
    def restrictions(self) -> dict[str, bool]:
        """By the service's name, what makes it refuse others, and whether that is set."""
        return {
            "RestrictDomainsToIPAddresses": self.restrict_domains_to_ip_addresses,
            "RestrictDomainsToCertificate": self.restrict_domains_to_certificate,
        }


class OutboundConnector(ExchangeObject):
    """A way out of the tenant. The plain call may hide rule-scoped and test-mode ones, so three calls are merged."""

    queries = (
        Query("exchange", "Get-OutboundConnector", (_UNLIMITED,)),
        Query("exchange", "Get-OutboundConnector", (_UNLIMITED, ("IsTransportRuleScoped", True))),
        Query("exchange", "Get-OutboundConnector", (_UNLIMITED, ("IncludeTestModeConnectors", True))),
    )
    lane = "fast"
    writing = Writing(
        role="Remote and Accepted Domains",
        set="Set-OutboundConnector",
        new="New-OutboundConnector",
        remove="Remove-OutboundConnector",
        restorable=frozenset({
            "ConnectorType", "Enabled", "IsTransportRuleScoped", "TestMode", "TlsDomain", "TlsSettings", "UseMXRecord",
        }),
    )  # fmt: skip

    identity: StrictStr
    guid: StrictStr
    name: StrictStr
    enabled: StrictBool
    connector_type: StrictStr
    use_mx_record: Annotated[StrictBool, Field(validation_alias="UseMXRecord")]
    is_transport_rule_scoped: StrictBool
    tls_settings: StrictStr = ""
    tls_domain: StrictStr = ""
    test_mode: StrictBool = False

    @property
    def key(self) -> str:
        return self.guid.casefold()


_LEVEL = "x-ms-exchange-organization-scl"
"""The header that holds the spam confidence level."""

_OF_THE_RULE_ITSELF = frozenset({
    "Priority", "DlpPolicy", "Comments", "CreatedBy", "LastModifiedBy", "ManuallyModified", "Description",
    "RuleVersion", "Size", "Conditions", "Exceptions", "Actions", "RuleErrorAction", "RuleSubType",
    "IsRuleConfigurationSupported", "RuleConfigurationUnsupportedReason", "SetAuditSeverity", "StopRuleProcessing",
    "Guid", "ImmutableId", "Id", "ExchangeVersion", "DistinguishedName", "ObjectCategory", "ObjectClass",
    "WhenChanged", "WhenCreated", "WhenChangedUTC", "WhenCreatedUTC", "ExchangeObjectId", "OrganizationalUnitRoot",
    "OrganizationId", "OriginatingServer", "IsValid", "ObjectState",
})  # fmt: skip
"""Properties of a rule that say nothing of which mail it is about, or what it does to it
(docs/reference/exchange.md#transport-rules)."""


class TransportRule(Identified):
    """A mail flow rule. Its conditions and actions are read from the flattened properties."""

    model_config = ConfigDict(extra="allow")

    queries = (Query("exchange", "Get-TransportRule", (_UNLIMITED,)),)
    lane = "fast"
    # What else a rule says is in the ledger as text, which Set-TransportRule would not take.
    writing = Writing(
        role="Transport Rules",
        set="Set-TransportRule",
        new="New-TransportRule",
        remove="Remove-TransportRule",
        enable="Enable-TransportRule",
        disable="Disable-TransportRule",
        restorable=frozenset({"MessageTypeMatches", "Mode", "RouteMessageOutboundConnector"}),
        made_with={"Mode": "Enforce", "State": "Enabled"},
    )

    name: StrictStr
    state: StrictStr
    mode: StrictStr
    message_type_matches: StrictStr = ""
    route_message_outbound_connector: StrictStr = ""

    @property
    def skips_filtering(self) -> bool:
        """Whether it takes mail for wanted without a look at it: spam confidence level -1, or a header that says so.

        Source: docs/reference/exchange.md#transport-rules.
        """
        extra = self.model_extra or {}
        header = str(extra.get("SetHeaderName")).casefold()
        levels = {str(extra.get("SetSCL"))} | ({str(extra.get("SetHeaderValue"))} if header == _LEVEL else set())
        return self.state == "Enabled" and ("-1" in levels or header.startswith("x-ms-exchange-organization-skip"))

    @property
    def content(self) -> tuple[str, ...]:
        """All that is set and says to which mail it does what, as `name: value`; a name that nobody knows counts."""
        of_type = (f"MessageTypeMatches: {self.message_type_matches}",) if self.message_type_matches else ()
        return (*of_type, *(f"{name}: {', '.join(sorted(self.texts(name)))}" for name in sorted(self.others)))

    @property
    def priority(self) -> int | None:
        """Its place in the order of rules, 0 first; None where it does not say."""
        value = (self.model_extra or {}).get("Priority")
        return value if isinstance(value, int) else None

    @property
    def stops_processing(self) -> bool:
        """Whether no rule after it is asked."""
        return (self.model_extra or {}).get("StopRuleProcessing") is True

    def texts(self, name: str) -> tuple[str, ...]:
        """What a condition or action holds, one or several; none where it is not set."""
        value = (self.model_extra or {}).get(name) or ()
        return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)

    @property
    def others(self) -> dict[str, object]:
        """What is set (neither null, false nor empty) of it beside the fields above and what it says of itself."""
        set_ones = {k: v for k, v in (self.model_extra or {}).items() if v not in (None, False, "", [], ())}
        return {k: v for k, v in set_ones.items() if k not in _OF_THE_RULE_ITSELF}


class DkimConfig(ExchangeObject):
    """DKIM signing of one domain. `Status` is Microsoft's cached view of the CNAMEs."""

    queries = (Query("exchange", "Get-DkimSigningConfig"),)
    named_by = "Domain"
    writing = Writing(
        role="Transport Hygiene",
        set="Set-DkimSigningConfig",
        new="New-DkimSigningConfig",
        restorable=frozenset({"Enabled"}),
    )

    domain: StrictStr
    enabled: StrictBool
    status: StrictStr = ""
    selector1_cname: Annotated[StrictStr, Field(validation_alias="Selector1CNAME")] = ""
    selector2_cname: Annotated[StrictStr, Field(validation_alias="Selector2CNAME")] = ""
    last_checked: StrictStr = ""

    @property
    def key(self) -> str:
        return normal.domain(self.domain)

    @property
    def last_checked_at(self) -> datetime | None:
        """When Microsoft last looked the CNAMEs up; None where it does not say."""
        try:
            at = datetime.fromisoformat(self.last_checked)
        except ValueError:
            return None
        return at.replace(tzinfo=at.tzinfo or UTC)


class AntiPhishPolicy(Identified):
    """An anti-phish policy. The default one always exists."""

    queries = (Query("exchange", "Get-AntiPhishPolicy", never_empty=True),)
    lane = "fast"
    writing = Writing(
        role="Transport Hygiene",
        set="Set-AntiPhishPolicy",
        restorable=frozenset({"EnableSpoofIntelligence"}),
    )

    name: StrictStr
    is_default: StrictBool
    enable_spoof_intelligence: StrictBool
    recommended_policy_type: StrictStr = ""


class PolicyRule(ExchangeObject):
    """Whom an anti-phish policy is for. Recipients match when every kind of condition that is given matches."""

    state: StrictStr
    anti_phish_policy: StrictStr = ""
    sent_to: Addresses = frozenset()
    sent_to_member_of: Names = frozenset()
    recipient_domain_is: Domains = frozenset()
    except_if_sent_to: Names = frozenset()
    except_if_sent_to_member_of: Names = frozenset()
    except_if_recipient_domain_is: Domains = frozenset()
    priority: StrictInt = 0
    name: StrictStr

    @property
    def key(self) -> str:
        return self.name


class AntiPhishRule(PolicyRule):
    """The rule of a custom anti-phish policy."""

    queries = (Query("exchange", "Get-AntiPhishRule"),)
    lane = "fast"


class PresetRule(PolicyRule):
    """The rule of a preset security policy.

    Spoof intelligence belongs to the protections that every tenant has (EOP), so the Defender half
    (`Get-ATPProtectionPolicyRule`), which needs a licence to read, decides nothing here.
    """

    queries = (Query("exchange", "Get-EOPProtectionPolicyRule"),)
    lane = "fast"
    set_beside = ("ATPProtectionPolicyRule",)


class SpoofItem(Identified):
    """A spoofed-sender pair of the Tenant Allow/Block List."""

    queries = (Query("exchange", "Get-TenantAllowBlockListSpoofItems"),)
    lane = "fast"
    writing = Writing(
        role="Transport Hygiene",
        set="Set-TenantAllowBlockListSpoofItems",
        new="New-TenantAllowBlockListSpoofItems",
        remove="Remove-TenantAllowBlockListSpoofItems",
        restorable=frozenset({"Action"}),
        made_again=frozenset({"Action", "SendingInfrastructure", "SpoofType", "SpoofedUser"}),
    )

    spoofed_user: StrictStr
    sending_infrastructure: StrictStr
    spoof_type: StrictStr
    action: StrictStr


class ConnectionFilter(Identified):
    """The connection filter: addresses whose mail is taken without a look at it. `Default` always exists."""

    queries = (Query("exchange", "Get-HostedConnectionFilterPolicy", never_empty=True),)
    writing = Writing(
        role="Transport Hygiene",
        set="Set-HostedConnectionFilterPolicy",
        restorable=frozenset({"EnableSafeList", "IPAllowList"}),
    )

    ip_allow_list: Annotated[Networks, Field(validation_alias="IPAllowList")] = frozenset()
    enable_safe_list: StrictBool


class ContentFilter(Identified):
    """An anti-spam policy, cut down to the senders that it does not look at. `Default` always exists."""

    queries = (Query("exchange", "Get-HostedContentFilterPolicy", never_empty=True),)
    writing = Writing(
        role="Transport Hygiene",
        set="Set-HostedContentFilterPolicy",
        restorable=frozenset({"AllowedSenderDomains", "AllowedSenders"}),
    )

    name: StrictStr
    allowed_senders: Allowed = frozenset()
    allowed_sender_domains: Allowed = frozenset()


class AllowEntry(Identified):
    """An entry of the Tenant Allow/Block List that lets in a sender or an IPv6 address."""

    queries = (
        Query("exchange", "Get-TenantAllowBlockListItems", (("ListType", "Sender"), ("Allow", True))),
        Query("exchange", "Get-TenantAllowBlockListItems", (("ListType", "IP"), ("Allow", True))),
    )
    writing = Writing(role="Transport Hygiene", remove="Remove-TenantAllowBlockListItems")

    value: StrictStr
    action: StrictStr

    @property
    def list_type(self) -> Literal["Sender", "IP"]:
        """The list that it is in. `IP` holds IPv6 alone, and no sender has a colon."""
        return "IP" if ":" in self.value else "Sender"


class RemoteDomain(Identified):
    """What goes to, and is believed of, one other domain. Every tenant has `Default`, for `*`."""

    queries = (Query("exchange", "Get-RemoteDomain", (_UNLIMITED,), never_empty=True),)
    writing = Writing(
        role="Remote and Accepted Domains",
        set="Set-RemoteDomain",
        restorable=frozenset({"TrustedMailInboundEnabled"}),
    )

    name: StrictStr
    domain_name: StrictStr
    allowed_oof_type: Annotated[StrictStr, Field(validation_alias="AllowedOOFType")]
    auto_reply_enabled: StrictBool
    trusted_mail_inbound_enabled: StrictBool = False


class BlockedConnector(ExchangeObject):
    """A connector that Microsoft has blocked for sending suspicious mail (Get-BlockedConnector)."""

    queries = (Query("exchange", "Get-BlockedConnector"),)
    named_by = "ConnectorId"

    connector_id: Annotated[StrictStr, Field(validation_alias=AliasChoices("ConnectorId", "Identity"))]

    @property
    def key(self) -> str:
        return self.connector_id


class OrganizationConfig(Identified):
    """The organisation's own settings; there is one such object. *reject_direct_send* is null until it is set."""

    queries = (Query("exchange", "Get-OrganizationConfig", never_empty=True),)

    reject_direct_send: StrictBool | None = None


class ProtectionAlert(ExchangeObject):
    """A Defender alert policy, from the compliance endpoint. Every plan with Exchange Online has some."""

    queries = (Query("compliance", "Get-ProtectionAlert", never_empty=True),)
    named_by = "Name"
    read_role = "View-Only Manage Alerts"
    writing = Writing(
        role="Manage Alerts",
        set="Set-ProtectionAlert",
        restorable=frozenset({"Disabled"}),
    )

    name: StrictStr
    disabled: StrictBool

    @property
    def key(self) -> str:
        return self.name
