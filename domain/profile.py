"""A profile: every figure that a mail filter's guide documents, validated when it is loaded.

Each part may be absent: its controls are then *not_applicable*. A part that is there is whole, and an empty list never
validates: an empty profile can therefore never lead to a write.
"""

from datetime import date
from ipaddress import IPv4Network, ip_network
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from domain import normal
from domain.mail import names
from domain.mail.mx import FilterHosts

type NonEmptyText = Annotated[str, Field(min_length=1)]
type PartName = Literal[
    "alert_policies",
    "delivery_networks",
    "direct_send",
    "dkim",
    "dmarc",
    "inbound_connector",
    "microsoft_networks",
    "mx_suffixes",
    "out_of_office",
    "ranges_include",
    "spf",
    "spoof_allow",
    "spoof_intelligence",
]
"""What the guide of one filter documents and that of another may not."""
type ObjectName = Annotated[str, Field(min_length=1, max_length=64)]
"""Exchange allows 64 characters in the name of a connector or rule (New-OutboundConnector, New-TransportRule)."""


def _deliverable(text: str) -> str:
    """Connectors take IPv4 addresses and CIDR /24 to /32 only (docs/reference/exchange.md#inbound-connectors)."""
    if IPv4Network(text).prefixlen < 24:  # noqa: PLR2004 - the figure is the rule, named in the docstring
        raise ValueError("should be an IPv4 network of /24 to /32")
    return normal.network(text)


def _spoofable(text: str) -> str:
    """A spoof pair takes an IP network only as /24 (docs/reference/exchange.md#spoofed-senders)."""
    if IPv4Network(text).prefixlen != 24:  # noqa: PLR2004 - as above
        raise ValueError("should be an IPv4 network of exactly /24")
    return normal.network(text)


def _included(text: str) -> str:
    """A name alone: another mechanism or a macro behind it would become part of every record that is written."""
    if names.to_ascii(text) != text.lower():
        raise ValueError("should be a domain name, as A-labels, and nothing else")
    return text


MOST_ADDRESSES = 1273
"""Entries that an IP allow list takes
(https://learn.microsoft.com/defender-office-365/connection-filter-policies-configure); nobody sends from more."""

MOST_PAIRS = 1024
"""Spoofed senders that a tenant's list takes
(https://learn.microsoft.com/defender-office-365/tenant-allow-block-list-email-spoof-configure)."""

WIDEST_OF_MICROSOFT = {4: 12, 6: 32}
"""Bits of the widest network that is taken for Microsoft's own, by IP version. The widest that it publishes has 14
and 48; so wide a list as MOST_ADDRESSES of them still holds less than half of IPv4."""


def _microsofts(text: str) -> str:
    """A network that Exchange Online hands over mail from: never every address, or close to it."""
    network = ip_network(text)
    if network.prefixlen < WIDEST_OF_MICROSOFT[network.version]:
        raise ValueError("should be an IPv4 network of /12 to /32, or an IPv6 network of /32 to /128")
    return str(network)


type MicrosoftNetwork = Annotated[str, AfterValidator(_microsofts)]
type DeliveryNetwork = Annotated[str, AfterValidator(_deliverable)]
type SpoofNetwork = Annotated[str, AfterValidator(_spoofable)]
type IncludedName = Annotated[str, AfterValidator(_included)]
type TlsSettings = Literal["EncryptionOnly", "CertificateValidation", "DomainValidation"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Part):
    """Where a figure comes from.

    *section*: of the filter's guide, or the URL of another page. *confirmed_on*: the day on which the figure was last
    compared with it. *caution*: why not to rely on it alone; empty where nothing is known to speak against it.
    """

    section: NonEmptyText
    confirmed_on: date
    caution: str = ""


class InboundConnectorValues(_Part):
    """How our lock-down connector is called when we make it."""

    name: ObjectName
    name_beside: ObjectName
    comment: str


class OutOfOfficeValues(_Part):
    """The connector and the rule of the out-of-office path."""

    connector_name: ObjectName
    tls_settings: Annotated[tuple[TlsSettings, ...], Field(min_length=1)]
    rule_name: ObjectName


class DkimValues(_Part):
    """How a signing configuration is made where there is none."""

    key_size: Literal[1024, 2048]


class SpfValues(_Part):
    """What every sending domain's SPF record includes, in the guide's order."""

    includes: Annotated[tuple[IncludedName, ...], Field(min_length=1)]


class DmarcValues(_Part):
    """The record that a domain without one is proposed."""

    record: Annotated[str, Field(pattern=r"^v=DMARC1; p=none(;.*)?$")]


class DirectSendValues(_Part):
    """Whether the tenant refuses mail from its own domains that no connector matches."""

    reject: bool


class SpoofIntelligenceValues(_Part):
    """Which anti-phish policies the guide's step is about; none named means the tenant's default one."""

    policies: tuple[NonEmptyText, ...] = ()


class SpoofAllowValues(_Part):
    """The pairs of the Tenant Allow/Block List."""

    spoofed_user: NonEmptyText
    networks: Annotated[tuple[SpoofNetwork, ...], Field(min_length=1, max_length=MOST_PAIRS)]
    spoof_type: Literal["External", "Internal"]
    action: Literal["Allow"]


