"""A ticket as read from the PSA system. Only this read counts, never the body of a webhook."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeGuard

from domain.psa.desk import ApprovalRules, Desk, Trigger
from domain.psa.marks import OUR_KEY, Marks
from domain.tenant import PsaCompany


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something in the PSA: *id* as the PSA has it. Only an `agent`, an employee of the MSP, may approve."""

    id: str
    kind: Literal["agent", "contact"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket. *changed_at*: as the PSA prints it, to be compared with its own texts only."""

    id: str
    company: str
    status: str
    closed: bool = False
    container: str = ""
    type: str = ""
    subtype: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    summary: str = ""
    changed_at: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a ticket. *id*: a number that grows from note to note. *by*: None where the PSA does not say.

    *internal*: no customer sees it, so no customer's mail made it either.
    """

    id: int
    text: str
    by: Person | None = None
    internal: bool = False


def fits(trigger: Trigger, ticket: Ticket) -> bool:
    """Whether *ticket* is one that *trigger* is for. A closed ticket asks for nothing."""
    wanted = ((trigger.container, ticket.container), (trigger.type, ticket.type), (trigger.subtype, ticket.subtype))
    return (
        not ticket.closed
        and ticket.status in trigger.statuses
        and all(asked in {"", found} for asked, found in wanted)
        and all(ticket.fields.get(name) == value for name, value in trigger.fields.items())
    )


def trigger_of(desk: Desk, ticket: Ticket) -> Trigger | None:
    """The first of the desk's triggers that *ticket* fits, if any."""
    return next((trigger for trigger in desk.triggers if fits(trigger, ticket)), None)


def has_our_key(ticket: Ticket) -> bool:
    """Whether *ticket* carries what looks like a key of ours. Anybody can write one: who made the ticket says more."""
    return OUR_KEY.fullmatch(ticket.key) is not None


def is_told(notes: Iterable[Note], about: Sequence[str], marks: Marks, own_user: str) -> bool:
    """Whether one of *notes* is ours *about* these ids. Where we know our own user, one that names another is not ours.

    One that names nobody may be ours: a PSA need not say who we are, and nobody else can make the mark.
    """
    ours = (note for note in notes if not own_user or note.by is None or is_own(note.by, own_user))
    return any(marks.is_in(note.text, about) for note in ours)


type Decides = Callable[[Person | None], bool]
"""Whether somebody's word decides. It is asked of each note, so that who may not decide hides nobody who may."""


def deciders(company: PsaCompany, own_user: str) -> Decides:
    """Who decides by ticket for *company*: the agents whom it lets, and never our own user."""
    return lambda person: may_approve(person, own_user) and company.lets_decide(person.id)


def approver(
    notes: Sequence[Note], plan: str, told_in: int, approval: ApprovalRules, decides: Decides
) -> Person | None:
    """Who approved *plan* by a note after *told_in*, the note that listed it; None until a person who decides does.

    The note's first line is one of the words, alone or before the plan's hash. Another hash, a contact, our own user,
    a writer that is not named, a word within a sentence, and a note that is not internal approve nothing: mail becomes
    such a note, and who is named as its writer is only who it says that it is from.
    """
    said = [n for n in notes if n.internal and n.id > told_in and _says(n.text, plan, approval.words)]
    return next((note.by for note in said if decides(note.by)), None)


@dataclass(frozen=True, slots=True)
class Opening:
    """An agent's word that the lock be opened. *note*: the id of the note that says it."""

    note: int
    by: Person
    reason: str
    until: datetime


_OPEN = re.compile(r"holdfast open until (?P<until>\S{8,40}?):?\s+(?P<reason>\S.{0,900})", re.IGNORECASE)


def asked_to_open(notes: Sequence[Note], decides: Decides, now: datetime) -> list[Opening]:
    """Every note that has the lock opened until a moment to come, oldest first.

    Its first line is `holdfast open until 2027-01-31T08:00Z REASON`. As with an approval, only an internal note of an
    agent who decides counts. A time without a zone is UTC.
    """
    said = (_opening(note, now) for note in sorted(notes, key=lambda note: note.id) if decides(note.by))
    return [each for each in said if each]


def _opening(note: Note, now: datetime) -> Opening | None:
    said = _OPEN.fullmatch(next(iter(note.text.strip().splitlines()), "").strip())
    until = _moment(said["until"]) if said else None
    if not (said and note.internal and note.by and until and until > now):
        return None
    return Opening(note.id, note.by, said["reason"], until)


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)


def is_own(person: Person | None, own_user: str) -> bool:
    """Whether *person* is the API user that we are; where the desk does not name it, nobody is known to be."""
    return person is not None and person.kind == "agent" and person.id == own_user != ""


def may_approve(person: Person | None, own_user: str) -> TypeGuard[Person]:
    """Whether *person* is an agent of the MSP who is named, and not our own user."""
    return person is not None and person.kind == "agent" and person.id not in {"", own_user}


def _says(text: str, plan: str, words: Sequence[str]) -> bool:
    line = next(iter(text.strip().splitlines()), "").strip(" .!:\t").casefold()
    return any(re.fullmatch(rf"{re.escape(word.casefold())}([\s:]+{plan})?", line) for word in words if word)
