"""Who hosts a domain's DNS and lets us change it: one small interface, three hosts.

Every change is a compare-and-set against what was read, and only SPF, DMARC and DKIM records of a domain are ever
touched (`record_set.change`); everything else is proposed to a person. Source: docs/reference/dns.md#rules-for-writing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, assert_never

from clients.dns_providers.azure_dns import MANAGEMENT, AzureDns
from clients.dns_providers.cloudflare import Cloudflare
from clients.dns_providers.provider import DnsProvider
from clients.dns_providers.record_set import RecordSet
from clients.dns_providers.rfc2136 import Rfc2136
from clients.errors import Invalid, Unauthorised, Unreachable, Unreadable
from clients.http import Http, Permit
from domain.dns_hosts import AzureDnsHost, CloudflareHost, DnsHost, Rfc2136Host
from domain.dns_steps import WritableType, change_of
from domain.steps import Step
from domain.tenant import TenantConfig

__all__ = ["DnsProvider", "Hosting", "RecordSet", "WritableType"]


@dataclass(frozen=True, slots=True)
class Hosting:
    """The hosts of every tenant's zones. *secrets*: settings by name.

    *tenants*: the tenants that a secret is for, by its setting; None: each is for all. *loopback*: whether a server may
    be on this machine. *azure_token*: gives a bearer token for ARM, made out by the Entra tenant (directory) that it is
    asked for.
    """

    http: Http
    secrets: Mapping[str, str] = field(repr=False)
    azure_token: Callable[[str], Awaitable[str]]
    management: str = MANAGEMENT
    tenants: Mapping[str, frozenset[str]] | None = None
    loopback: bool = False

    async def apply(self, tenant: TenantConfig, step: Step, *, permit: Permit) -> None:
        """Run one change in DNS, once *permit* has let it pass.

        Raises:
            Conflict: Somebody changed the records; nothing was written.
            Refused: Not written, and a person must act: no host, no secret, no right, or never a change of ours.
            Unreachable: With `sent` it may have been written; without, it was not.
            ClientError: As the host says.
        """
        change, permitted = change_of(step.parameters), False

        async def last() -> float:
            nonlocal permitted
            at = await permit()
            permitted = True
            return at

        provider = self.provider(tenant, change.zone)
        expected, wanted = RecordSet(change.expected), RecordSet(change.wanted)
        try:
            await provider.swap(change.zone, change.name, change.type, expected, wanted, permit=last)
        except Unreadable as odd:
            if permitted:
                raise
            raise Invalid(f"the DNS provider's answer makes no sense: {odd.sentence}", call=odd.call) from odd
        except Unreachable as silence:
            # What went wrong while the host was only asked is no lost write.
            raise Unreachable(silence.sentence, call=silence.call, sent=silence.sent and permitted) from silence

    def provider(self, tenant: TenantConfig, zone: str) -> DnsProvider[Any]:
        """Who hosts *zone* for *tenant*.

        Raises:
            Invalid: The tenant's config names no DNS provider.
            Unauthorised: The setting that it names is missing, or holds no such secret. Values are never repeated.
        """
        host = tenant.dns.get(zone)
        if host is None:
            raise Invalid(f"dns.{zone}: the tenant's config names no DNS provider")
        try:
            return self._made(host, tenant.tenant_id)
        except ValueError as error:
            raise Unauthorised(f"dns.{zone}: {error}", remedy=_REMEDY) from None

    def _made(self, host: DnsHost, tenant_id: str) -> DnsProvider[Any]:
        match host:
            case AzureDnsHost():
                return AzureDns(
                    self.http,
                    partial(self.azure_token, host.directory or tenant_id),
                    subscription_id=host.subscription_id,
                    resource_group=host.resource_group,
                    management=self.management,
                )
            case CloudflareHost():
                secret = self._secret(host.secret_setting, tenant_id)
                return _named(host.secret_setting, partial(Cloudflare, self.http, secret))
            case Rfc2136Host():
                return self._rfc2136(host, self._secret(host.secret_setting, tenant_id))
            case other:
                assert_never(other)

    def _secret(self, setting: str, tenant_id: str) -> str:
        if self.tenants is not None and tenant_id not in self.tenants.get(setting, ()):
            raise ValueError(f"{setting}: is not for this tenant; HOLDFAST_DNS_TENANTS says for which it is")
        if secret := self.secrets.get(setting):
            return secret
        raise ValueError(f"{setting}: is missing; the domain's DNS provider needs it")

    def _rfc2136(self, host: Rfc2136Host, secret: str) -> Rfc2136:
        server, _, port = host.server.rpartition(":")
        made = partial(
            Rfc2136,
            server.strip("[]"),
            int(port),
            key_name=host.key_name,
            algorithm=host.algorithm,
            loopback=self.loopback,
        )
        return _named(host.secret_setting, partial(made, secret=secret))


_REMEDY = "Put the provider's secret into that setting, and the tenant beside its name into HOLDFAST_DNS_TENANTS."


def _named[P](setting: str, make: Callable[[], P]) -> P:
    """What *make* gives, or its ValueError with the *setting* whose secret it does not take."""
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"{setting}: {error}") from None
