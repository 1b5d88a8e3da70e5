"""A change of profile in waves: canaries first, then 5 %, 25 % and all, each stage proven before the next begins. Pure.

Who moves when follows from the hash of tenant and wave, so that a wave of 10,000 tenants is one small row. That a
tenant was moved, and what became of it, stands in the tenant's own row (`TenantMove`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, Self, get_args

from pydantic import AwareDatetime

from domain.controls import CATALOGUE
from domain.incident import service_entry
from domain.ledger import Entry, LedgerEvent
from domain.states import ControlState, StateName

type StageName = Literal["canaries", "5 %", "25 %", "all"]
STAGES: tuple[StageName, ...] = get_args(StageName.__value__)
_SHARES = (5, 25)
"""Percent of the tenants that have moved once the second and the third stage are over, canaries not counted."""

MOST_CANARIES = 20
MOST_UNPROVEN = 100
"""The radius of a wave: so many tenants at most are moved and not proven yet."""

PROVEN_WITHIN = timedelta(hours=2)
"""A tenant that is not proven so long after its move has failed: eight looks of the slow lane."""

RESTS_AFTER = timedelta(minutes=10)
"""A control that waits for a person for so long (two looks of the fast lane) does not come right by itself."""

MOST_FAILURES_SHOWN = 20
_LONGEST_WHY = 300

type MoveResult = Literal["moving", "proven", "failed", "passed over"]
type MoveVerdict = tuple[MoveResult, str]
"""What became of a move, and where it failed, why."""


@dataclass(frozen=True, slots=True)
class TenantMove:
    """What one wave did to a tenant. *controls*: those that were compliant when it was moved, which prove it.

    *refused*: why the tenant could not be moved; empty where it was. *proven_at*: when it was seen to be proven.
    *passed_over*: it had failed, and an Admin let the wave go on.
    """

    wave: str
    at: AwareDatetime
    controls: tuple[str, ...] = ()
    refused: str = ""
    proven_at: AwareDatetime | None = None
    passed_over: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the tenant is being moved: its steps are its wave's, and not the fleet's."""
        return self.proven_at is None and not self.passed_over and not self.refused


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far one stage is, in tenants. *moved*: those that are neither proven nor failed yet."""

    name: StageName
    tenants: int = 0
    moved: int = 0
    proven: int = 0
    failed: int = 0
    passed_over: int = 0


@dataclass(frozen=True, slots=True)
class FailedMove:
    """A tenant that its wave did not prove, and why."""

    tenant_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Wave:
    """One change of *profile* to *version*. *limits*: the hashes up to which tenants belong to the middle stages.

    *by*: who began it, and *reason*: why. *detail*: why it stands as it does, for people. *changed_at*: when it last
    began, was paused, resumed or ended. *progress*: of each stage, as of *judged_at*. *failed*: the first
    tenants that its pause is about.
    """

    id: str
    profile: str
    version: str
    canaries: tuple[str, ...]
    by: str
    reason: str
    limits: tuple[int, int]
    begun_at: AwareDatetime
    changed_at: AwareDatetime
    stage: StageName = "canaries"
    state: Literal["running", "paused", "ended"] = "running"
    detail: str = ""
    progress: tuple[StageProgress, ...] = ()
    failed: tuple[FailedMove, ...] = ()
    judged_at: AwareDatetime | None = None

    @property
    def is_over(self) -> bool:
        return self.state == "ended"

    def stage_of(self, tenant_id: str) -> StageName:
        """The stage in which a tenant is moved."""
        if tenant_id in self.canaries:
            return "canaries"
        place = _place(self.id, tenant_id)
        return next((name for name, limit in zip(STAGES[1:], self.limits, strict=False) if place <= limit), "all")

    def may_move(self, tenant_id: str) -> bool:
        """Whether the tenant's stage has begun and the wave runs."""
        return self.state == "running" and STAGES.index(self.stage_of(tenant_id)) <= STAGES.index(self.stage)

    def paused(self, why: str, now: datetime) -> Self:
        return replace(self, state="paused", detail=why, changed_at=now)

    def resumed(self, why: str, now: datetime) -> Self:
        return replace(self, state="running", detail=why, changed_at=now, failed=())

    def advanced(self, seen: "Tally", now: datetime) -> Self:
        """The wave after its tenants were *seen*: paused by a failure, in its next stage once this one is proven."""
        judged = replace(self, progress=seen.progress, failed=seen.failed, judged_at=now)
        if self.state != "running":
            return judged
        if seen.failed:
            whys = "; ".join(f"{each.tenant_id}: {each.why}" for each in seen.failed[:3])
            count = sum(each.failed for each in seen.progress)
            return judged.paused(f"{count} of stage {self.stage} failed: {whys}", now)
        begun = STAGES[: STAGES.index(self.stage) + 1]
        if any(each.tenants != each.proven + each.passed_over for each in seen.progress if each.name in begun):
            return judged
        if self.stage == STAGES[-1]:
            over = sum(each.passed_over for each in seen.progress)
            told = f"tenants passed over: {over}" if over else ""
            return replace(judged, state="ended", changed_at=now, detail=told)
        return replace(judged, stage=STAGES[len(begun)])

    def entry(self, event: LedgerEvent, at: datetime, by: str = "holdfast", reason: str = "") -> Entry:
        """The entry of the service's own ledger that says what became of the wave."""
        what = f"profile {self.profile} to version {self.version}, stage {self.stage}"
        detail = f"{what}: {self.detail}" if self.detail else what
        entry = service_entry(event, at, control=self.id, detail=detail, by=by)
        return replace(entry, reason=reason, profile_version=self.version)


