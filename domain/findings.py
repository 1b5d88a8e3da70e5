"""Findings: what only a person can judge, since it was there at first sight or is new beside a proven state.

A person answers a finding in one of two ways. *Declare* makes it part of the tenant's config, with reason, owner and
end date. *Remove* takes it away by exact steps, through the gate. Until then nothing removes or narrows it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import AwareDatetime

from domain import normal
from domain.lock import LockSeen
from domain.mail_flow import MailSeen
from domain.profile import MOST_ADDRESSES
from domain.shown import quoted
from domain.steps import ShownStep

type FindingKind = Literal["address", "term", "connector", "domain", "sender", "bypass"]
"""address: an entry of a list of senders. term: a part of an SPF record. connector: one that a lock would close to
others, or that somebody else made. domain: one whose mail a lock would refuse. sender: one that the lock would refuse.
bypass: a way round the filter."""

STOPS_A_CLOSE: frozenset[FindingKind] = frozenset({"connector", "domain"})
"""Kinds that hold the lock-down open until a person has answered."""

FIRST_SIGHT_AFTER = timedelta(days=7)
"""After so long without a good read, what is there is first sight again. A finding that was gone for less is no new
one: another replica, or an undo, may bring it back."""

AWAY_FOR = timedelta(hours=1)
"""Gone for longer, a finding that shows again was made again: no replica is so far behind."""

LONGEST_VALUE = 1000
"""Characters of one finding's value that are kept and shown; its id is that of the whole."""


