"""What people answered for in a month: exceptions and declarations, by the ledger and by what is kept of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime

from domain.exemption import Exemption
from domain.ledger import Entry
from domain.states import Span
from domain.tenant import Declaration

_ACCEPTED = re.compile(r"accepted by (.+?) until (\S+[+-]\d\d:\d\d): (.*)", re.DOTALL)
"""`Exemption.sentence`, which the entries `exception_made` have, and `exception_ended` where its time came."""
_DECLARED = re.compile(r"(.*); declared by (.+?) until (\S+[+-]\d\d:\d\d)", re.DOTALL)
"""The detail of `declared` without its reason: a finding's sentence, then `Declaration.sentence`."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Something that a person answers for: an exception of a control, or a finding that was declared.

    *until*: when that ends, or ended.
    """

    kind: Literal["exception", "declaration"]
    control: str
    what: str
    reason: str
    owner: str
    until: AwareDatetime


def exceptions_of(window: Span, entries: Sequence[Entry], kept: Mapping[str, Exemption]) -> list[Accepted]:
    """Those that held at some time of *window*. *entries*: oldest first; *kept*: by control, the last of each."""
    told = [each for each in entries if each.event in {"exception_made", "exception_ended"}]
    made = {(each.control, each.detail) for each in told if each.event == "exception_made"}
    there = {(control, each.sentence) for control, each in kept.items()}
    found = list[Accepted]()
    for place, entry in enumerate(told):
        key, said = (entry.control, entry.detail), _ACCEPTED.fullmatch(entry.detail)
        begun_later = entry.event == "exception_made" and entry.at >= window.end
        told_before = entry.event == "exception_ended" and key in made
        if said is None or begun_later or told_before:
            continue
        owner, until, reason = said.groups()
        others = (each.at for each in told[place + 1 :] if each.control == entry.control and key not in there)
        if end := _end(until, others):
            found.append(Accepted("exception", entry.control, "", reason, owner, end))
    found += [
        Accepted("exception", control, "", each.reason, each.owner, each.until)
        for control, each in kept.items()
        if (control, each.sentence) not in made
    ]
    # One that was taken back and made again in the same words is told once.
    return list(dict.fromkeys(each for each in found if each.until > window.start))


def declarations_of(window: Span, entries: Sequence[Entry], kept: Sequence[Declaration]) -> list[Accepted]:
    """Those that held at some time of *window*. *entries*: oldest first; *kept*: the config's, also what has ended."""
    told = [each for each in entries if each.event == "declared"]
    begun = {each.finding: each for each in told}
    found = [
        Accepted("declaration", each.control, f"{each.kind} {each.value}", each.reason, each.owner, each.until)
        for each in kept
        if each.finding not in begun or begun[each.finding].at < window.end
    ]
    there = {each.finding for each in kept}
    for place, entry in enumerate(told):
        said = _DECLARED.fullmatch(entry.detail.removesuffix(f": {entry.reason}"))
        is_last = begun[entry.finding] is entry and entry.finding in there
        if said is None or is_last or entry.at >= window.end:
            continue
        what, owner, until = said.groups()
        others = (each.at for each in told[place + 1 :] if each.finding == entry.finding)
        if end := _end(until, others):
            found.append(Accepted("declaration", entry.control, what, entry.reason, owner, end))
    return [each for each in found if each.until > window.start]


def _end(until: str, others: Iterable[datetime]) -> datetime | None:
    """*until*, or when the next of *others* took its place before that. None where an owner is called like a time."""
    try:
        return min(datetime.fromisoformat(until), next(iter(others), _NEVER))
    except ValueError:
        return None


_NEVER = datetime.max.replace(tzinfo=UTC)
