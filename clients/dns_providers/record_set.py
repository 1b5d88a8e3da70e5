"""The records of one name and type as a provider keeps them, and which changes to them are ever made.

Source: docs/reference/dns.md#rules-for-writing.
"""

import re
from dataclasses import dataclass

from clients.errors import Conflict, Invalid
from domain.dns_steps import WritableType
from domain.mail.answers import Txt
from domain.steps import NEW_TTL_S

type Content = str | bytes
"""What a record says: a host name, or a text's bytes."""
SHORTEST_TTL_S = 60
_STRING_BYTES = 255  # RFC 1035, section 3.3
# Who may own what: a domain that takes mail (no wildcard, no service label), its DMARC record, its two DKIM selectors.
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_OWNERS: dict[str, tuple[re.Pattern[str], ...]] = {
    "TXT": (re.compile(_DOMAIN), re.compile(rf"_dmarc\.{_DOMAIN}")),
    "CNAME": (re.compile(rf"selector[12]\._domainkey\.{_DOMAIN}"),),
}
_TARGET = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
_LONGEST_NAME = 253
_SPF = re.compile(rb"(?i)v=spf1( .*)?", re.DOTALL)  # RFC 7208, section 4.5
_DMARC = re.compile(rb"(?i)v\s*=\s*DMARC1\s*(;.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RecordSet:
    """All records of one name and type; no values: there are none.

    *values*: texts, or host names as in `Answer`. *ttl_s* is used for a new set only: a change keeps the current one.
    """

    values: tuple[str | Txt, ...] = ()
    ttl_s: int = NEW_TTL_S

    @property
    def contents(self) -> frozenset[Content]:
        """What two equal sets have in common: neither order nor where a text is cut into strings matters."""
        return frozenset(map(content, self.values))


@dataclass(frozen=True, slots=True)
class AllowedChange:
    """A change that is allowed: *name* in *zone* loses *removed* and gains *added*, and keeps everything else."""

    zone: str
    name: str
    type: WritableType
    expected: RecordSet
    wanted: RecordSet

    @property
    def removed(self) -> frozenset[Content]:
        return self.expected.contents - self.wanted.contents

    @property
    def added(self) -> frozenset[Content]:
        return self.wanted.contents - self.expected.contents

    def applied_to(self, current: RecordSet) -> RecordSet:
        """*current* with this change made to it; every value that stays is kept as it is, and so is the time to live.

        Raises:
            Conflict: *current* is not what was expected.
        """
        if current.contents != self.expected.contents:
            raise Conflict(f"{self.type} of {self.name} is no longer what was read")
        kept = tuple(value for value in current.values if content(value) in self.wanted.contents)
        new = tuple(_sendable(value) for value in self.wanted.values if content(value) in self.added)
        # A set that is there keeps even a very short time, so that taking the change back leaves no trace.
        return RecordSet(kept + new, current.ttl_s if current.values else max(self.wanted.ttl_s, SHORTEST_TTL_S))


def change(zone: str, name: str, rtype: WritableType, expected: RecordSet, wanted: RecordSet) -> AllowedChange:
    """The change from *expected* to *wanted*, if it is one that this service ever makes.

    Allowed are: at a domain, one SPF record added, replaced or removed; at its `_dmarc`, one DMARC record added where
    there is none, or removed again; the same for the CNAME of its two DKIM selectors.

    Raises:
        Invalid: It is anything else; nothing was sent.
    """
    check_owner(zone, name, rtype)
    made = AllowedChange(zone, name, rtype, expected, wanted)
    if reason := _refusal(made):
        raise Invalid(f"{rtype} of {name}: {reason}")
    return made


def check_owner(zone: str, name: str, rtype: WritableType) -> None:
    """Raise Invalid unless *name*, in *zone*, may own an SPF, DMARC or DKIM record. Both as A-labels, lower case."""
    if name != zone and not name.endswith(f".{zone}"):
        raise Invalid(f"{name} is not in the zone {zone}")
    if len(name) > _LONGEST_NAME or not any(owner.fullmatch(name) for owner in _OWNERS.get(rtype, ())):
        raise Invalid(f"{rtype} of {name}: only SPF, DMARC and DKIM records of a domain are ours to touch")


def _refusal(made: AllowedChange) -> str:
    values, kind = (*made.expected.values, *made.wanted.values), str if made.type == "CNAME" else Txt
    if not all(isinstance(value, kind) for value in values):
        return "a value of another type"
    if not made.removed | made.added:
        return "nothing would change"
    if not all(each.isascii() for each in made.added):
        return "what is added should be plain ASCII"
    if made.type == "CNAME":
        return _no_host(made) or _replaces(made)
    if made.name.startswith("_dmarc."):
        return _not_one(made, "DMARC", _DMARC) or _replaces(made)
    return _not_one(made, "SPF", _SPF)


def _not_one(made: AllowedChange, kind: str, form: re.Pattern[bytes]) -> str:
    """Why this is more than the one record of *kind* coming, going or being replaced."""

    def of_kind(contents: frozenset[Content]) -> int:
        return sum(isinstance(each, bytes) and bool(form.fullmatch(each)) for each in contents)

    changed = made.removed | made.added
    if of_kind(changed) != len(changed):
        return f"only its {kind} record may change; every other text stays"
    if of_kind(made.expected.contents) > 1 or of_kind(made.wanted.contents) > 1:
        return f"there may be only one {kind} record, and which one a person decides"
    return ""


def _no_host(made: AllowedChange) -> str:
    for target in made.added:
        if not isinstance(target, str) or len(target) > _LONGEST_NAME or not _TARGET.fullmatch(target):
            return "the target should be a host name in lower case, without the trailing dot"
    return ""


def _replaces(made: AllowedChange) -> str:
    if len(made.expected.contents | made.wanted.contents) > 1:
        return "it is only ever created where there is nothing, or taken back"
    return ""


def content(value: str | Txt) -> Content:
    """What two equal records have in common."""
    return value.data if isinstance(value, Txt) else value


def cut(data: bytes) -> Txt:
    """A text of *data* in strings of at most 255 bytes (RFC 1035, section 3.3)."""
    return Txt(tuple(data[start : start + _STRING_BYTES] for start in range(0, len(data), _STRING_BYTES)) or (b"",))


def _sendable(value: str | Txt) -> str | Txt:
    """*value* as it is, unless it has strings that are too long to be sent."""
    if isinstance(value, Txt) and any(len(string) > _STRING_BYTES for string in value.strings):
        return cut(value.data)
    return value
