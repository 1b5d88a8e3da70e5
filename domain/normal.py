"""One spelling for values that Exchange spells in several ways, so that only real differences are drift.

Source: docs/reference/exchange.md#values, #false-drift.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Annotated

from pydantic import BeforeValidator

from domain.mail import names

_REMEMBERED = 4096
"""Values that each way of folding or comparing remembers: a fleet has the same names and networks again and again."""


@lru_cache(_REMEMBERED)
def name(text: str) -> str:
    """Fold *text* for comparing names: no invisible characters (U+200B, U+FEFF ...), one blank, no case."""
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(visible.split()).casefold()


@lru_cache(_REMEMBERED)
def domain(text: str) -> str:
    """Fold a domain or pattern: `smtp:*;1` and `*` are the same, `Contoso.COM.` and `contoso.com` too.

    An international one becomes A-labels, as DNS asks for it; to fold its case first would make another company's
    domain of it (`fass.example` of `faß.example`). What is no domain name, a pattern, is in lower case.
    """
    bare = text.strip().partition(";")[0].strip().rstrip(".")
    bare = bare[5:] if bare[:5].lower() == "smtp:" else bare
    try:
        return names.to_ascii(bare)
    except ValueError:
        return bare.lower()


@lru_cache(_REMEMBERED)
def address(text: str) -> str:
    """Fold a mail address: its domain as `domain` does, what is before it as `name` does."""
    local, at, of_domain = text.rpartition("@")
    return f"{name(local)}@{domain(of_domain)}" if at else name(text)


@lru_cache(_REMEMBERED)
def network(text: str) -> str:
    """Fold an IPv4 address or CIDR: `65.99.255.7/24` is `65.99.255.0/24`, `1.2.3.4` is `1.2.3.4/32`.

    What is neither (a range, an IPv6 address) keeps its spelling: it equals no network.
    """
    stripped = text.strip()
    try:
        return str(IPv4Network(stripped, strict=False))
    except (AddressValueError, NetmaskValueError):
        return stripped.casefold()


@lru_cache(_REMEMBERED)
def covers(networks: frozenset[str], network: str) -> bool:
    """Whether *network* lies within one of *networks*; entries that are no network cover nothing."""
    inner = IPv4Network(network)
    return any(inner.subnet_of(outer) for outer in _networks(networks))


def size(text: str) -> int:
    """How many IPv4 addresses *text* is: an address, a CIDR or a range (`192.0.2.1-192.0.2.9`); else none."""
    first, last = _ends(text)
    return max(0, last - first + 1)


def lies_within(text: str, networks: Iterable[str]) -> bool:
    """Whether the IPv4 addresses of *text* (as `size`) all lie in one of *networks*; no addresses lie in none."""
    first, last = _ends(text)
    outer = [_ends(each) for each in networks]
    return first <= last and any(start <= first and last <= end for start, end in outer)


_NO_ADDRESSES = (1, 0)


def _ends(text: str) -> tuple[int, int]:
    """The first and the last of the addresses, as numbers."""
    first, dash, last = text.strip().partition("-")
    try:
        if dash:
            return int(IPv4Address(first.strip())), int(IPv4Address(last.strip()))
        found = IPv4Network(first, strict=False)
    except ValueError:
        return _NO_ADDRESSES
    return int(found.network_address), int(found.broadcast_address)


def _networks(texts: frozenset[str]) -> list[IPv4Network]:
    found = []
    for text in texts:
        try:
            found.append(IPv4Network(text))
        except ValueError:
            continue
    return found


def _strings(value: object) -> list[str]:
    """Null, missing and `[]` are one empty collection; a bare string is a collection of one."""
    if value is None:
        return []
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple | frozenset) or not all(isinstance(item, str) for item in items):
        raise ValueError("should be a list of strings")
    return [str(item) for item in items if item.strip()]


type Names = Annotated[frozenset[str], BeforeValidator(lambda value: frozenset(map(name, _strings(value))))]
type Addresses = Annotated[frozenset[str], BeforeValidator(lambda value: frozenset(map(address, _strings(value))))]
type Domains = Annotated[frozenset[str], BeforeValidator(lambda value: frozenset(map(domain, _strings(value))))]
type Networks = Annotated[frozenset[str], BeforeValidator(lambda value: frozenset(map(network, _strings(value))))]
