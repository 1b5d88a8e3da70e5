"""What the index of the fleet says of each tenant: enough for a list of 10,000, and no more."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from itertools import islice
from operator import attrgetter
from typing import Self

from pydantic import AwareDatetime

from domain.controls import CATALOGUE, in_lane
from domain.findings import Finding, FindingKind
from domain.reading import Lane
from domain.rests import Rest
from domain.states import ControlState, StateName
from domain.tenant import Mode, TenantConfig

LONGEST_CAUSE = 160
"""Characters of why a control waits, and of what was found, that the index keeps."""

MOST_FINDINGS = 100
"""Findings of one tenant that the index lists, the oldest."""

WORST_FIRST: tuple[StateName, ...] = (
    "needs_person",
    "awaiting_approval",
    "held",
    "drifted",
    "unknown",
    "correcting",
    "excepted",
    "compliant",
    "not_applicable",
)
"""The states, what a person should see first in front."""

CATALOGUE_DIGEST = sha256(" ".join(CATALOGUE).encode()).hexdigest()[:8]
"""Which controls a summary is about."""


@dataclass(frozen=True, slots=True)
class NotCompliant:
    """One control that is not compliant: its *state*, and *since* when it is that.

    *why*, *plan*: where it waits for somebody, the cause and the digest of the plan. *actor*: who changed it, if known.
    """

    state: StateName
    since: AwareDatetime | None = None
    why: str = ""
    plan: str = ""
    actor: str = ""

    @classmethod
    def of(cls, state: ControlState) -> Self:
        waits = state.state in {"held", "needs_person", "awaiting_approval"}
        return cls(
            state=state.state,
            since=state.since,
            why=_cut(state.detail) if waits else "",
            plan=state.plan if waits else "",
            actor=state.actor.who if state.actor else "",
        )


@dataclass(frozen=True, slots=True)
class FoundThere:
    """One finding that is there, in one line of *text*. *plan*: of its removal, where that waits for an approval."""

    kind: FindingKind
    control: str
    text: str
    since: AwareDatetime | None = None
    first_sight: bool = False
    plan: str = ""

    @classmethod
    def of(cls, finding: Finding) -> Self:
        plan = finding.held.plan if finding.held else ""
        return cls(finding.kind, finding.control, _cut(finding.sentence), finding.since, finding.first_sight, plan)


@dataclass(frozen=True, slots=True)
class Summary:
    """How a tenant stands. *states*: every control that is not compliant; one that is not named is compliant.

    *findings*: how many are there, *found*: the oldest of them, by id. *catalogue*: the controls that it is about; of
    others it says nothing, so that a control that nobody has read is never compliant. *followed*: until when the
    message that follows a correction under way is expected at the latest; None where none is under way. *looked*: when
    each lane was last looked at by a visit, *rests*: the rests at services of which it knew; None for a summary that is
    not of a visit.
    """

    states: Mapping[str, NotCompliant] = field(default_factory=dict)
    findings: int = 0
    found: Mapping[str, FoundThere] = field(default_factory=dict)
    catalogue: str = ""
    followed: AwareDatetime | None = None
    looked: Mapping[Lane, AwareDatetime] | None = None
    rests: Mapping[str, Rest] | None = None

    @classmethod
    def of(cls, controls: Mapping[str, ControlState], findings: Iterable[Finding]) -> Self:
        """*controls*: by id; those of the catalogue that are not among them were not read yet."""
        known = {each: controls.get(each) or ControlState(id=each) for each in CATALOGUE} | {**controls}
        states = {each.id: NotCompliant.of(each) for each in known.values() if each.state != "compliant"}
        there = [each for each in findings if each.gone_at is None and not each.silent]
        there.sort(key=lambda each: (str(each.since), each.id))
        found = {each.id: FoundThere.of(each) for each in there[:MOST_FINDINGS]}
        return cls(states, len(there), found, CATALOGUE_DIGEST)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_CAUSE else f"{text[: LONGEST_CAUSE - 1]}…"


_NOT_READ = NotCompliant("unknown")


@dataclass(frozen=True)
class TenantInFleet:
    """One tenant in the index. *since*: since when its config is as it is; the rest of the config is in its own row.

    *declared*: the findings that a person vouches for, each with its end. What lists ask of each tenant again and again
    is worked out once for each entry.
    """

    since: AwareDatetime
    tenant_id: str = ""
    name: str = ""
    initial_domain: str = ""
    enabled: bool = True
    mode: Mode = "correct"
    profile: str = ""
    labels: tuple[str, ...] = ()
    declared: Mapping[str, AwareDatetime] = field(default_factory=dict)
    summary: Summary = field(default_factory=Summary)

    @classmethod
    def of(cls, config: TenantConfig, since: AwareDatetime, before: "TenantInFleet | None" = None) -> Self:
        """*before*: what the index said of it until now: how it stands is kept."""
        summary = before.summary if before else Summary.of({}, ())
        return cls(
            since=since,
            tenant_id=config.tenant_id,
            name=config.name,
            initial_domain=config.initial_domain,
            enabled=config.enabled,
            mode=config.mode,
            profile=config.profile,
            labels=config.labels,
            declared={each.finding: each.until for each in config.declared},
            summary=summary,
        )

    def seeing(self, summary: Summary) -> Self:
        """The same as it stands now."""
        looked = self.summary.looked if summary.looked is None else {**(self.summary.looked or {}), **summary.looked}
        rests = self.summary.rests if summary.rests is None else summary.rests
        return replace(self, summary=replace(summary, looked=looked, rests=rests))

    def looked_at(self, lane: Lane) -> AwareDatetime | None:
        """When a visit last looked at *lane*."""
        return (self.summary.looked or {}).get(lane)

    @property
    def unread_since(self) -> AwareDatetime | None:
        """Since when nothing of Exchange can be read; None where something can, or no look was taken yet."""
        fast = [self.summary.states.get(each, NotCompliant("compliant")) for each in in_lane("fast")]
        since = [each.since for each in fast if each.state == "unknown" and each.since]
        read = any(each.state not in {"unknown", "not_applicable"} for each in fast)
        return max(since) if since and not read else None

    @property
    def exchange_is_read(self) -> bool:
        """Whether something of Exchange was read at the last look; False where the index knows of none."""
        fast = {self.state_of(each) for each in in_lane("fast")}
        return "unknown" not in fast or not fast <= {"unknown", "not_applicable"}

    @property
    def dns_is_read(self) -> bool:
        """Whether all that the tenant has in DNS was read at the last look; False where the index knows of none."""
        return all(self.state_of(each) != "unknown" for each, control in CATALOGUE.items() if control.asks_dns)

    @property
    def is_current(self) -> bool:
        """Whether its summary is about the controls that there are."""
        return self.summary.catalogue == CATALOGUE_DIGEST

    def cell(self, control: str) -> NotCompliant | None:
        """How a control stands; None: compliant."""
        return self.summary.states.get(control) if self.is_current else _NOT_READ

    def state_of(self, control: str) -> StateName:
        cell = self.cell(control)
        return cell.state if cell else "compliant"

    @cached_property
    def worst(self) -> StateName:
        """The state of the control that a person should see first."""
        if not self.is_current:
            return "unknown"
        others = {each.state for each in self.summary.states.values()}
        states = others if len(self.summary.states) == len(CATALOGUE) else others | {"compliant"}
        return next(state for state in WORST_FIRST if state in states)

    @cached_property
    def worst_since(self) -> datetime | None:
        """Since when its worst state lasts."""
        times = [each.since for each in self.summary.states.values() if each.state == self.worst and each.since]
        return min(times, default=None)

    @cached_property
    def searched(self) -> str:
        """What a search looks in."""
        return f"{self.name} {self.initial_domain} {self.tenant_id}".casefold()

    @cached_property
    def list_key(self) -> tuple[str, str]:
        """Its place among tenants that are alike in what a list is ordered by."""
        return self.name.casefold(), self.tenant_id

    @cached_property
    def last_looked(self) -> datetime | None:
        """When a visit last looked at it."""
        return max((self.summary.looked or {}).values(), default=None)

    def open_findings(self, now: datetime) -> dict[str, FoundThere]:
        """The findings that wait for a person at *now*, by id."""
        if not self.summary.found:
            return {}
        declared = {finding for finding, until in self.declared.items() if now < until}
        return {finding: each for finding, each in self.summary.found.items() if finding not in declared}

    @cached_property
    def actors(self) -> frozenset[str]:
        """Who is known to have changed something that is not as documented."""
        return frozenset(each.actor for each in self.summary.states.values() if each.actor)

    def lost_corrections(self, now: datetime) -> tuple[str, ...]:
        """The controls whose corrections no message follows any more: whoever worked on them was cut."""
        until = self.summary.followed
        if until is None or now < until:
            return ()
        return tuple(each for each, control in self.summary.states.items() if control.state == "correcting")

    def naming(self, most: int) -> Self:
        """The same with at most so many of its findings named, the oldest."""
        return replace(self, summary=replace(self.summary, found=dict(islice(self.summary.found.items(), most))))

    def followed_until(self, until: AwareDatetime) -> Self:
        """The same where a message was sent."""
        return replace(self, summary=replace(self.summary, followed=until))


def counts_of(rows: Iterable[TenantInFleet]) -> dict[StateName, int]:
    """How many of *rows* have which worst state; every state is named."""
    found = Counter(map(attrgetter("worst"), rows))
    return {state: found[state] for state in WORST_FIRST}
