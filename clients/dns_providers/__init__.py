"""Who hosts a domain's DNS and lets us change it: one small interface, three hosts (dns-and-exchangedefender 7, 8).

Every change is a compare-and-set against what was read, and only SPF, DMARC and DKIM records of a domain are ever
touched (`record_set.change`); everything else is proposed to a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, assert_never

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from clients.dns_providers.azure_dns import MANAGEMENT, AzureDns
from clients.dns_providers.cloudflare import Cloudflare
from clients.dns_providers.record_set import RecordSet, WritableType
from clients.dns_providers.rfc2136 import Rfc2136

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from clients.http import Http

__all__ = ["Hosts", "Provider", "RecordSet", "WritableType", "provider"]

SECRET_PREFIX = "HOLDFAST_DNS_SECRET_"  # noqa: S105 - a name's beginning
"""A tenant's config names its secret by setting, and can name no other setting of the service."""


class Provider(Protocol):
    """A host of zones. Names are A-labels, lower case, without the trailing dot; *name* is whole, not relative."""

    async def read(self, zone: str, name: str, rtype: WritableType) -> RecordSet:
        """The records of *name*, as the host keeps them; none is an empty set.

        Raises:
            ClientError: The host does not say.
        """

    async def swap(self, zone: str, name: str, rtype: WritableType, expected: RecordSet, wanted: RecordSet) -> None:
        """Make *expected* into *wanted*, keeping the current TTL. Done only once it is read back from the zone.

        Raises:
            Conflict: The records are no longer *expected*; nothing was written.
            Invalid: Not a change that is ever made; nothing was sent.
            ClientError: The host refused, or did not answer: with Unreachable.sent or Unreadable, look first.
        """


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError("should be host:port")
    return text


type SecretSetting = Annotated[str, Field(pattern=rf"^{SECRET_PREFIX}[A-Z0-9_]+$")]
type HostAndPort = Annotated[str, AfterValidator(_host_and_port)]


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AzureDnsConfig(_Config):
    """A zone in Azure DNS; our own identity has the role "DNS Zone Contributor" on it."""

    kind: Literal["azure_dns"]
    subscription_id: str = Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
    resource_group: str = Field(pattern=r"^[\w().-]{1,90}$")


class CloudflareConfig(_Config):
    """A zone at Cloudflare; the setting holds an API token."""

    kind: Literal["cloudflare"]
    secret_setting: SecretSetting


class Rfc2136Config(_Config):
    """A primary server that takes signed updates; the setting holds the key in base64."""

    kind: Literal["rfc2136"]
    server: HostAndPort
    key_name: str = Field(min_length=1)
    secret_setting: SecretSetting
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"


type ProviderConfig = Annotated[AzureDnsConfig | CloudflareConfig | Rfc2136Config, Field(discriminator="kind")]
_CONFIG: TypeAdapter[AzureDnsConfig | CloudflareConfig | Rfc2136Config] = TypeAdapter(ProviderConfig)


@dataclass(frozen=True, slots=True)
class Hosts:
    """What providers are made from. *secrets*: settings by name. *azure_token*: gives a bearer token for ARM."""

    http: Http
    secrets: Mapping[str, str] = field(repr=False)
    azure_token: Callable[[], Awaitable[str]]
    management: str = MANAGEMENT


def provider(config: Mapping[str, object], hosts: Hosts) -> Provider:
    """The provider that a domain's *config* names.

    Raises:
        ValueError: One line: a field is wrong, or the setting that it names is missing. Values are never repeated.
    """
    match _checked(config):
        case AzureDnsConfig() as azure:
            return AzureDns(
                hosts.http,
                hosts.azure_token,
                subscription_id=azure.subscription_id,
                resource_group=azure.resource_group,
                management=hosts.management,
            )
        case CloudflareConfig() as cloudflare:
            return Cloudflare(hosts.http, _secret(hosts, cloudflare.secret_setting))
        case Rfc2136Config() as server:
            return _rfc2136(server, _secret(hosts, server.secret_setting))
        case other:
            assert_never(other)


def _checked(config: Mapping[str, object]) -> AzureDnsConfig | CloudflareConfig | Rfc2136Config:
    try:
        return _CONFIG.validate_python(config)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, fault['loc'])) or 'kind'}: {fault['msg']}") from None


def _secret(hosts: Hosts, setting: str) -> str:
    if secret := hosts.secrets.get(setting):
        return secret
    raise ValueError(f"{setting}: is missing; the domain's DNS provider needs it")


def _rfc2136(config: Rfc2136Config, secret: str) -> Rfc2136:
    host, _, port = config.server.rpartition(":")
    try:
        return Rfc2136(host.strip("[]"), int(port), key_name=config.key_name, secret=secret, algorithm=config.algorithm)
    except ValueError as error:
        raise ValueError(f"{config.secret_setting}: {error}") from None
