"""What people answered for in a month: exceptions and declarations, by the ledger and by what is kept of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Literal

from pydantic import AwareDatetime, TypeAdapter

from domain.exemption import Exemption
from domain.ledger import Entry, Image, LedgerEvent
from domain.states import Span
from domain.tenant import Declaration

TOLD_BY: tuple[LedgerEvent, ...] = ("exception_made", "exception_ended", "declared", "configured")
"""What is read of the ledger from LONGEST_ACCEPTED before a month: nothing that holds in it began earlier."""

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


def exceptions_of(window: Span, entries: Iterable[Entry], kept: Mapping[str, Exemption]) -> list[Accepted]:
    """Those that held at some time of *window*. *entries*: oldest first; *kept*: by control, the last of each."""
    history, replaced = _History(), dict[tuple[str, str | None], Exemption]()
    for entry in entries:
        control, operation, told = entry.control, (entry.control, entry.operation_id), _told_of_exception(entry)
        if entry.event == "exception_made":
            history.begin(control, told, entry.at)
            if earlier := entry.before.get("exception"):
                replaced[operation] = Exemption.model_validate(earlier)
        elif entry.event == "exception_ended":
            if told:  # its time came: it held until then, whoever made it, and when
                history.know(control, told)
            history.end(control, entry.at)
            if entry.of and operation in replaced:  # of an undo that was turned away: what it had replaced holds again
                history.begin(control, _exception(control, replaced[operation]), entry.at)
    for control, each in kept.items():
        history.know(control, _exception(control, each))
    return history.within(window)


def declarations_of(window: Span, entries: Iterable[Entry], kept: Sequence[Declaration]) -> list[Accepted]:
    """Those that held at some time of *window*. *entries*: oldest first; *kept*: the config's, also what has ended."""
    history = _History()
    for entry in entries:
        if entry.event == "declared":
            history.begin(entry.finding, _told_of_declaration(entry), entry.at)
        elif entry.event == "configured":
            before, after = _listed(entry.before), _listed(entry.after)
            for gone in (each for each in before if each not in after):
                history.know(gone.finding, _declaration(gone))
                history.end(gone.finding, entry.at)
            for new in (each for each in after if each not in before):
                history.begin(new.finding, _declaration(new), entry.at)
    for each in kept:
        history.know(each.finding, _declaration(each))
    return history.within(window)


def _told_of_exception(entry: Entry) -> Accepted | None:
    said = _ACCEPTED.fullmatch(entry.detail)
    until = _time(said[2]) if said else None
    return Accepted("exception", entry.control, "", said[3], said[1], until) if said and until else None


def _exception(control: str, kept: Exemption) -> Accepted:
    return Accepted("exception", control, "", kept.reason, kept.owner, kept.until)


def _told_of_declaration(entry: Entry) -> Accepted | None:
    said = _DECLARED.fullmatch(entry.detail.removesuffix(f": {entry.reason}"))
    until = _time(said[3]) if said else None
    return Accepted("declaration", entry.control, said[1], entry.reason, said[2], until) if said and until else None


def _declaration(kept: Declaration) -> Accepted:
    return Accepted("declaration", kept.control, f"{kept.kind} {kept.value}", kept.reason, kept.owner, kept.until)


def _listed(config: Image) -> list[Declaration]:
    """The declarations of a config, or of that part of it which was changed."""
    return _DECLARATIONS.validate_python(config.get("declared", ()))


_DECLARATIONS = TypeAdapter(list[Declaration])


def _time(said: str) -> datetime | None:
    """None where an owner is called like a time."""
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Held:
    """*told* held from *since* to *end*. *key*: its control, or the finding."""

    key: str
    told: Accepted
    since: datetime
    end: datetime

    @property
    def words(self) -> tuple[str, Accepted]:
        """The same for one that the ledger and the config tell of: each names what was found in its own way."""
        return self.key, replace(self.told, what="")


class _History:
    """What was accepted: of each key one after the other."""

    def __init__(self) -> None:
        self._now, self._past = dict[str, _Held](), list[_Held]()

    def begin(self, key: str, told: Accepted | None, at: datetime) -> None:
        """From *at* on *told* holds in the place of what held before; None: something that cannot be told."""
        self.end(key, at)
        if told:
            self._now[key] = _Held(key, told, at, told.until)

    def end(self, key: str, at: datetime) -> None:
        """Nothing holds from *at* on."""
        if held := self._now.pop(key, None):
            self._past.append(replace(held, end=min(held.end, at)))

    def know(self, key: str, told: Accepted) -> None:
        """What holds now is *told*: since it was last begun, or since ever."""
        known, held = _Held(key, told, _EVER, told.until), self._now.pop(key, None)
        if held and held.words != known.words:
            self._past.append(held)
        begun = (each.since for each in (held, *reversed(self._past)) if each and each.words == known.words)
        self._now[key] = replace(known, since=next(begun, _EVER))

    def within(self, window: Span) -> list[Accepted]:
        """What held at some time of *window*, by beginning. What was taken back and made again is told once."""
        found = dict[tuple[str, Accepted], _Held]()
        for each in sorted((*self._past, *self._now.values()), key=attrgetter("since")):
            if max(each.since, window.start) < min(each.end, window.end):
                earlier = found.get(each.words, each)
                found[each.words] = replace(each, end=max(each.end, earlier.end))
        return [replace(each.told, until=each.end) for each in found.values()]


_EVER = datetime.min.replace(tzinfo=UTC)
