"""The macros of RFC 7208, section 7: what a domain-spec stands for once a message is known."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

type Address = IPv4Address | IPv6Address

POSTMASTER = "postmaster"
"""The local part where a sender has none (RFC 7208, 4.3)."""


@dataclass(frozen=True, slots=True)
class CheckedMessage:
    """What a receiver knows of a message.

    *ip*: who delivers it. *sender*: MAIL FROM; of an empty one, `postmaster@` the HELO name (RFC 7208, 2.4). *helo*.
    """

    ip: Address
    sender: str
    helo: str

    @property
    def local_part(self) -> str:
        return self.sender.rpartition("@")[0] or POSTMASTER

    @property
    def sender_domain(self) -> str:
        return self.sender.rpartition("@")[2]


_MACRO = re.compile(r"%(?:\{([a-z])([0-9]*)(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}


def expanded(spec: str, message: CheckedMessage, domain: str, validated: Callable[[], str]) -> str:
    """*spec* with every macro replaced. *domain*: whose record it is in. *validated*: what `p` stands for, if asked."""
    values: Mapping[str, Callable[[], str]] = {
        "s": lambda: f"{message.local_part}@{message.sender_domain}",
        "l": lambda: message.local_part,
        "o": lambda: message.sender_domain,
        "d": lambda: domain,
        "i": lambda: _dotted(message.ip),
        "p": validated,
        "v": lambda: "in-addr" if message.ip.version == 4 else "ip6",  # noqa: PLR2004 - the address family
        "h": lambda: message.helo,
    }

    def value(match: re.Match[str]) -> str:
        letter, digits, backwards, delimiters, escape = match.groups()
        if escape:
            return _ESCAPES[escape]
        parts = re.split(f"[{re.escape(delimiters or '.')}]", values[letter.lower()]())
        parts = parts[::-1] if backwards else parts
        text = ".".join(parts[-int(digits) :] if digits else parts)
        return quote(text, safe="-._~") if letter.isupper() else text

    return _MACRO.sub(value, spec)


def _dotted(ip: Address) -> str:
    """RFC 7208, 7.3: an IPv6 address as its nibbles."""
    return str(ip) if isinstance(ip, IPv4Address) else ".".join(ip.exploded.replace(":", ""))
