"""The terms of an SPF record, by the grammar of RFC 7208 (4.6.1, 5, 6, 7 and appendix A).

Every pattern here is possessive or bounded: the time to parse grows with the text and no faster.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, cast, get_args

from domain.mail import names

type Network = IPv4Network | IPv6Network
type Qualifier = Literal["+", "-", "~", "?"]
Kind = Literal["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"]
_KINDS: frozenset[str] = frozenset(get_args(Kind))
_COUNTED: frozenset[str] = frozenset({"include", "a", "mx", "ptr", "exists"})


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One directive. *text* is what was written; the rest says what it means.

    *target*: the domain-spec as written, None where the record's own domain is meant.
    *network*: of `ip4` and `ip6`. *cidr*: the prefix lengths of `a` and `mx` for IPv4 and IPv6.
    """

    text: str
    qualifier: Qualifier
    kind: Kind
    target: str | None = None
    network: Network | None = None
    cidr: tuple[int, int] = (32, 128)

    @property
    def counted(self) -> bool:
        """Whether it is one of the ten DNS look-ups (RFC 7208, 4.6.4)."""
        return self.kind in _COUNTED

    @property
    def dynamic(self) -> bool:
        """Whether its target is only known when a message arrives (RFC 7208, 7)."""
        return self.target is not None and "%" in self.target

    @property
    def widest(self) -> int:
        """The shortest prefix length whose senders it matches, whatever the addresses behind a name turn out to be."""
        if self.kind == "all":
            return 0
        return self.network.prefixlen if self.network else min(self.cidr)

    def host(self, domain: str) -> str | None:
        """The name asked when the record is *domain*'s; None when dynamic or not a domain name (RFC 7208, 4.3)."""
        return domain if self.target is None else host(self.target)


@dataclass(frozen=True, slots=True)
class Modifier:
    """`name=value`. *name* is lower case; *value* as written. Only redirect and exp mean anything to receivers."""

    text: str
    name: str
    value: str


type Term = Mechanism | Modifier


def parse_term(text: str) -> Term:
    """Read one term.

    Raises:
        ValueError: Names the term and says why.
    """
    try:
        return _modifier(text) or _mechanism(text)
    except ValueError as error:
        raise ValueError(f"term {_shown(text)}: {error}") from None


def host(spec: str) -> str | None:
    """The name that a domain-spec stands for whatever the message; None when dynamic or not a domain name."""
    return None if "%" in spec else dns_name(spec)


_LABEL = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,63}")
"""What a label of a domain-spec may have: RFC 7208, 7.1, allows more than a host name does."""


def dns_name(text: str) -> str | None:
    """*text* as a query name; None where it is none. One too long loses labels on the left (RFC 7208, 7.3)."""
    labels = text.removesuffix(".").lower().split(".")
    while len(".".join(labels)) > names.MOST_NAME_OCTETS:
        labels = labels[1:]
    return ".".join(labels) if labels and all(map(_LABEL.fullmatch, labels)) else None


_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*+)=(.*)", re.DOTALL)
_MECHANISM = re.compile(r"([+?~-]?)([^:/]*+)(:?)(.*)", re.DOTALL)


def _modifier(text: str) -> Modifier | None:
    match = _MODIFIER.fullmatch(text)
    if not match:
        return None
    name, value = match[1].lower(), match[2]
    if name in {"redirect", "exp"}:
        _check_domain_spec(value)
    else:
        _check_macros(value, "slodiphcrtv")
    return Modifier(text, name, value)


def _mechanism(text: str) -> Mechanism:
    match = _MECHANISM.fullmatch(text)
    if not match or match[2].lower() not in _KINDS:
        raise ValueError("is neither a modifier (RFC 7208, 6) nor a mechanism that RFC 7208, 5 knows")
    qualifier, kind = cast("Qualifier", match[1] or "+"), cast("Kind", match[2].lower())
    colon, rest = bool(match[3]), match[4]
    if colon and not rest:
        raise ValueError("has nothing after ':'")
    if kind == "all":
        _require(not colon and not rest, "'all' takes no argument (RFC 7208, 5.1)")
        return Mechanism(text, qualifier, kind)
    if kind in {"ip4", "ip6"}:
        _require(colon, f"'{kind}' needs ':' and a network (RFC 7208, 5.6)")
        return Mechanism(text, qualifier, kind, network=_network(kind, rest))
    return _with_domain(Mechanism(text, qualifier, kind), rest, colon=colon)


