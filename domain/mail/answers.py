"""What DNS said, as values: records, proven absence, or unknown, each with its time.

A look-up that failed is never an absence (docs/reference/dns.md#three-answers): each judgement says what unknown
means for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

type RecordType = Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "TXT"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. *name*: A-labels, lower case, without the trailing dot."""

    name: str
    type: RecordType


@dataclass(frozen=True, slots=True)
class Mx:
    """One mail exchanger; a null MX (RFC 7505) is preference 0 and host "" (the root)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Txt:
    """One TXT record: its character-strings as they came, each at most 255 bytes (RFC 1035, 3.3.14)."""

    strings: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        """The strings joined with nothing between (RFC 7208, 3.3)."""
        return b"".join(self.strings)


type RecordValue = str | Mx | Txt
"""An address, a host name (A-labels, lower case, no trailing dot), an exchanger or a text."""


@dataclass(frozen=True, slots=True)
class Present:
    """The records of a name and type: never none. *ttl_s* is what is left of their time to live, in seconds.

    *whole*: every server that was asked said so. *longest_s*: for how long a resolver that asked a moment before *at*
    may believe it: each alias on the way adds its time, and a delegation counts as long as its parent says.
    """

    values: tuple[RecordValue, ...]
    ttl_s: int
    at: datetime
    whole: bool = field(default=True, compare=False)
    longest_s: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """Proven not to be there. *name_exists*: NODATA, else NXDOMAIN (RFC 2308). *ttl_s*: how long to believe it.

    *longest_s*: as of Present.
    """

    name_exists: bool
    ttl_s: int
    at: datetime
    longest_s: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unclear:
    """No usable answer: time-out, SERVFAIL, lame, servers that disagree, a record that cannot be read.

    *shown*: what single servers said all the same.
    """

    reason: str
    at: datetime
    shown: tuple[Present | Absent, ...] = field(default=(), compare=False)


type DnsAnswer = Present | Absent | Unclear
type DnsAnswers = Mapping[Question, DnsAnswer]
