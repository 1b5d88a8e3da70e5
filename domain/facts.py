"""What was read of a tenant, as objects: each kind parsed once, odd rows apart, and a doubt where it is not enough."""

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Self, cast

from pydantic import ValidationError

from domain.exchange import ExchangeObject
from domain.mail.answers import DnsAnswers
from domain.profile import first_fault
from domain.reading import Query, Reading, Row, Unseen


class DoubtError(Exception):
    """What was read is not enough for a judgement."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class OddRow:
    """A row that is odd. *name*: of its object, as listed; empty where it does not say, so that it may be any."""

    name: str
    reason: str

    @property
    def sentence(self) -> str:
        return f"{self.name}: {self.reason}" if self.name else self.reason


@dataclass(frozen=True, slots=True)
class _Listing:
    """What one kind was listed as: its *items* and their *rows*, each once and in that order, and the *odd* rows."""

    items: tuple[ExchangeObject, ...]
    rows: tuple[Row, ...]
    odd: tuple[OddRow, ...]


class Facts:
    """The objects of a reading, each kind parsed once, and what DNS answered.

    *forgiven*: the kinds whose odd rows are left out, where they would be a doubt.
    """

    def __init__(self, reading: Reading, answers: DnsAnswers | None = None) -> None:
        self._reading = reading
        self._listings: dict[type[ExchangeObject], _Listing] = {}
        self.forgiven: frozenset[type[ExchangeObject]] = frozenset()
        self.answers: DnsAnswers = answers or {}

    def answered(self, more: DnsAnswers) -> Self:
        """The same reading, with *more* of DNS; what was parsed of it is not parsed again."""
        facts = copy(self)
        facts.answers = {**self.answers, **more}
        return facts

    def all[T: ExchangeObject](self, kind: type[T]) -> tuple[T, ...]:
        """Every object of *kind*, each once, in the order listed.

        Raises:
            DoubtError: A read failed, or a row is odd of a kind that is not judged object by object.
        """
        return cast("tuple[T, ...]", self._judged(kind).items)

    def was_asked(self, kind: type[ExchangeObject]) -> bool:
        """Whether *kind* is part of this reading, however it ended."""
        return any(query in self._reading for query in kind.queries)

    def doubts(self, kinds: Iterable[type[ExchangeObject]]) -> Iterator[DoubtError]:
        """Why each of *kinds* that could not be read could not."""
        for kind in kinds:
            try:
                self.all(kind)
            except DoubtError as doubt:
                yield doubt

    def rows(self, kind: type[ExchangeObject]) -> tuple[Row, ...]:
        """As `all`, each as it was listed. Raises as `all`."""
        return self._judged(kind).rows

    def odd(self, kind: type[ExchangeObject]) -> tuple[OddRow, ...]:
        """The odd rows of a *kind* that is judged object by object, each of which hides its own object alone.

        None where they could not be read, which `all` tells.
        """
        try:
            return self._judged(kind).odd
        except DoubtError:
            return ()

    def readable(self, kinds: Iterable[type[ExchangeObject]]) -> Self:
        """The same without the odd rows of *kinds*, to tell what else is there. No judgement may rest on it."""
        facts = copy(self)
        facts.forgiven = frozenset(kinds)
        return facts

    def _judged(self, kind: type[ExchangeObject]) -> _Listing:
        if kind not in self._listings:
            self._listings[kind] = _listing(kind, [(query, row) for query in kind.queries for row in self._rows(query)])
        listing = self._listings[kind]
        if listing.odd and not kind.named_by and kind not in self.forgiven:
            raise DoubtError(listing.odd[0].reason)
        return listing

    def known[T: ExchangeObject](self, kind: type[T]) -> tuple[T, ...]:
        """As `all`, but none where they could not be read. No judgement may rest on it."""
        try:
            return self.all(kind)
        except DoubtError:
            return ()

    def oldest(self, queries: Iterable[Query], *, looked_up: bool) -> datetime | None:
        """When the oldest answer to *queries* was read; None where one was never asked.

        *looked_up*: DNS answers count, too, each as old as its look-up.
        """
        parts = [self._reading.get(query) for query in queries]
        if None in parts:
            return None
        answers = [answer.at for answer in self.answers.values()] if looked_up else []
        return min([part.at for part in parts if part is not None] + answers)

    def _rows(self, query: Query) -> tuple[Row, ...]:
        read = self._reading.get(query)
        if read is None:
            raise DoubtError(f"{query.cmdlet} was not read")
        if isinstance(read, Unseen):
            raise DoubtError(read.reason, read.remedy)
        if query.never_empty and not read.rows:
            raise DoubtError(f"{query.cmdlet} returned nothing, although every tenant has at least one")
        return read.rows


def _listing(kind: type[ExchangeObject], rows: Iterable[tuple[Query, Row]]) -> _Listing:
    found: dict[str, tuple[ExchangeObject, Row]] = {}
    odd = list[OddRow]()
    for query, row in rows:
        try:
            item = kind.of(row)
        except ValidationError as error:
            reason = f"{query.cmdlet} returned an odd object: {first_fault(kind.__name__, error)}"
            odd.append(OddRow(kind.name_in(row), reason))
        else:
            found.setdefault(item.key, (item, row))
    return _Listing(tuple(item for item, _ in found.values()), tuple(row for _, row in found.values()), tuple(odd))
