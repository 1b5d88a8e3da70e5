"""The records that the world's zones start with: each tenant's, and those of the neighbours that they point to."""

from collections.abc import Callable

from simulator.cmdlets import dkim
from simulator.organization import Organization
from simulator.states import FILTER_MX, healthy
from simulator.zones import Records

type _Find = Callable[[str], Organization | None]

# The names of the neighbours that a tenant's records point to.
_PUBLIC = {
    ("inbound30.exchangedefender.com", "A"): ["65.99.255.30"],
    ("proxy.exchangedefender.com", "TXT"): ['"v=spf1 ip4:65.99.255.0/24 -all"'],
    ("spf.protection.outlook.com", "TXT"): ['"v=spf1 ip4:40.92.0.0/15 ip4:40.107.0.0/16 ip4:52.100.0.0/14 -all"'],
}
_PUBLIC_ZONES = ("exchangedefender.com", "outlook.com", "mail.microsoft", "onmicrosoft.com")


def starting(find: _Find, name: str) -> tuple[str, Records]:
    """The zone that *name* is in, and its records as its owner started. *find*: a tenant by one of its domains.

    The zone is the longest domain that a tenant or a neighbour has; else the name itself.
    """
    labels = name.split(".")
    for candidate in (".".join(labels[start:]) for start in range(len(labels))):
        if candidate in _PUBLIC_ZONES:
            return candidate, _neighbours(find, name, candidate)
        if (tenant := find(candidate)) and candidate in tenant.domains:
            return candidate, _own(tenant, candidate)
    return name, {}


def _own(tenant: Organization, apex: str) -> Records:
    records = {(apex, "NS"): [f"ns1.{apex}."], (f"ns1.{apex}", "A"): ["127.0.0.1"], **_authority(apex)}
    return records | (_filtered(tenant, apex) if tenant.state is healthy else _direct(apex))


def _neighbours(find: _Find, name: str, apex: str) -> Records:
    """The part of a neighbour's zone that matters for *name*: those zones have a name for every tenant."""
    records = {key: values for key, values in _PUBLIC.items() if key[0].endswith(f".{apex}")} | _authority(apex)
    if name.endswith(".mail.protection.outlook.com"):
        records[name, "A"] = ["52.101.8.42"]
    before, _, zone = name.partition("._domainkey.")
    tenant = find(f"{zone.split('.')[0]}.onmicrosoft.com")
    if tenant and before.startswith("selector"):
        hosts = [host.lower() for domain in tenant.domains for host in dkim.targets(tenant, domain).values()]
        records |= {(host, "TXT"): [f'"{dkim.key(host)}"'] for host in hosts}
    return records


def _authority(apex: str) -> Records:
    return {(apex, "SOA"): [f"ns1.{apex}. hostmaster.{apex}. 1 7200 900 1209600 60"]}


def _filtered(tenant: Organization, domain: str) -> Records:
    """A domain behind the filter, with Microsoft's DKIM published."""
    return {
        (domain, "MX"): [FILTER_MX],
        (domain, "TXT"): ['"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all"'],
        (f"_dmarc.{domain}", "TXT"): [f'"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'],
        **{(host, "CNAME"): [f"{target}."] for host, target in dkim.targets(tenant, domain).items()},
    }


def _direct(domain: str) -> Records:
    """A domain whose mail goes straight to Microsoft."""
    return {
        (domain, "MX"): [f"0 {domain.replace('.', '-')}.mail.protection.outlook.com."],
        (domain, "TXT"): ['"v=spf1 include:spf.protection.outlook.com -all"'],
    }
