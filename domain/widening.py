"""What a tenant's overrides let in, or accept, beyond its profile: only the word of a second person lets that count."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_network

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.mail import mx, names
from domain.profile import Profile
from domain.tenant import TenantConfig

PROPOSED_FOR = timedelta(days=7)
"""How long a proposed config waits for another person."""

_MICROSOFTS = (*mx.MICROSOFT, "office365.us", "microsoft.com", "onmicrosoft.com", "partner.outlook.cn")
"""Where Microsoft's own mail hosts and tenants are: they are every tenant's, so that none of them is a filter."""

type _Allowance = tuple[str, str]
"""A field of the profile, and one thing that it lets in or accepts."""


class ProposedConfig(BaseModel):
    """A config that waits for another person than the one who proposed it.

    *identity*: of the proposer (`oid` or key); *by*: how the ledger names them. *version*: of the config that it is to
    replace; empty where there was none. *widens*: what it lets in, field by field.
    """

    model_config = ConfigDict(frozen=True)

    config: TenantConfig
    by: str
    identity: str
    at: AwareDatetime
    version: str
    widens: tuple[str, ...]

    def waits_at(self, now: datetime) -> bool:
        return now < self.lapses_at

    @property
    def digest(self) -> str:
        """A name for exactly this config, as it is stored: SHA-256 of its JSON. It is what a person approves."""
        return sha256(self.config.model_dump_json().encode()).hexdigest()

    @property
    def lapses_at(self) -> datetime:
        return self.at + PROPOSED_FOR


def widened(profile: Profile, *accepted: Profile) -> tuple[str, ...]:
    """What *profile* lets in that none of *accepted* does, a sentence each."""
    before = {grant for each in accepted for grant in _grants(each)}
    beyond = (f"{field}: {value}" for field, value in _grants(profile) if not _is_within(field, value, before))
    return (*beyond, *_taken_for_incoming(profile, accepted))


def _taken_for_incoming(profile: Profile, accepted: tuple[Profile, ...]) -> Iterator[str]:
    """Hosts that all of *accepted* know as a way out, so that an MX which names one is not the filter's."""
    known = [set(each.outbound_hosts) for each in accepted]
    for host in sorted(set[str].intersection(*known) if known else ()):
        if profile.filter_hosts.take(host):
            yield f"outbound_hosts: {host} left out, so that it counts for one that takes mail"


def is_microsofts(suffix: str) -> bool:
    """Whether hosts of Microsoft's own have *suffix*, or it is one of theirs."""
    return any(names.is_under(each, suffix) or names.is_under(suffix, each) for each in _MICROSOFTS)


_NETWORKS = frozenset({"delivery_networks", "microsoft_networks", "spoof_allow.networks"})


def _grants(profile: Profile) -> Iterator[_Allowance]:
    yield from (("delivery_networks", each) for each in profile.delivery_networks)
    yield from (("microsoft_networks", each) for each in profile.microsoft_networks)
    yield from (("mx_suffixes", each) for each in profile.mx_suffixes)
    yield from (("alert_policies", each) for each in profile.alert_policies)
    if not profile.inbound_connector:
        yield "inbound_connector", "left out, so that nothing is locked"
    if profile.connector_form == "as_command_line":
        yield "connector_form", "as_command_line, which does not lock"
    if profile.spf:
        yield from (("spf.includes", each) for each in profile.spf.includes)
    if profile.dmarc:  # who else is told in reports who writes mail for the domain
        yield "dmarc.record", profile.dmarc.record
    if profile.out_of_office:
        yield from (("out_of_office.tls_settings", each) for each in profile.out_of_office.tls_settings)
    if profile.spoof_intelligence:
        policies = profile.spoof_intelligence.policies or ("the default policy",)
        yield from (("spoof_intelligence.policies", each) for each in policies)
    if pairs := profile.spoof_allow:
        yield from (("spoof_allow.networks", each) for each in pairs.networks)
        yield "spoof_allow.spoofed_user", pairs.spoofed_user
        yield "spoof_allow.spoof_type", pairs.spoof_type
    if not (profile.direct_send and profile.direct_send.reject):
        yield "direct_send.reject", "false"


def _is_within(field: str, value: str, before: set[_Allowance]) -> bool:
    wider = [each for name, each in before if name == field]
    if field in _NETWORKS:
        inner = ip_network(value)
        ends = (inner.network_address, inner.broadcast_address)
        return any(all(end in ip_network(each) for end in ends) for each in wider)
    if field == "mx_suffixes":
        return any(names.is_under(value, each) for each in wider)
    return value in wider or (field == "spoof_allow.spoofed_user" and "*" in wider)