def _with_domain(bare: Mechanism, rest: str, *, colon: bool) -> Mechanism:
    """The mechanisms of 5.2 to 5.5 and 5.7: which take a domain, which a prefix length."""
    spec, cidr = _without_cidr(rest) if bare.kind in {"a", "mx"} else (rest, bare.cidr)
    _require(colon or bare.kind not in {"include", "exists"}, f"'{bare.kind}' needs ':' and a domain")
    _require(colon or not spec, f"has {_shown(spec)} where ':' or a prefix length should stand")
    if colon:
        _check_domain_spec(spec)
    return Mechanism(bare.text, bare.qualifier, bare.kind, spec if colon else None, cidr=cidr)


_CIDR4, _CIDR6 = r"(0|[1-9][0-9]?)", r"(0|[1-9][0-9]{0,2})"
_DUAL_CIDR = re.compile(rf"(?:/{_CIDR4})?(?://{_CIDR6})?\Z")


def _without_cidr(rest: str) -> tuple[str, tuple[int, int]]:
    """A dual-cidr-length cut off the end (RFC 7208, 5.3); without one a single address is meant."""
    match = _DUAL_CIDR.search(rest)
    cut, four, six = (match.start(), match[1], match[2]) if match else (len(rest), None, None)
    return rest[:cut], (_prefix(four, 32), _prefix(six, 128))


def _prefix(digits: str | None, most: int) -> int:
    length = most if digits is None else int(digits)
    _require(length <= most, f"prefix length /{length} is more than {most}")
    return length


def _network(kind: str, text: str) -> Network:
    """RFC 7208, 5.6. Host bits may be set; a zone index is no part of an SPF address."""
    address, slash, digits = text.partition("/")
    pattern, most = (_CIDR4, 32) if kind == "ip4" else (_CIDR6, 128)
    _require(not slash or bool(re.fullmatch(pattern, digits)), f"{_shown(digits)} is not a prefix length")
    _require("%" not in address, f"{_shown(address)} has a zone index")
    length = _prefix(digits if slash else None, most)
    try:
        return (IPv4Network if kind == "ip4" else IPv6Network)(f"{address}/{length}", strict=False)
    except ValueError:
        raise ValueError(f"{_shown(address)} is not an address of '{kind}'") from None


_LITERAL = r"[\x21-\x24\x26-\x7e]"
_MACRO = re.compile(r"%(?:\{([A-Za-z])([0-9]*+)[rR]?[.\-+,/_=]*+\}|[%_\-])")
_PIECE = re.compile(rf"{_LITERAL}++|{_MACRO.pattern}")
_TOP_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


def _check_macros(text: str, letters: str) -> str:
    """Check a macro-string (RFC 7208, 7.1) and return its last piece."""
    at, last = 0, ""
    while at < len(text):
        piece = _PIECE.match(text, at)
        if not piece:
            raise ValueError(
                f"{_shown(text[at])} at {_shown(text[at : at + 12])} begins no macro and stands for nothing"
            )
        letter, digits, last = piece[1], piece[2], piece[0]
        _require(not letter or letter.lower() in letters, f"macro {_shown(last)} has no meaning here (RFC 7208, 7.2)")
        _require(not digits or bool(digits.strip("0")), f"macro {_shown(last)} keeps 0 parts (RFC 7208, 7.3)")
        at = piece.end()
    return last


def _check_domain_spec(spec: str) -> None:
    """RFC 7208, 7.1: a macro-string that ends in a macro or in a dot and a top label that is not a number."""
    last = _check_macros(spec, "slodiphv")
    if _MACRO.fullmatch(last):
        return
    _, dot, top = last.removesuffix(".").rpartition(".")
    _require(
        bool(dot and _TOP_LABEL.fullmatch(top)) and not top.isdigit(),
        f"{_shown(spec)} does not end like a domain name of two labels or more",
    )


def _require(met: bool, why: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not met:
        raise ValueError(why)


def _shown(text: str) -> str:
    """*text* as an error shows it: quoted, escaped, and short."""
    return ascii(text if len(text) <= 80 else f"{text[:80]}...")  # noqa: PLR2004 - a screen's width
