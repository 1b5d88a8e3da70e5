"""What DNS says: each tenant's starting records, and what somebody set since. No sockets here; `dns` has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.cmdlets import dkim
from simulator.states import FILTER_MX, healthy

if TYPE_CHECKING:
    from simulator.tenant import Tenant
    from simulator.world import World

type DnsFailure = Literal["servfail", "timeout", "truncated"]

TTL = 300
# The names of the neighbours that a tenant's records point to.
_PUBLIC = {
    ("inbound30.exchangedefender.com", "A"): ["65.99.255.30"],
    ("proxy.exchangedefender.com", "TXT"): ['"v=spf1 ip4:65.99.255.0/24 ip4:206.125.40.0/24 -all"'],
    ("spf.protection.outlook.com", "TXT"): ['"v=spf1 ip4:40.92.0.0/15 ip4:40.107.0.0/16 ip4:52.100.0.0/14 -all"'],
}
_PUBLIC_ZONES = ("exchangedefender.com", "outlook.com", "mail.microsoft", "onmicrosoft.com")


@dataclass(slots=True)
class _Failure:
    how: DnsFailure
    left: int | None


class Zones:
    """All records of the world, by name and type, in presentation form (`10 mx.example.`, `"text"`)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._set: dict[tuple[str, str], tuple[list[str], int]] = {}
        self._failing: dict[str, _Failure] = {}
        self._delegated: dict[str, tuple[str, int]] = {}

    def clear(self) -> None:
        """Only starting records, and no failures."""
        self._set.clear()
        self._failing.clear()
        self._delegated.clear()

    def set(self, name: str, rdtype: str, *values: str, ttl: int = TTL) -> None:
        """These records, in place of the starting ones."""
        self._set[_key(name, rdtype)] = (list(values), ttl)

    def remove(self, name: str, rdtype: str) -> None:
        """No such records, even if the tenant started with them."""
        self.set(name, rdtype)

    def unset(self, name: str, rdtype: str) -> None:
        """The tenant's starting records again."""
        self._set.pop(_key(name, rdtype), None)

    def fail(self, name: str, how: DnsFailure, *, times: int | None = None) -> None:
        """Questions for that name go wrong, *times* times or until `heal`."""
        self._failing[_key(name, "")[0]] = _Failure(how, times)

    def heal(self, name: str) -> None:
        self._failing.pop(_key(name, "")[0], None)

    def delegate(self, zone: str, host: str, port: int) -> None:
        """Another server has *zone*: questions about it are put to that one, and its answers given as they come."""
        self._delegated[_key(zone, "")[0]] = (host, port)

    # --- what a server asks ------------------------------------------------------------------------------------------

    @property
    def delegates(self) -> bool:
        """Whether any zone is another server's."""
        return bool(self._delegated)

    def server_of(self, name: str) -> tuple[str, int] | None:
        """The other server that has the name's zone, if one has."""
        labels = name.split(".")
        parents = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._delegated[parent] for parent in parents if parent in self._delegated), None)

    def failure(self, name: str) -> DnsFailure | None:
        """How this question goes wrong, if it does; counts it."""
        failure = self._failing.get(name)
        if failure is None:
            return None
        if failure.left is not None:
            failure.left -= 1
            if failure.left <= 0:
                del self._failing[name]
        return failure.how

    def values(self, name: str, rdtype: str) -> list[str]:
        return self.lookup(name, rdtype)[0]

    def lookup(self, name: str, rdtype: str) -> tuple[list[str], int]:
        """The records of that name and type, and their TTL in seconds."""
        key = _key(name, rdtype)
        if key in self._set:
            return self._set[key]
        return self._starting(key[0]).get(key, []), TTL

    def exists(self, name: str) -> bool:
        """Whether the name, or one below it, has any record: the difference between NODATA and NXDOMAIN (RFC 8020)."""
        records = {key: values for key, values in self._starting(name).items() if key not in self._set}
        records |= {key: values for key, (values, _) in self._set.items()}
        return any(values and (owner == name or owner.endswith(f".{name}")) for (owner, _), values in records.items())

    def apex(self, name: str) -> str:
        """The zone the name is in: the longest domain that a tenant or a neighbour has; else the name itself."""
        labels = name.split(".")
        for start in range(len(labels)):
            candidate = ".".join(labels[start:])
            if candidate in _PUBLIC_ZONES or self._owner(candidate):
                return candidate
        return name

    def _owner(self, domain: str) -> Tenant | None:
        tenant = self._world.tenant(domain)
        return tenant if tenant and domain in tenant.domains else None

    def _starting(self, name: str) -> dict[tuple[str, str], list[str]]:
        """The records of the zone that *name* is in, as its owner started."""
        apex = self.apex(name)
        tenant = self._owner(apex)
        if tenant is None:
            return self._neighbours(name, apex)
        records = {(apex, "NS"): [f"ns1.{apex}."], (f"ns1.{apex}", "A"): ["127.0.0.1"], **_authority(apex)}
        return records | (_filtered(tenant, apex) if tenant.state is healthy else _direct(apex))

    def _neighbours(self, name: str, apex: str) -> dict[tuple[str, str], list[str]]:
        """The part of a neighbour's zone that matters for *name*: those zones have a name for every tenant."""
        if apex not in _PUBLIC_ZONES:
            return {}
        records = {key: values for key, values in _PUBLIC.items() if key[0].endswith(f".{apex}")} | _authority(apex)
        if name.endswith(".mail.protection.outlook.com"):
            records[name, "A"] = ["52.101.8.42"]
        before, _, zone = name.partition("._domainkey.")
        tenant = self._world.tenant(f"{zone.split('.')[0]}.onmicrosoft.com")
        if tenant and before.startswith("selector"):
            hosts = [host.lower() for domain in tenant.domains for host in dkim.targets(tenant, domain).values()]
            records |= {(host, "TXT"): [f'"{dkim.key(host)}"'] for host in hosts}
        return records


def _authority(apex: str) -> dict[tuple[str, str], list[str]]:
    return {(apex, "SOA"): [f"ns1.{apex}. hostmaster.{apex}. 1 7200 900 1209600 60"]}


def _filtered(tenant: Tenant, domain: str) -> dict[tuple[str, str], list[str]]:
    """A domain behind the filter, with Microsoft's DKIM published."""
    return {
        (domain, "MX"): [FILTER_MX],
        (domain, "TXT"): ['"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all"'],
        (f"_dmarc.{domain}", "TXT"): [f'"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'],
        **{(host, "CNAME"): [f"{target}."] for host, target in dkim.targets(tenant, domain).items()},
    }


def _direct(domain: str) -> dict[tuple[str, str], list[str]]:
    """A domain whose mail goes straight to Microsoft."""
    return {
        (domain, "MX"): [f"0 {domain.replace('.', '-')}.mail.protection.outlook.com."],
        (domain, "TXT"): ['"v=spf1 include:spf.protection.outlook.com -all"'],
    }


def _key(name: str, rdtype: str) -> tuple[str, str]:
    return name.rstrip(".").lower(), rdtype.upper()