@dataclass(frozen=True, slots=True)
class Tally:
    """What one look at a wave's tenants came to."""

    progress: tuple[StageProgress, ...]
    failed: tuple[FailedMove, ...]


def new_wave(  # noqa: PLR0913 - what a person says of a wave
    *, profile: str, version: str, canaries: Iterable[str], tenants: Iterable[str], by: str, reason: str, now: datetime
) -> Wave:
    """A wave over *tenants*, those that are not held to *version* yet. A middle stage has one tenant at least."""
    named = tuple(sorted(set(canaries)))
    wave_id = sha256(f"{profile} {version} {now.isoformat()}".encode()).hexdigest()[:12]
    places = sorted(_place(wave_id, each) for each in tenants if each not in named)
    limits = [places[-(-len(places) * share // 100) - 1] if places else 0 for share in _SHARES]
    return Wave(wave_id, profile, version, named, by, reason, (limits[0], limits[1]), now, now)


def _place(wave_id: str, tenant_id: str) -> int:
    return int.from_bytes(sha256(f"{wave_id} {tenant_id}".encode()).digest()[:6])


_PROVING = frozenset(control.id for control in CATALOGUE.values() if not control.asks_mail)
"""The mail is asked once a day, and what stands beside the controls is held to no version: neither proves a move."""


def proving(states: Mapping[str, ControlState]) -> tuple[str, ...]:
    """The controls that prove a tenant which is moved now."""
    return tuple(sorted(each.id for each in states.values() if each.state == "compliant" and each.id in _PROVING))


_GOOD: frozenset[StateName] = frozenset({"compliant", "not_applicable", "excepted"})
_STUCK: frozenset[StateName] = frozenset({"needs_person", "held"})


def result_of(move: TenantMove, version: str, states: Mapping[str, ControlState], now: datetime) -> MoveVerdict:
    """What became of a tenant's *move* to *version* by now."""
    if move.passed_over:
        return "passed over", ""
    if move.proven_at:
        return "proven", ""
    read = {key for key, each in states.items() if _is_read_since(each, move, version)}
    left = [each for each in move.controls if each not in read or states[each].state not in _GOOD]
    if read and not left and not move.refused:
        return "proven", ""
    why = move.refused or _stuck([states[each] for each in left if each in states], version, now)
    if not why and now - move.at >= PROVEN_WITHIN:
        why = f"not proven within {PROVEN_WITHIN}: {', '.join(left) or 'nothing of it could be read'}"
    return ("failed", why[:_LONGEST_WHY]) if why else ("moving", "")


def _stuck(left: Iterable[ControlState], version: str, now: datetime) -> str:
    """Which of the controls that are *left* waits for a person by now; empty where none does."""
    waiting = (each for each in left if each.profile_version == version and _rests(each, now))
    return next((f"{each.id} is {each.state}: {each.detail}" for each in waiting), "")


def _is_read_since(state: ControlState, move: TenantMove, version: str) -> bool:
    return state.profile_version == version and state.read_at is not None and state.read_at > move.at


def _rests(state: ControlState, now: datetime) -> bool:
    return state.state in _STUCK and state.since is not None and now - state.since >= RESTS_AFTER


def counted(wave: Wave, members: Iterable[str], results: Mapping[str, MoveVerdict]) -> Tally:
    """How far *wave* is. *members*: its tenants, moved or not; *results*: of those that it moved."""
    tenants, counts = Counter[StageName](), Counter[tuple[StageName, MoveResult]]()
    failed = []
    for each in members:
        stage = wave.stage_of(each)
        tenants[stage] += 1
        if each in results:
            result, why = results[each]
            counts[stage, result] += 1
            failed += [FailedMove(each, why)] if result == "failed" else []
    progress = tuple(
        StageProgress(
            name,
            tenants[name],
            moved=counts[name, "moving"],
            proven=counts[name, "proven"],
            failed=counts[name, "failed"],
            passed_over=counts[name, "passed over"],
        )
        for name in STAGES
    )
    return Tally(progress, tuple(sorted(failed, key=lambda each: each.tenant_id)[:MOST_FAILURES_SHOWN]))
