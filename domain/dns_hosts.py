"""Who hosts a domain's DNS and lets us change it, as a tenant's config says.

A secret is never in the config: it names the setting that holds it, and can name no other setting of the service.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from domain.addresses import is_address
from domain.mail import names

SECRET_PREFIX = "HOLDFAST_DNS_SECRET_"  # noqa: S105 - a name's beginning


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError("should be host:port")
    return text if is_address(host.strip("[]")) else f"{names.to_ascii(host)}:{port}"


def refused_address(text: str, *, loopback: bool) -> str:
    """Why no update is sent to the address *text*; empty where it may be. *loopback*: this machine itself is one.

    A tenant's config names the server, and must not have us speak with the machine that we run on or with what gives it
    its tokens (169.254.169.254 is link-local; 168.63.129.16 is Azure's own, Microsoft Learn, "What is IP address
    168.63.129.16?").
    """
    address = ip_address(text)
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback:
        return "" if loopback else "it is this machine"
    if address.is_link_local or address.is_unspecified or address.is_multicast or str(address) == _AZURES:
        return "it is no DNS server but an address of the platform or of no host"
    return ""


_AZURES = "168.63.129.16"


def _each_once(given: object) -> object:
    """Of two hosts of one zone, spelled differently, only one would be kept: which one is not left to chance."""
    spelled = [_plain(str(zone)) for zone in given] if isinstance(given, Mapping) else []
    if twice := next((zone for zone in spelled if spelled.count(zone) > 1), None):
        raise ValueError(f"{twice}: should be named once")
    return given


def _plain(zone: str) -> str:
    try:
        return names.to_ascii(zone)
    except ValueError:
        return zone  # told with the field that it is


type SecretSetting = Annotated[str, Field(pattern=rf"^{SECRET_PREFIX}[A-Z0-9_]+$")]
type HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
type Guid = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
type ZoneName = Annotated[str, AfterValidator(names.to_ascii)]


class _Host(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AzureDnsHost(_Host):
    """A zone in Azure DNS; our application has the role "DNS Zone Contributor" on it.

    *directory*: the Entra tenant of the subscription, where it is not the customer's own.
    """

    kind: Literal["azure_dns"]
    subscription_id: Guid
    # The length apart: within the pattern it would take the library 40 ms to compile, at every start.
    resource_group: str = Field(pattern=r"^[\w().-]*[\w()-]$", max_length=90)
    directory: Annotated[Guid, AfterValidator(lambda text: str(UUID(text)))] | None = None


class CloudflareHost(_Host):
    """A zone at Cloudflare; the setting holds an API token."""

    kind: Literal["cloudflare"]
    secret_setting: SecretSetting


class Rfc2136Host(_Host):
    """A primary server that takes signed updates; the setting holds the key in base64."""

    kind: Literal["rfc2136"]
    server: HostAndPort
    key_name: str = Field(min_length=1)
    secret_setting: SecretSetting
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"


type DnsHost = Annotated[AzureDnsHost | CloudflareHost | Rfc2136Host, Field(discriminator="kind")]
type HostsByZone = Annotated[dict[ZoneName, DnsHost], BeforeValidator(_each_once)]


def zone_of(domain: str, zones: Mapping[str, DnsHost]) -> str | None:
    """The zone among *zones* that *domain* is in: the longest; None where the config names no DNS provider for it."""
    try:
        name = names.to_ascii(domain)
    except ValueError:
        return None
    return next((parent for parent in names.parents(name) if parent in zones), None)
