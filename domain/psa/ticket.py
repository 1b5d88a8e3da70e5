"""A ticket as read from the PSA system. Only this read counts, never the body of a webhook."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from domain.psa.desk import ApprovalRules, Desk, Trigger
from domain.psa.marks import OUR_KEY


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
    """Whether *ticket* is one that *trigger* is for. A closed ticket asks for nothing, nor does one that we opened."""
    wanted = ((trigger.container, ticket.container), (trigger.type, ticket.type), (trigger.subtype, ticket.subtype))
    return (
        not (ticket.closed or OUR_KEY.fullmatch(ticket.key))
        and ticket.status in trigger.statuses
        and all(asked in {"", found} for asked, found in wanted)
        and all(ticket.fields.get(name) == value for name, value in trigger.fields.items())
    )


def trigger_of(desk: Desk, ticket: Ticket) -> Trigger | None:
    """The first of the desk's triggers that *ticket* fits, if any."""
    return next((trigger for trigger in desk.triggers if fits(trigger, ticket)), None)


def approver(notes: Sequence[Note], plan: str, told_in: int, approval: ApprovalRules, own_user: str) -> Person | None:
    """Who approved *plan* by a note after *told_in*, the note that listed it; None until a person does.

    The note's first line is one of the words, alone or before the plan's hash. Another hash, a contact, our own user,
    a writer that is not named, a word within a sentence, and a note that is not internal approve nothing: mail becomes
    such a note, and who is named as its writer is only who it says that it is from.
    """
    said = [n for n in notes if n.internal and n.id > told_in and _says(n.text, plan, approval.words)]
    return next((note.by for note in said if note.by and may_approve(note.by, own_user)), None)


@dataclass(frozen=True, slots=True)
class Opening:
    """An agent's word that the lock be opened. *note*: the id of the note that says it."""

    note: int
    by: Person
    reason: str
    until: datetime


_OPEN = re.compile(r"holdfast open until (?P<until>\S{8,40}?):?\s+(?P<reason>\S.{0,900})", re.IGNORECASE)


def asked_to_open(notes: Sequence[Note], own_user: str, now: datetime) -> Opening | None:
    """The first note that has the lock opened until a moment to come: `holdfast open until 2027-01-31T08:00Z REASON`.

    It is the note's first line. As with an approval, only an internal note of an agent who is named counts. A time
    without a zone is UTC.
    """
    for note in notes:
        said = _OPEN.fullmatch(next(iter(note.text.strip().splitlines()), "").strip())
        if not (said and note.internal and note.by and may_approve(note.by, own_user)):
            continue
        until = _moment(said["until"])
        if until and until > now:
            return Opening(note.id, note.by, said["reason"], until)
    return None


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)


def is_own(person: Person | None, own_user: str) -> bool:
    """Whether *person* is the API user that we are; where the desk does not name it, nobody is known to be."""
    return person is not None and person.kind == "agent" and person.id == own_user != ""


def may_approve(person: Person | None, own_user: str) -> bool:
    return person is not None and person.kind == "agent" and person.id not in {"", own_user}


def _says(text: str, plan: str, words: Sequence[str]) -> bool:
    line = next(iter(text.strip().splitlines()), "").strip(" .!:\t").casefold()
    return any(re.fullmatch(rf"{re.escape(word.casefold())}([\s:]+{plan})?", line) for word in words if word)
