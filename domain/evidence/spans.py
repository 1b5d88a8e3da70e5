"""How a control stood through a stretch of time, by what the ledger says.

Proven is the time between two good looks that are at most two intervals apart. The time between the last good look and
the one that found something else is unknown, and so is what nobody looked at. All else is what the state said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, get_args

from pydantic import AwareDatetime

from domain.evidence.message import EVIDENCE
from domain.evidence.period import bounds
from domain.ledger import Entry, LedgerEvent
from domain.reading import Lane
from domain.states import Span, StateName

type Condition = Literal["proven", "drifted", "held", "unknown", "not_applicable"]
"""held: by the gate, for a person, or accepted as an exception."""

BEFORE = timedelta(days=62)
"""How far back the ledger is read for how a control stood when a month began: the last evidence says it, too."""

STANDINGS: tuple[Condition, ...] = get_args(Condition.__value__)

_OF_EVENT: Mapping[LedgerEvent, Condition] = {
    "found_compliant": "proven",
    "corrected": "proven",
    "drift_found": "drifted",
    "applying": "drifted",
    "held": "held",
    "awaiting_approval": "held",
    "needs_person": "held",
    "excepted": "held",
    "unreadable": "unknown",
    "not_applicable": "not_applicable",
}
_OF_STATE: Mapping[StateName, Condition] = {
    "compliant": "proven",
    "drifted": "drifted",
    "correcting": "drifted",
    "held": "held",
    "awaiting_approval": "held",
    "needs_person": "held",
    "excepted": "held",
    "unknown": "unknown",
    "not_applicable": "not_applicable",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """From *start* to *end* a control stood so."""

    start: AwareDatetime
    end: AwareDatetime
    standing: Condition

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class _Turn:
    """At *at* the ledger says *standing*. *last_good*: until when what was proven before is.

    *of_month*: a month that ended then did so with it.
    """

    at: datetime
    standing: Condition
    last_good: datetime | None = None
    of_month: bool = False


def standing_of(state: StateName) -> Condition:
    return _OF_STATE[state]


def stretches(
    control: str, lane: Lane, entries: Sequence[Entry], window: Span, proofs: Sequence[Span] = ()
) -> tuple[Stretch, ...]:
    """How *control* stood through *window*, without a gap between the stretches.

    *entries*: of the tenant's ledger, oldest first, from before the window until now. *proofs*: what the state
    remembers as proven, its last one until its last good look: for the time of which the ledger has no word.
    """
    gaps = tuple(_gaps(lane, entries))
    turns = _in_order(turn for entry in entries for turn in _turns(control, entry, gaps))
    known = [turn for turn in turns if turn.at >= window.start - BEFORE]
    seen = max((span.end for span in proofs), default=window.start)
    found = list(_between(known, window, seen, proofs))
    for gap in gaps:
        found = [part for each in found for part in _without_proof(each, gap)]
    return tuple(_joined(part for each in found if (part := _cut(each, window))))


def _turns(control: str, entry: Entry, gaps: Sequence[Span]) -> Iterable[_Turn]:
    if entry.event in {"first_look", "evidence_made"}:
        standings = entry.after.get("standing")
        standing = standings.get(control) if isinstance(standings, Mapping) else None
        if standing not in STANDINGS:
            return
        if entry.event == "evidence_made":  # says how the control stood when the month ended, whenever it is made
            yield _Turn(bounds(entry.control.removeprefix(EVIDENCE)).end, standing, of_month=True)
            return
        # Until that look nothing was remembered of the control, whatever was proven before a state was lost.
        looked = next((gap.start for gap in gaps if gap.start <= entry.at <= gap.end), None)
        yield _Turn(entry.at, "unknown", looked)
        yield _Turn(entry.at, standing)
    elif entry.control == control and (standing_now := _OF_EVENT.get(entry.event)):
        yield _Turn(entry.at, standing_now, entry.last_good)


def _in_order(turns: Iterable[_Turn]) -> Iterable[_Turn]:
    """By time; a month ends before what happens at that moment."""
    return sorted(turns, key=lambda each: (each.at, not each.of_month))


def _between(turns: Sequence[_Turn], window: Span, seen: datetime, proofs: Sequence[Span]) -> Iterable[Stretch]:
    """*seen*: when the control was last seen as documented, for what is proven still."""
    if not turns:
        yield from _remembered(window.start, window.end, proofs)
        return
    yield from _remembered(window.start, turns[0].at, proofs)
    for turn, following in pairwise(turns):
        if turn.standing == "proven" and following.standing != "proven":
            good = min(max(turn.at, following.last_good or turn.at), following.at)
            yield Stretch(turn.at, good, "proven")
            yield Stretch(good, following.at, "unknown")
        else:
            yield Stretch(turn.at, following.at, turn.standing)
    last = turns[-1]
    end = max(window.end, last.at)
    if last.standing == "proven":
        good = min(max(last.at, seen), end)
        yield Stretch(last.at, good, "proven")
        yield Stretch(good, end, "unknown")
    else:
        yield Stretch(last.at, end, last.standing)


def _remembered(start: datetime, end: datetime, proofs: Sequence[Span]) -> Iterable[Stretch]:
    at = start
    for span in sorted(proofs, key=lambda each: each.start):
        begin, until = max(at, span.start), min(span.end, end)
        if begin < until:
            yield Stretch(at, begin, "unknown")
            yield Stretch(begin, until, "proven")
            at = until
    yield Stretch(at, max(at, end), "unknown")


def _gaps(lane: Lane, entries: Sequence[Entry]) -> Iterable[Span]:
    """When nobody looked, by the entries that say so."""
    for entry in entries:
        since = entry.after.get("since") if entry.event == "not_looked" else None
        if isinstance(since, Mapping) and lane in since:
            yield Span(datetime.fromisoformat(str(since[lane])), entry.at)


def _without_proof(stretch: Stretch, gap: Span) -> Iterable[Stretch]:
    """*stretch*, of which nothing is proven within *gap*."""
    start, end = max(stretch.start, gap.start), min(stretch.end, gap.end)
    if stretch.standing != "proven" or start >= end:
        return [stretch]
    return [replace(stretch, end=start), Stretch(start, end, "unknown"), replace(stretch, start=end)]


def _cut(stretch: Stretch, window: Span) -> Stretch | None:
    start, end = max(stretch.start, window.start), min(stretch.end, window.end)
    return replace(stretch, start=start, end=end) if start < end else None


def _joined(parts: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours of one standing as one."""
    found = list[Stretch]()
    for each in parts:
        if found and found[-1].standing == each.standing:
            found[-1] = replace(found[-1], end=each.end)
        else:
            found.append(each)
    return found
