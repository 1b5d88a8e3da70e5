"""What the index of the fleet says of each tenant: enough for a list of 10,000, and no more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from pydantic import AwareDatetime

from domain.controls import CATALOGUE, in_lane
from domain.findings import Finding
from domain.reading import Lane
from domain.rests import Rest
from domain.states import ControlState, StateName
from domain.tenant import Mode, TenantConfig


@dataclass(frozen=True, slots=True)
class NotCompliant:
    """One control that is not compliant: its *state*, and *since* when it is that."""

    state: StateName
    since: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """How a tenant stands. *states*: every control that is not compliant; one that is not named is compliant.

    *findings*: how many wait for an answer. *looked*: when each lane was last looked at by a visit, *rests*: the
    rests at services of which it knew; None for a summary that is not of a visit.
    """

    states: Mapping[str, NotCompliant] = field(default_factory=dict)
    findings: int = 0
    looked: Mapping[Lane, AwareDatetime] | None = None
    rests: Mapping[str, Rest] | None = None

    @classmethod
    def of(cls, controls: Mapping[str, ControlState], findings: Iterable[Finding]) -> Self:
        """*controls*: by id; those of the catalogue that are not among them were not read yet."""
        known = {each: ControlState(id=each) for each in CATALOGUE} | {**controls}
        states = {each.id: NotCompliant(each.state, each.since) for each in known.values() if each.state != "compliant"}
        return cls(states, sum(1 for each in findings if each.gone_at is None and not each.silent))


@dataclass(frozen=True, slots=True)
class TenantInFleet:
    """One tenant in the index. *since*: since when its config is as it is; the rest of the config is in its own row."""

    since: AwareDatetime
    name: str = ""
    enabled: bool = True
    mode: Mode = "correct"
    profile: str = ""
    summary: Summary = field(default_factory=Summary)

    @classmethod
    def of(cls, config: TenantConfig, since: AwareDatetime, before: "TenantInFleet | None" = None) -> Self:
        """*before*: what the index said of it until now: how it stands is kept."""
        summary = before.summary if before else Summary.of({}, ())
        return cls(since, config.name, config.enabled, config.mode, config.profile, summary)

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
