"""What chats, mail and pagers are told of an incident: that it has begun, changed hands, or ended.

An incident is a cause of a ledger: of the service's own, or a control of a tenant. It has a number, which is the place
in the chain of the entry with which it began, so that who gets a notice twice knows that it is the same.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import AwareDatetime

from domain.evidence.message import monthly_text, monthly_title
from domain.incident import SERVICE
from domain.ledger import Entry
from domain.moments import to_the_second
from domain.psa import news
from domain.psa.records import NotTaken
from domain.shown import visible

type NoticeStage = Literal["begun", "changed hands", "ended", "report", "test"]

QUIET_AFTER = timedelta(days=2)
"""An incident of the service that nobody has ended, and that comes up again after so long, is another one."""
LONGEST_NOTICE = 1_500
"""Characters: chats cut longer ones, each elsewhere."""

_CALLS = re.compile(r"@(?=(?:everyone|here|channel|all|team)\b)|<(?=[!@#])", re.IGNORECASE)
"""What makes a chat call everybody to a message (Slack, Discord, Teams, Mattermost)."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to a channel. *incident*, *number*: the same through all stages of one incident."""

    incident: str
    number: int
    stage: NoticeStage
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Thread:
    """An incident that lasts, as a channel was told of it. *began*: the entry; *hands*: who is to act.

    *about*: one clause that says what it is, the same through all stages. *number*: the place of *began* in its chain,
    kept since the entry may be pruned while the incident lasts; 0 where a former version did not keep it.
    """

    began: str
    about: str
    hands: str
    last_at: AwareDatetime
    number: int = 0


@dataclass(frozen=True, slots=True)
class ChannelTold:
    """How far a channel was told of a ledger. *until*: all before it, less an overlap; *ids*: told within that.

    *threads*: the incidents that last, by cause. *failing_since*: since when the channel takes nothing.
    *not_taken*: the causes that it does not take; tries count while it takes others.
    """

    until: AwareDatetime
    ids: tuple[str, ...] = ()
    threads: Mapping[str, Thread] = field(default_factory=dict)
    failing_since: AwareDatetime | None = None
    not_taken: Mapping[str, NotTaken] = field(default_factory=dict)

    def due(self, causes: Collection[str], now: datetime) -> list[str]:
        """Those of *causes* that are to be tried at *now*: first those that were not tried yet, or longest ago."""
        tried = {cause: self.not_taken[cause].due_at for cause in causes if cause in self.not_taken}
        fresh = [cause for cause in causes if cause not in tried]
        return fresh + sorted((cause for cause, due_at in tried.items() if due_at <= now), key=lambda each: tried[each])

    def shows_away(self, failed: Iterable[str]) -> bool:
        """Whether it says that the channel takes nothing that it took none of *failed*, and nothing else.

        It does not where these are only what it did not take while it took others.
        """
        refused = {cause for cause, each in self.not_taken.items() if each.tries}
        return not refused.issuperset(failed)

    def away(self, failed: Iterable[str], now: datetime) -> Self:
        """What is known after a channel took none of *failed*: they are tried again at once, after all others."""
        tries = {cause: self.not_taken[cause].tries if cause in self.not_taken else 0 for cause in failed}
        waiting = {cause: NotTaken(count, now) for cause, count in tries.items()}
        return replace(self, failing_since=self.failing_since or now, not_taken={**self.not_taken, **waiting})


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of the incident *thread* by some entries."""

    stage: NoticeStage
    thread: Thread

    def numbered(self, number: int) -> Self:
        """The same of the incident with this number."""
        return replace(self, thread=replace(self.thread, number=number))


def hands_of(entry: Entry) -> str:
    """Who is to act after *entry*; empty where it says nothing of that."""
    match entry.event:
        case "incident_taken":
            return entry.actor
        case "awaiting_approval":
            return "an approver"
        case "approved" | "applying":
            return "Holdfast"
        case _:
            return "a person" if news.opens(entry) else ""


def turn(thread: Thread | None, entries: Sequence[Entry], tenant: str = "") -> Turn | None:
    """What *entries* (oldest first) make of an incident that was told as *thread*; None where nothing is to be told.

    *tenant*: its name, empty where the incident is the service's own.
    """
    now, is_open = thread, thread is not None
    for entry in entries:
        if now is None or not is_open or _is_another(now, entry):
            if news.opens(entry):
                now, is_open = Thread(entry.id, about(entry, tenant), hands_of(entry), entry.at), True
        elif entry.event in news.SETTLING:
            is_open = False
        else:
            hands = "" if entry.event == "incident" else hands_of(entry)  # who took it keeps it while it lasts
            now = replace(now, hands=hands or now.hands, last_at=entry.at)
    if now is None or (now == thread and is_open):
        return None
    if not is_open:
        return Turn("ended", now)
    if thread is None or now.began != thread.began:
        return Turn("begun", now)
    return Turn("changed hands", now) if now.hands != thread.hands else None


def about(entry: Entry, tenant: str) -> str:
    """What an incident that begins with *entry* is, in one clause."""
    if not tenant:
        return news.incident_summary(entry)
    return f"{tenant}: " + ("mail settings" if news.cause_of(entry) == news.TENANT else f"setting {entry.control}")


def _is_another(thread: Thread, entry: Entry) -> bool:
    return entry.event == "incident" and entry.at - thread.last_at > QUIET_AFTER


def after_turn(thread: Thread | None, entries: Sequence[Entry], made: Turn | None) -> Thread | None:
    """The incident as it lasts after *made*; None where it is over, or there is none."""
    if made:
        return None if made.stage == "ended" else made.thread
    return replace(thread, last_at=max(thread.last_at, entries[-1].at)) if thread else None


def incident_of(ledger: str, cause: str) -> str:
    """The incident's id, which is unique in the installation."""
    return cause if ledger == SERVICE else f"{cause}-{ledger.partition('-')[0]}"


def notice(ledger: str, cause: str, made: Turn, entries: Sequence[Entry]) -> Notice:
    """The message for *made*, with what *entries* say."""
    incident, hands, number = incident_of(ledger, cause), made.thread.hands, made.thread.number
    told = {
        "begun": f"This has begun; {hands} is to act.",
        "changed hands": f"This has changed hands: {hands} is to act now.",
    }.get(made.stage, "This has ended.")
    title = harmless(f"[{incident} #{number}] {made.thread.about}")
    return Notice(incident, number, made.stage, title, _cut(map(harmless, [told, *map(news.sentence, entries)])))


def report(ledger: str, cause: str, number: int, entry: Entry, tenant: str) -> Notice:
    """The monthly message, whole: who gets it keeps it."""
    incident = incident_of(ledger, cause)
    title = harmless(f"[{incident} #{number}] {monthly_title(cause, tenant)}")
    return Notice(incident, number, "report", title, monthly_text(entry))


def trial(now: datetime, by: str) -> Notice:
    """What shows that a channel works."""
    body = harmless(f"{by} has asked for this at {to_the_second(now)}. There is nothing to do.")
    return Notice("test", 0, "test", "[test #0] Holdfast can send notices here", body)


def harmless(text: str) -> str:
    """*text* on one line, in which no chat finds whom to call."""
    return _CALLS.sub(lambda found: "(at)" if found[0] == "@" else "(", visible(text))


def _cut(lines: Iterable[str]) -> str:
    text = "\n".join(lines)
    return text if len(text) <= LONGEST_NOTICE else f"{text[:LONGEST_NOTICE]}\n... The ledger has all of it."
