"""A change of one record set in DNS as a step: all that was there, and all that is to be there.

Source: docs/reference/dns.md#rules-for-writing.


The whole set is named on both sides, so that a host can be held to what was read, and what was there can be put back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from domain.ledger import Entry
from domain.mail.answers import DnsAnswer, Present, Txt
from domain.mail.presentation import read, write
from domain.steps import SET_RECORDS, Step

LARGEST_SET = 4096
"""Characters of a record set that is still changed: what Azure DNS takes for one (docs/reference/dns.md#azure-dns)."""

type WritableType = Literal["TXT", "CNAME"]
"""MX is never written."""
type DnsRecord = str | Txt


@dataclass(frozen=True, slots=True)
class RecordChange:
    """*name* in *zone*: from *expected* to *wanted*, each the whole set of that type; empty where there is none."""

    zone: str
    name: str
    type: WritableType
    expected: tuple[DnsRecord, ...]
    wanted: tuple[DnsRecord, ...]

    @property
    def fits(self) -> bool:
        """Whether it is small enough to be changed, and to be kept for putting back."""
        return all(sum(len(write(each)) for each in side) <= LARGEST_SET for side in (self.expected, self.wanted))

    @property
    def back(self) -> "RecordChange":
        return RecordChange(self.zone, self.name, self.type, expected=self.wanted, wanted=self.expected)

    def step(self, *mends: str) -> Step:
        """The step that makes it; *mends*: the drifted fields that it puts back."""
        sides = {"Expected": tuple(map(write, self.expected)), "Wanted": tuple(map(write, self.wanted))}
        return Step("dns", SET_RECORDS, {"Zone": self.zone, "Name": self.name, "Type": self.type, **sides}, mends)


def records_read(answer: DnsAnswer | None) -> tuple[DnsRecord, ...]:
    """The records of an answer that was read; none where they were proven absent."""
    return tuple(each for each in answer.values if isinstance(each, str | Txt)) if isinstance(answer, Present) else ()


def of_type(record: DnsRecord) -> WritableType:
    return "TXT" if isinstance(record, Txt) else "CNAME"


def replaced(records: tuple[DnsRecord, ...], old: bytes | None, new: DnsRecord) -> tuple[DnsRecord, ...]:
    """*records* with the text *old* (none where None) made into *new*; every other one stays as it is."""
    kept = tuple(each for each in records if not (isinstance(each, Txt) and each.data == old))
    return (*kept, new)


def change_of(parameters: Mapping[str, Any]) -> RecordChange:
    """The change that a step's *parameters* say, be it a step or its view in a ledger entry.

    Raises:
        ValueError: They are not those of a change in DNS.
    """
    try:
        sides = [tuple(map(read, parameters[side])) for side in ("Expected", "Wanted")]
        zone, name, kind = (str(parameters[part]) for part in ("Zone", "Name", "Type"))
    except (KeyError, TypeError, AttributeError) as odd:
        raise ValueError(f"no change of a record set: {odd}") from None
    if kind not in {"TXT", "CNAME"}:
        raise ValueError(f"no change of a record set that is ever made: {kind[:20]}")
    return RecordChange(zone, name, cast("WritableType", kind), *sides)


def undo_steps(entry: Entry) -> tuple[Step, ...]:
    """The steps that put back what the changes in DNS of *entry* found, last one first; none where it made none.

    Each is held to what the entry wrote: where somebody has changed it since, nothing is written.

    Raises:
        ValueError: The entry does not say what was there.
    """
    made = [change_of(step.parameters) for step in entry.steps if step.service == "dns"]
    return tuple(change.back.step() for change in reversed(made))
