"""What is remembered of each alert that concerned us, and what should be done about it."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Self, assert_never

from pydantic import AwareDatetime

from domain.alerts.alert import Alert, AnalysedMessage
from domain.alerts.triage import AlertVerdict, FalseAlarm, GotRound, Unproven

_DONE = {"closing": "closed", "reopening": "reopened"}

COMMENT_PATIENCE = timedelta(minutes=5)
"""How long a comment that was sent may stay invisible before it counts as lost."""

MOST_SHOWN = 20
"""Messages of an alert that are kept and listed."""

CHANGE_PATIENCE = timedelta(minutes=15)
"""How long a change that the service took may stay invisible; then the alert is a person's."""

GIVEN_UP_AFTER = 3
"""Visits: an alert that cannot be read or closed in so many is a person's, and is tried again once a day."""

type VerdictKind = Literal["false", "round", "unproven"]
type Todo = Literal["close", "finish", "reopen", "wait", "give_up", "leave"]
type Ours = tuple[str, str]
"""The classification and the determination that we close alerts with."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as a person would look for it."""

    message_id: str
    sender: str
    sender_ip: str
    recipient: str
    received: AwareDatetime | None

    @classmethod
    def of(cls, message: AnalysedMessage) -> Self:
        sender = message.p2_sender.email_address if message.p2_sender else None
        return cls(
            message_id=message.internet_message_id or message.network_message_id or "",
            sender=sender or "",
            sender_ip=message.sender_ip or "",
            recipient=message.recipient_email_address or "",
            received=message.received,
        )

    @property
    def view(self) -> dict[str, str | None]:
        """The message as the ledger lists it."""
        return {**asdict(self), "received": self.received.isoformat() if self.received else None}


type Unfinished = Literal["", "closing", "reopening"]


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One alert, in the version last judged. *count*: all messages of its evidence; *mails*: some that matter.

    *unsettled*: open, or closed by us alone. *again*: read it again though it has not changed, because what it waits
    for is not in it. *work*: what we set out to do and have not finished; *taken*: when the service said that it took
    the change; *commented*: when its comment was sent. *stuck*: the service took the change and did not make it, or
    what was kept of the alert made no sense. *stopped_by*: what the gate said that alone kept us from doing what it
    asks for; "" where it did not. *failed*: in how many visits it could not be read or closed. *mark*: a word that
    nobody can guess, made for *work*; "" where a version that had none has begun it.
    """

    id: str
    title: str
    updated: AwareDatetime
    url: str = ""
    unsettled: bool = True
    kind: VerdictKind = "unproven"
    reason: str = ""
    count: int = -1
    mails: tuple[Mail, ...] = ()
    again: bool = False
    work: Unfinished = ""
    taken: AwareDatetime | None = None
    commented: AwareDatetime | None = None
    closed: AwareDatetime | None = None
    reopened: AwareDatetime | None = None
    stuck: bool = False
    stopped_by: str = ""
    failed: int = 0
    mark: str = ""

    @property
    def marker(self) -> str:
        """The end of our comment on *work*: one whose answer was lost is found by it, and not made again.

        Who comments before us cannot know it, so that no comment of somebody else's is taken for ours.
        """
        return f"[Holdfast: {_DONE[self.work]} {self.mark}".rstrip() + "]"

    @property
    def given_up(self) -> bool:
        """Whether it failed too often to be read in each visit."""
        return self.failed >= GIVEN_UP_AFTER

    @property
    def standing(self) -> bool:
        """Whether a person has to look at it: mail came round the filter, or the alert cannot be read or closed."""
        return (self.kind == "round" or self.stuck or self.given_up) and self.unsettled

    def not_read(self, why: str) -> Self:
        """This record after a visit in which the alert could not be read, or what it asks for could not be done."""
        after = replace(self, failed=self.failed + 1)
        if not after.given_up:
            return replace(after, again=True)
        lost = f"it could not be read or closed in {GIVEN_UP_AFTER} visits: {why}"
        said = self.reason if self.given_up else "; ".join(filter(None, (self.reason, lost)))
        return replace(after, again=False, reason=said)

    def judged(self, alert: Alert, verdict: AlertVerdict, ours: Ours) -> Self:
        """This record with *verdict* on the version *alert*."""
        kind, reason, messages = _told(verdict)
        return replace(
            self,
            title=alert.title,
            url=alert.url or "",
            updated=alert.updated,
            unsettled=alert.open or self.left_closed(alert, ours),
            kind=kind,
            reason=reason,
            count=len(alert.messages),
            mails=tuple(map(Mail.of, messages[:MOST_SHOWN])),
            again=isinstance(verdict, Unproven) and verdict.waits,
            stopped_by="",
        )

    def left_closed(self, alert: Alert, ours: Ours) -> bool:
        """Whether we closed *alert*, and no person has changed it since."""
        as_ours = (alert.status, alert.classification, alert.determination) == ("resolved", *ours)
        return as_ours and (self.work == "closing" or bool(self.closed and not self.reopened))

    def is_made(self, alert: Alert, ours: Ours) -> bool:
        """Whether *alert* shows the change that we set out to make."""
        return self.left_closed(alert, ours) if self.work == "closing" else alert.open and alert.untouched

    def todo(self, alert: Alert, ours: Ours, now: datetime) -> Todo:
        """What to do about *alert*, of which this is the record.

        close: it is false, open, and no person has had a hand in it; an alert is closed once, ever.
        finish: what we set out to do is done, but for its comment or the record of it.
        reopen: it was closed by us, and what has come since says otherwise.
        wait, give_up: the service took our change, and the alert does not show it, yet or for too long.
        """
        mine = alert.open and alert.untouched
        as_before = mine if self.work == "closing" else self.left_closed(alert, ours)
        if self.work and self.taken and as_before and not self.is_made(alert, ours):
            return "wait" if now - self.taken < CHANGE_PATIENCE else "give_up"
        if self.stuck:
            return "leave"
        if self.left_closed(alert, ours):
            if self.work == "closing":
                return "finish"
            return "reopen" if self.kind != "false" and not self.again else "leave"
        if self.work == "reopening":
            return "finish" if mine else "leave"
        return "close" if mine and self.kind == "false" and not self.closed else "leave"


def blank(alert: Alert) -> AlertRecord:
    """The record of an alert that was not seen before."""
    return AlertRecord(id=alert.id, title=alert.title, updated=alert.updated)


def forgotten(alert: Alert) -> AlertRecord:
    """The record of an alert whose own makes no sense: a person's, for we may have closed it, and they opened it."""
    reason = "what was kept of it made no sense, so that it is left as it is"
    return replace(blank(alert), stuck=True, unsettled=alert.open, reason=reason)


def _told(verdict: AlertVerdict) -> tuple[VerdictKind, str, tuple[AnalysedMessage, ...]]:
    match verdict:
        case FalseAlarm(messages):
            return (
                "false",
                f"all {len(messages)} messages came through the filter, and the lock-down was proven",
                messages,
            )
        case GotRound(messages):
            return "round", f"{len(messages)} messages did not come through the filter", messages
        case Unproven(reason):
            return "unproven", reason, ()
        case _:
            assert_never(verdict)