class FalseAlertValues(_Part):
    """What a false alert is closed as: a pair that the portal offers.

    Source: docs/reference/defender-alerts-and-audit.md#closing.
    """

    classification: Literal["falsePositive", "informationalExpectedActivity"] = "falsePositive"
    determination: NonEmptyText = "notMalicious"

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if self.determination not in _DETERMINATIONS[self.classification]:
            raise ValueError(f"determination should be one of {', '.join(_DETERMINATIONS[self.classification])}")
        return self


_DETERMINATIONS = {
    "falsePositive": ("notMalicious", "notEnoughDataToValidate", "other"),
    "informationalExpectedActivity": ("securityTesting", "lineOfBusinessApplication", "confirmedActivity", "other"),
}


class Profile(_Part):
    """What the guide of one mail filter documents. *name*: what people call the filter.

    *microsoft_networks*: where Exchange Online itself hands over mail, IPv4 and IPv6.
    *ranges_include*: the name whose SPF record lists the filter's ranges, for comparing them with *delivery_networks*.
    *outbound_hosts*: hosts below the suffixes by which mail leaves the filter, and that take none. *sources*: of each
    part by its name; of a network that has another source than its part, by the network.
    """

    id: NonEmptyText
    version: Annotated[NonEmptyText, BeforeValidator(lambda value: str(value) if isinstance(value, date) else value)]
    name: NonEmptyText
    guide: NonEmptyText
    sources: dict[str, Source]
    connector_form: Literal["partner", "as_command_line"] = "partner"
    delivery_networks: Annotated[tuple[DeliveryNetwork, ...], Field(min_length=1, max_length=MOST_ADDRESSES)] = ()
    mx_suffixes: Annotated[tuple[NonEmptyText, ...], Field(min_length=1)] = ()
    microsoft_networks: Annotated[tuple[MicrosoftNetwork, ...], Field(min_length=1, max_length=MOST_ADDRESSES)] = ()
    outbound_hosts: tuple[NonEmptyText, ...] = ()
    ranges_include: NonEmptyText | Literal[""] = ""
    inbound_connector: InboundConnectorValues | None = None
    out_of_office: OutOfOfficeValues | None = None
    dkim: DkimValues | None = None
    spf: SpfValues | None = None
    dmarc: DmarcValues | None = None
    direct_send: DirectSendValues | None = None
    spoof_intelligence: SpoofIntelligenceValues | None = None
    spoof_allow: SpoofAllowValues | None = None
    alert_policies: Annotated[tuple[NonEmptyText, ...], Field(min_length=1)] = ()
    false_alerts: FalseAlertValues = FalseAlertValues()

    @property
    def filter_hosts(self) -> FilterHosts:
        """Which hosts take mail for the filter."""
        return FilterHosts(self.mx_suffixes, self.outbound_hosts)

    def has(self, part: PartName) -> bool:
        return bool(getattr(self, part))

    @property
    def parts(self) -> tuple[PartName, ...]:
        """The parts that are there."""
        return tuple(part for part in get_args(PartName.__value__) if self.has(part))

    def with_overrides(self, overrides: dict[str, Any]) -> Self:
        """This profile with a tenant's *overrides* laid over it, part by part.

        Raises:
            ValueError: A field is unknown, fixed (`id`, `version`, `sources`) or refused by the profile.
        """
        if not overrides:
            return self
        if fixed := {"id", "version", "sources"} & overrides.keys():
            raise ValueError(f"overrides.{min(fixed)}: belongs to the profile and cannot be overridden")
        try:
            return self.model_validate(_merged(self.model_dump(exclude_unset=True), overrides))
        except ValidationError as error:
            raise ValueError(first_fault("overrides", error)) from None


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if nested else value
    return merged


def first_fault(where: str, error: ValidationError) -> str:
    """One line for the first thing wrong in *error*: the field's path below *where*, and what it should be."""
    fault = error.errors(include_url=False, include_context=False)[0]
    path = ".".join([where, *(str(part) for part in fault["loc"])])
    return f"{path}: {fault['msg'].removeprefix('Value error, ')}"


def parse_profile(text: str, source: str) -> Profile:
    """Read a profile from YAML *text*; *source* (a file name) opens every error.

    Raises:
        ValueError: One line that names source and field.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f"line {mark.line + 1}" if mark else "the text"
        raise ValueError(f"{source}: {at} is not valid YAML") from None
    try:
        profile = Profile.model_validate(raw)
    except ValidationError as error:
        raise ValueError(first_fault(source, error)) from None
    if unsourced := [part for part in profile.parts if part not in profile.sources]:
        raise ValueError(f"{source}.sources.{unsourced[0]}: Field required")
    return profile


def given[T](part: T | None) -> T:
    """*part*, where a control has said that it needs it (`Control.parts`).

    Raises:
        LookupError: The profile does not have it; the control did not say so.
    """
    if part is None:
        raise LookupError("a part of the profile that the control does not name")
    return part
