"""The two DKIM CNAMEs of a Microsoft 365 domain, compared with what the tenant itself names.

Targets are never computed: two naming schemes live side by side (docs/reference/dns.md#dkim-targets).
"""

import base64
import binascii
import re
from dataclasses import dataclass

from domain.mail import names
from domain.mail.answers import Absent, DnsAnswers
from domain.mail.asking import Asked, Needs, NoVerdict, hosts

SELECTORS = ("selector1", "selector2")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key record (RFC 6376, 3.6.1). *type*: `rsa` unless it says otherwise. *data*: none means revoked."""

    type: str
    data: bytes
    tags: tuple[tuple[str, str], ...]

    @property
    def revoked(self) -> bool:
        return not self.data


@dataclass(frozen=True, slots=True)
class Equal:
    """The CNAME is the tenant's, and where that was asked, a usable key stands behind it."""


@dataclass(frozen=True, slots=True)
class Dangling:
    """The CNAME is the tenant's, and no usable key stands behind it: normal before Microsoft has made the keys."""

    reason: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing is at the name, whatever a wildcard above it says: the CNAME can be published."""


@dataclass(frozen=True, slots=True)
class InTheWay:
    """Another record holds the name, where a CNAME must be alone (RFC 1034, 3.6.2): a person decides."""

    type: str
    found: tuple[str, ...]


type State = Equal | Dangling | Missing | InTheWay | NoVerdict


@dataclass(frozen=True, slots=True)
class Selector:
    """One of the two: *owner* is where the CNAME to *target* belongs; "" where the tenant names no target."""

    owner: str
    target: str
    state: State


def compare_cnames(
    domain: str, targets: tuple[str, str], answers: DnsAnswers, *, keys: bool = True
) -> tuple[Selector, Selector] | Needs:
    """Look at both selectors of *domain*.

    *targets*: Selector1CNAME and Selector2CNAME as this run's Get-DkimSigningConfig has them. *keys*: whether the keys
    behind them are looked up as well.
    Each selector has its own state: one that is unclear does not hide the other.

    Raises:
        ValueError: *domain* is no domain name, or too long to have selectors.
    """
    name, looks = names.to_ascii(domain), (Asked(answers), Asked(answers))
    first, second = (
        _selector(names.to_ascii(f"{selector}._domainkey.{name}"), target, asked, keys=keys)
        for selector, target, asked in zip(SELECTORS, targets, looks, strict=True)
    )
    questions = [question for asked in looks if isinstance(asked.open, Needs) for question in asked.open.questions]
    return Needs(tuple(dict.fromkeys(questions))) if questions else (first, second)


def parse_key(text: str) -> Key:
    """Read a key record.

    Raises:
        ValueError: Names the tag that receivers would not take.
    """
    parts = [part.partition("=") for part in text.split(";") if part.strip()]
    tags = tuple((name.strip(), value.strip()) for name, _, value in parts)
    values = dict(tags)
    if len(values) < len(tags):
        raise ValueError("a tag stands there twice (RFC 6376, 3.2)")
    if "v" in values and tags[0] != ("v", "DKIM1"):
        raise ValueError("v: should be 'DKIM1' and come first (RFC 6376, 3.6.1)")
    if "p" not in values:
        raise ValueError("p: is missing (RFC 6376, 3.6.1)")
    return Key(values.get("k", "rsa"), _decoded(values["p"]), tags)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"[ \t\r\n]", "", text), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("p: is not base64 (RFC 6376, 3.6.1)") from None


def _selector(owner: str, target: str, asked: Asked, *, keys: bool) -> Selector:
    try:
        wanted = names.to_ascii(target)
    except ValueError:
        return Selector(owner, "", NoVerdict(f"the tenant names no target for {owner}"))
    state = _state(owner, wanted, asked, keys=keys)
    unclear = asked.open
    return Selector(owner, wanted, unclear if isinstance(unclear, NoVerdict) else state)


def _state(owner: str, wanted: str, asked: Asked, *, keys: bool) -> State:
    """The state, as long as nothing is open in *asked*."""
    answer = asked.get(owner, "CNAME")
    if found := hosts(answer):
        if found == (wanted,):
            return _behind(wanted, asked) if keys else Equal()
        return Missing() if hosts(asked.get(beside(owner), "CNAME")) == found else InTheWay("CNAME", found)
    if not (isinstance(answer, Absent) and answer.name_exists):
        return Missing()
    there = asked.texts(owner)
    if not there or asked.texts(beside(owner)) == there:
        return Missing()
    return InTheWay("TXT", tuple(txt.data.decode("ascii", "backslashreplace") for txt in there))


def beside(owner: str) -> str:
    """A name beside *owner* that is not published: an answer for it comes from a wildcard."""
    return f"no-such.{owner.partition('.')[2]}"


def _behind(target: str, asked: Asked) -> State:
    """What stands where the CNAME leads."""
    found = asked.texts(target) or ()
    if len(found) != 1:
        return Dangling(f"{target} has {len(found) or 'no'} TXT records" if found else f"{target} has no key yet")
    try:
        key = parse_key(found[0].data.decode("ascii", "backslashreplace"))
    except ValueError as error:
        return Dangling(f"{target}: {error}")
    return Dangling(f"{target}: the key is revoked (p is empty)") if key.revoked else Equal()
