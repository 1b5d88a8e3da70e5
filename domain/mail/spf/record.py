"""One SPF record: its terms and the blanks between them, so that what is not changed stays as it was."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from domain.mail.answers import Txt
from domain.mail.spf.terms import Mechanism, Modifier, Term, parse_term

MOST_STRING_OCTETS = 255
"""RFC 1035, 3.3.14: one character-string."""

_VERSION = "v=spf1"


@dataclass(frozen=True, slots=True)
class Record:
    """A parsed record. *version* as written (`v=spf1` in any case).

    *blanks*: what stands before each term, then what stands after the last: one more than there are terms.
    """

    version: str
    terms: tuple[Term, ...]
    blanks: tuple[str, ...]

    @property
    def mechanisms(self) -> tuple[Mechanism, ...]:
        return tuple(term for term in self.terms if isinstance(term, Mechanism))

    @property
    def modifiers(self) -> tuple[Modifier, ...]:
        return tuple(term for term in self.terms if isinstance(term, Modifier))

    @property
    def tested(self) -> tuple[Mechanism, ...]:
        """The mechanisms that receivers look at: up to the first `all`, which always matches (RFC 7208, 5.1)."""
        kinds = [term.kind for term in self.mechanisms]
        return self.mechanisms[: kinds.index("all") + 1] if "all" in kinds else self.mechanisms

    @property
    def redirect(self) -> Modifier | None:
        """The redirect modifier that counts: none when there is an `all` (RFC 7208, 6.1)."""
        if any(term.kind == "all" for term in self.mechanisms):
            return None
        return next((term for term in self.modifiers if term.name == "redirect"), None)


def is_record(data: bytes) -> bool:
    """Whether a TXT's *data* is an SPF record: `v=spf1` alone or before a blank, in any case (RFC 7208, 4.5)."""
    return data[:7].lower() in {b"v=spf1", b"v=spf1 "}


def records(txts: Iterable[Txt]) -> tuple[bytes, ...]:
    """The SPF records among *txts*, strings joined: none, one, or several, which is broken (RFC 7208, 3.2, 4.5)."""
    return tuple(txt.data for txt in txts if is_record(txt.data))


def decode(data: bytes) -> str:
    """A record's text.

    Raises:
        ValueError: Names the first byte that is not ASCII (RFC 7208, 3.1: US-ASCII only).
    """
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte 0x{data[error.start]:02x} at {error.start} is not ASCII") from None


@lru_cache(maxsize=32)  # the few records that everybody includes are read for each message that is checked
def parse(text: str) -> Record:
    """Read a record.

    Raises:
        ValueError: Names the term that is wrong, and why. One wrong term spoils the record (RFC 7208, 4.6).
    """
    version, rest = text[: len(_VERSION)], text[len(_VERSION) :]
    if version.lower() != _VERSION or rest[:1].strip(" "):
        raise ValueError(f"does not begin with '{_VERSION}' and a blank (RFC 7208, 4.5)")
    parts = re.split("( +)", rest)
    words, blanks = parts[2::2], parts[1::2]
    tail = blanks.pop() if words and not words[-1] else ""
    terms = tuple(parse_term(word) for word in words if word)
    for name in ("redirect", "exp"):
        if sum(isinstance(term, Modifier) and term.name == name for term in terms) > 1:
            raise ValueError(f"modifier '{name}' stands there more than once (RFC 7208, 6)")
    return Record(version, terms, (*blanks, tail))


def render(record: Record) -> str:
    """The record as text; of a parsed one, exactly the text it came from."""
    pairs = zip(record.blanks, record.terms, strict=False)
    return record.version + "".join(blank + term.text for blank, term in pairs) + record.blanks[-1]


def split(text: str) -> tuple[bytes, ...]:
    """*text* as character-strings of at most 255 bytes, cut after a blank where there is one: joined, it is *text*.

    Raises:
        ValueError: The text is not ASCII.
    """
    if not text.isascii():
        raise ValueError(f"{text[:80]!a} is not ASCII")
    rest, strings = text.encode("ascii"), []
    while len(rest) > MOST_STRING_OCTETS:
        cut = rest.rfind(b" ", 0, MOST_STRING_OCTETS) + 1 or MOST_STRING_OCTETS
        strings.append(rest[:cut])
        rest = rest[cut:]
    return (*strings, rest)
