"""A look at DNS without I/O: what is judged says which answers it still needs, and what it could not know.

The caller asks what is needed, adds the answers and calls again, until there is a verdict.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from domain.mail.answers import Absent, DnsAnswers, Mx, Present, Question, RecordType, Txt, Unclear

type Level = Literal["error", "warning", "note"]
"""Error: receivers will not use it as meant. Warning: they do, and a person should look. Note: worth knowing."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark about a record. *id* is stable kebab-case; *source* the rule it comes from.

    *where*: the name whose record it is about. *detail*: one sentence for an operator.
    """

    id: str
    level: Level
    where: str
    detail: str
    source: str


MOST_REMARKS = 20
"""About the terms of one record: more come only from a record made to be looked at."""


def told(remarks: Iterator[Remark]) -> tuple[Remark, ...]:
    """The first of *remarks*; the rest is not even made."""
    return tuple(islice(remarks, MOST_REMARKS))


@dataclass(frozen=True, slots=True)
class Needs:
    """No verdict yet: ask these, each once, add the answers and call again."""

    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """An answer that the verdict rests on is unclear: no verdict, and never a write. *reason* names the question."""

    reason: str


class Asked:
    """The answers of one look; it notes which are missing and which unclear."""

    def __init__(self, answers: DnsAnswers) -> None:
        self._answers = answers
        self._missing: dict[Question, None] = {}
        self._unclear: list[str] = []

    def get(self, name: str, kind: RecordType) -> Present | Absent | None:
        """The answer, or None: it is then part of `open`."""
        question = Question(name, kind)
        answer = self._answers.get(question)
        if answer is None:
            self._missing[question] = None
        elif isinstance(answer, Unclear):
            self._unclear.append(f"{kind} of {name}: {answer.reason}")
        elif isinstance(answer, Present) and not _is_of(kind, answer.values):
            self._unclear.append(f"{kind} of {name}: the answer has no such records")
        else:
            return answer
        return None

    def texts(self, name: str) -> tuple[Txt, ...] | None:
        """The TXT records of *name*, none when proven absent; None when not known."""
        answer = self.get(name, "TXT")
        return None if answer is None else texts(answer)

    @property
    def open(self) -> Needs | NoVerdict | None:
        """Why there can be no verdict. Unclear comes first: no further answer would mend it."""
        if self._unclear:
            return NoVerdict(self._unclear[0])
        return Needs(tuple(self._missing)) if self._missing else None


def _is_of(kind: RecordType, values: tuple[object, ...]) -> bool:
    """An answer that is empty, or of another type, is odd: no verdict may rest on it."""
    wanted = {"TXT": Txt, "MX": Mx}.get(kind, str)
    return bool(values) and all(isinstance(value, wanted) for value in values)


def texts(answer: Present | Absent | None) -> tuple[Txt, ...]:
    """The texts of an answer: none when absent or not known."""
    return tuple(value for value in _values(answer) if isinstance(value, Txt))


def hosts(answer: Present | Absent | None) -> tuple[str, ...]:
    """The names or addresses of an answer: none when absent or not known."""
    return tuple(value for value in _values(answer) if isinstance(value, str))


def exchangers(answer: Present | Absent | None) -> tuple[Mx, ...]:
    """The mail exchangers of an answer: none when absent or not known."""
    return tuple(value for value in _values(answer) if isinstance(value, Mx))


def _values(answer: Present | Absent | None) -> tuple[object, ...]:
    return answer.values if isinstance(answer, Present) else ()