@dataclass(frozen=True, slots=True)
class HeldRemoval:
    """What the removal of a finding would take, and what waits for a person who answers for it, as it opens the tenant.

    *plan*: the digest of its *steps*; *why*: what the gate said.
    """

    plan: str
    steps: tuple[ShownStep, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a tenant. *id*: the digest of its whole content, so that one more address is another finding.

    *name*: the object on which it was found; *value*: what was found, as one line for people. *lets_in*: what it lets
    in or stops, a sentence. *since*: when a look first saw it; *actor*: who made it, where the audit log said so.
    *first_sight*: it was there before anything was proven. *silent*: its kind is newer than the tenant's first look,
    so that it changes no control's state. *removing*: the operation by which a person has it removed. *noted*: it tells
    of what a person had done, and holds no close. *gone_at*: since when no look sees it. *part*: the kind of object
    that it was found on, where its control tells of what it could read although it could not read all. *service*: the
    declared service whose connector it was found on. *held*: its removal, where that waits for an approval. *networks*:
    of a connector whose *value* is cut, all the IPv4 addresses and networks that it names, MOST_ADDRESSES at most.
    """

    id: str
    kind: FindingKind
    control: str
    name: str
    value: str
    lets_in: str
    since: AwareDatetime | None = None
    actor: str = ""
    first_sight: bool = False
    silent: bool = False
    removing: str = ""
    noted: bool = False
    gone_at: AwareDatetime | None = None
    part: str = ""
    service: str = ""
    held: HeldRemoval | None = None
    networks: tuple[str, ...] = ()

    @property
    def sources(self) -> frozenset[str]:
        """Either of which a control has begun to look for when it has begun to look for such a finding."""
        return frozenset({source(self.control, self.kind), source(self.control, self.kind, self.part)})

    @property
    def sentence(self) -> str:
        return f"{self.kind} '{self.value}' on '{self.name}': {self.lets_in}"


def found(kind: FindingKind, control: str, name: str, value: str | Iterable[str], lets_in: str) -> Finding:
    """A finding as a judge hands it over. *value*: the whole content of what was found, as the service has it."""
    parts = [value] if isinstance(value, str) else sorted(value)
    content = json.dumps([kind, control, name, parts])
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    text = ", ".join(parts)
    return Finding(digest, kind, control, _shown(name), _shown(text), lets_in)


def with_networks(finding: Finding, content: Collection[str]) -> Finding:
    """*finding* with the addresses of its whole *content*, where its value is cut: some kilobytes of a tenant's row."""
    is_cut = len(", ".join(content)) > LONGEST_VALUE
    return replace(finding, networks=tuple(filter(normal.size, sorted(content)))[:MOST_ADDRESSES] if is_cut else ())


def _shown(text: str) -> str:
    """*text* as it stands between single quotes on a page."""
    cut = text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
    return quoted(cut, len(cut))[1:-1]


THE_REST = found("sender", "mail-flow", "every other sender", "the rest", "what a lock would refuse of it will bounce")
"""Declared, it answers for each sender that has no answer of its own, whenever it comes up."""


type FindingAnswer = Literal["declared", "open", "unwanted"]
"""declared: a person vouches for it. open: a person is to answer. unwanted: drift, or a person has it removed."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is known of a tenant's findings at the moment of a look. By default nothing: all is first sight.

    *known*: by id, those that are there or were within FIRST_SIGHT_AFTER. *declared*: ids that a person vouches for
    now. *settled*: controls that were proven by what is asked of them now, and read within FIRST_SIGHT_AFTER: what is
    new to one is drift. *unsettled*: declared services whose connector was not proven so. *begun*: which kinds of
    finding each control has looked for before (`source`). *unwanted*: ids that a person has removed. *mail*: what the
    message trace has told. *lock*: what the last good read showed of the lock. *loosened*: by connector, the
    restrictions of declared ones that the way out took off.
    """

    known: Mapping[str, Finding] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()
    unwanted: frozenset[str] = frozenset()
    mail: MailSeen = field(default_factory=MailSeen)
    loosened: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lock: LockSeen | None = None
    unsettled: frozenset[str] = frozenset()

    def is_declared(self, finding: Finding) -> bool:
        """Whether a person vouches for it; "the rest will bounce" answers for every sender."""
        return finding.id in self.declared or (finding.kind == "sender" and THE_REST.id in self.declared)

    def answer(self, finding: Finding) -> FindingAnswer:
        """What becomes of *finding* where its control can put drift back."""
        if finding.id in self.unwanted:
            return "unwanted"
        if self.is_declared(finding):
            return "declared"
        known = finding.id in self.known or source(finding.control, finding.kind) not in self.begun
        return "open" if known or not self.is_settled(finding) else "unwanted"

    def is_settled(self, finding: Finding) -> bool:
        """Whether what it was found on was proven, so that it came up since."""
        return finding.control in self.settled and finding.service not in self.unsettled

    def about(self, service: str) -> Self:
        """The same for whoever judges the connector of a declared *service*."""
        return replace(self, settled=frozenset()) if service in self.unsettled else self

    def is_open(self, finding: Finding) -> bool:
        """Whether a person is to answer it, where its control never puts anything back."""
        return not self.is_declared(finding)

    def is_silent(self, finding: Finding) -> bool:
        kept = self.known.get(finding.id)
        return kept.silent if kept else not finding.sources & self.begun

    def without(self, finding_id: str) -> Self:
        """The same for whoever takes one finding away, or looks whether it is gone."""
        return replace(self, unwanted=self.unwanted | {finding_id})

    def leaving(self, finding_id: str) -> Self:
        """The same for whoever asks whether one finding is there, also where a person has it removed."""
        return replace(self, unwanted=self.unwanted - {finding_id})

    def kept(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Those of *findings* that their control leaves as they are."""
        return tuple(each for each in findings if self.answer(each) != "unwanted")

    def going(self, findings: Iterable[Finding]) -> tuple[str, ...]:
        """The ids of those that a person has removed."""
        return tuple(each.id for each in findings if each.id in self.unwanted)


@dataclass(frozen=True, slots=True)
class Removal:
    """How the removal of a *finding* stands: under way by an *operation*, done at *gone_at*, *held*, or given up."""

    finding: str
    operation: str = ""
    gone_at: datetime | None = None
    held: HeldRemoval | None = None


def held_removal(findings: Iterable[Finding], control: str, plan: str) -> Finding | None:
    """The one of *findings* whose removal is held as *plan* of *control*; None where no such plan waits."""
    there = (each for each in findings if each.control == control and each.gone_at is None)
    return next((each for each in there if each.held and each.held.plan == plan), None)


def source(control: str, kind: FindingKind, part: str = "") -> str:
    """The name of one kind of finding of one control; with *part*, of those alone that are found on such objects."""
    return "/".join(filter(None, (control, kind, part)))


def after_look(
    inventory: Inventory, control: str, seen: Iterable[Finding], now: datetime, unseen: Iterable[str] = ()
) -> Mapping[str, Finding]:
    """The findings that are known of a tenant once a good look of *control* has *seen* these.

    *unseen*: names of objects of which the look says nothing.
    """
    now_there = {each.id: _kept(each, inventory, now) for each in seen}
    others = {}
    for key, each in inventory.known.items():
        if each.control != control or each.name in unseen:
            others[key] = each
        elif key not in now_there and now - (each.gone_at or now) < FIRST_SIGHT_AFTER:
            networks = each.networks if inventory.is_declared(each) else ()
            others[key] = replace(each, gone_at=each.gone_at or now, removing="", held=None, networks=networks)
    return others | now_there


def after_partial_look(
    inventory: Inventory, control: str, seen: Iterable[Finding], now: datetime, read: Collection[str]
) -> Mapping[str, Finding]:
    """As `after_look`, of a look that could not read all: it tells only of the parts that it has *read*."""
    mine = (each for each in inventory.known.values() if each.control == control)
    return after_look(inventory, control, seen, now, {each.name for each in mine if each.part not in read})


def newly_told(
    before: Mapping[str, Finding],
    after: Inventory,
    control: str,
    *,
    untold: bool = False,
    lapsed: Collection[str] = (),
) -> tuple[Finding, ...]:
    """Findings of *control* that came up beside a proven state since *before*, and that a person is to answer.

    *untold*: the control's state tells of none, so that those of first sight are among them. *lapsed*: the ids of those
    for which a person vouched then, and does not any more.
    """
    mine = (each for each in open_findings(after) if each.control == control and not each.silent)
    new = (each for each in mine if untold or not each.first_sight)
    return tuple(each for each in new if each.id not in before or before[each.id].gone_at or each.id in lapsed)


def _kept(seen: Finding, inventory: Inventory, now: datetime) -> Finding:
    known, first = inventory.known.get(seen.id), not inventory.is_settled(seen)
    if known is None:
        return replace(seen, since=now, first_sight=first, silent=inventory.is_silent(seen))
    there = replace(
        known, gone_at=None, lets_in=seen.lets_in, part=seen.part, service=seen.service, networks=seen.networks
    )
    if known.gone_at and now - known.gone_at > AWAY_FOR:
        return replace(there, since=now, actor="", first_sight=first, silent=False)
    # What a person has vouched for once is no longer from before: when that ends, it is asked about.
    return replace(there, silent=known.silent and not inventory.is_declared(known))


def open_findings(inventory: Inventory) -> tuple[Finding, ...]:
    """Those that are there and wait for a person, oldest first."""
    there = (each for each in inventory.known.values() if each.gone_at is None and inventory.is_open(each))
    return tuple(sorted(there, key=lambda each: (str(each.since), each.control, each.id)))


def is_inventoried(inventory: Inventory) -> bool:
    """Whether every finding of the tenant's first sight is answered."""
    return not any(each.first_sight and not each.silent for each in open_findings(inventory))


TO_BE_ANSWERED = "to be declared or removed by a person: "
"""How a state begins that waits for nothing but answers to findings."""


def to_be_answered(findings: Iterable[Finding]) -> str:
    """One sentence for people that names each of *findings*; empty where there is none."""
    sentences = "; ".join(each.sentence for each in findings)
    return f"{TO_BE_ANSWERED}{sentences}" if sentences else ""
