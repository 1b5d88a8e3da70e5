"""A little DNS as data: what a zone does not list is proven absent, and questions are answered as they are asked."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from domain.mail.answers import (
    Absent,
    DnsAnswer,
    DnsAnswers,
    Mx,
    Present,
    Question,
    RecordType,
    RecordValue,
    Txt,
    Unclear,
)
from domain.mail.asking import Needs

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

type Entry = tuple[RecordValue, ...] | DnsAnswer
type Listed = Mapping[tuple[str, RecordType], Entry]
type Zone = dict[tuple[str, RecordType], Entry]


def txt(*texts: str | bytes) -> tuple[RecordValue, ...]:
    """TXT records, each of one or more strings."""
    return tuple(Txt(_strings(text if isinstance(text, bytes) else text.encode())) for text in texts)


def _strings(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + 255] for at in range(0, len(data), 255)) or (b"",)


def mx(*pairs: tuple[int, str]) -> tuple[RecordValue, ...]:
    return tuple(Mx(preference, host) for preference, host in pairs)


def unclear(reason: str = "SERVFAIL") -> Unclear:
    return Unclear(reason, NOW)


def spf(records: Mapping[str, str | bytes]) -> Zone:
    """Names with one TXT record each."""
    return {(name, "TXT"): txt(record) for name, record in records.items()}


def answer(zone: Listed, question: Question) -> DnsAnswer:
    found = zone.get((question.name, question.type))
    if isinstance(found, tuple):
        return Present(found, 300, NOW)
    if found is not None:
        return found
    return Absent(any(name == question.name or name.endswith(f".{question.name}") for name, _ in zone), 60, NOW)


def settle[T](look: Callable[[DnsAnswers], T | Needs], zone: Listed, asked: list[Question] | None = None) -> T:
    """Call *look* until it needs nothing more; it never asks the same twice."""
    answers: dict[Question, DnsAnswer] = {}
    while isinstance(result := look(answers), Needs):
        assert result.questions
        assert not answers.keys() & set(result.questions)
        assert len(set(result.questions)) == len(result.questions)
        answers |= {question: answer(zone, question) for question in result.questions}
    if asked is not None:
        asked += answers
    return result
