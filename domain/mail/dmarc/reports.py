"""Whether the domains that get reports of a DMARC record accept them (RFC 9990, 4; RFC 7489, 7.1).

Without that record senders of reports leave the mailbox out. A remark, never part of the verdict.
"""

from domain.mail import names
from domain.mail.answers import DnsAnswers, Present, Question, Txt, Unclear
from domain.mail.asking import Needs, Remark
from domain.mail.dmarc.record import Record, is_record

MOST_DESTINATIONS = 5
"""Looked at of one record: more come only from a record made to be looked at."""


def report_remarks(record: Record, at: str, answers: DnsAnswers) -> tuple[Remark, ...] | Needs:
    """What is to tell about the mailboxes of the *record* that stands at *at*. What is unclear is not told."""
    questions = {destination: _question(at, destination) for destination in _elsewhere(record, at)}
    if missing := [each for each in questions.values() if each and each not in answers]:
        return Needs(tuple(missing))
    return tuple(
        _refused(at, destination, question)
        for destination, question in questions.items()
        if question and not _taken(question, answers)
    )


def _elsewhere(record: Record, at: str) -> tuple[str, ...]:
    """The mailboxes' domains that are not the record's own, each once."""
    domains = dict.fromkeys(box.rpartition("@")[2].lower() for box in record.reports_to)
    outside = [each for each in domains if not (names.is_under(each, at) or names.is_under(at, each))]
    return tuple(outside[:MOST_DESTINATIONS])


def _question(at: str, destination: str) -> Question | None:
    try:
        return Question(names.to_ascii(f"{at}._report._dmarc.{destination}"), "TXT")
    except ValueError:  # together they are too long for a name
        return None


def _taken(question: Question, answers: DnsAnswers) -> bool:
    answer = answers[question]
    if isinstance(answer, Present):
        return any(isinstance(each, Txt) and is_record(each.data) for each in answer.values)
    return isinstance(answer, Unclear)


def _refused(at: str, destination: str, question: Question) -> Remark:
    detail = (
        f'{destination} has not said that it takes reports about {at}: it should publish {question.name} TXT "v=DMARC1"'
    )
    return Remark("reports-not-taken", "warning", at, detail, "RFC 9990, 4")
