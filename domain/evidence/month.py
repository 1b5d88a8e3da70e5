"""A tenant's month as data: the JSON of the monthly evidence, from which page and table are made.

Its schema is published (`GET /api/evidence/schema`). Nothing in it is newer than *made_at*, and all of it can be told
again from the ledger, the config and the states.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import floor
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from domain.chain import Proof
from domain.control import Drift
from domain.controls import CATALOGUE
from domain.evidence.accepted import Accepted, declarations_of, exceptions_of
from domain.evidence.period import MONTH, bounds
from domain.evidence.spans import STANDINGS, Condition, Stretch, standing_of, stretches
from domain.exemption import Exemption
from domain.findings import TO_BE_ANSWERED, Finding
from domain.ledger import Entry
from domain.states import ControlState, Span
from domain.steps import Value
from domain.tenant import TenantConfig

SCHEMA_VERSION = 1
MAIL_FLOW = "mail-flow"

_PERSON = re.compile(r"\b[A-Za-z0-9._%+'-]+@(?=[A-Za-z0-9-]+\.)")


@dataclass(frozen=True, slots=True)
class ControlMonth:
    """One setting. *seconds*: how long it stood so; *at_end*: how it stood when the month ended, or stands."""

    id: str
    title: str
    at_end: Condition
    seconds: Mapping[Condition, int]
    spans: tuple[Stretch, ...]

    @property
    def proven(self) -> float:
        """The share of the time, of that in which the setting applied, in which it was proven."""
        applied = sum(self.seconds.values()) - self.seconds.get("not_applicable", 0)
        return self.seconds.get("proven", 0) / applied if applied else 0.0


@dataclass(frozen=True, slots=True)
class DriftOfMonth:
    """One drift: between *last_good* and *seen_at* it came up. *fixed_at*: when a later look proved it away.

    *by*: who made it, where the audit feed says so. *entry*, *fixed_by*: the ledger's entries.
    """

    control: str
    fields: tuple[Drift, ...]
    last_good: AwareDatetime | None
    seen_at: AwareDatetime
    by: str
    fixed_at: AwareDatetime | None
    entry: str
    fixed_by: str


@dataclass(frozen=True, slots=True)
class MailOfMonth:
    """The mail itself was asked: what the control says at the end; `not asked` where this installation does not ask."""

    standing: Condition | Literal["not asked"]
    detail: str = ""
    read_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """What waits for a person: declare it, or have it removed."""

    id: str
    kind: str
    control: str
    name: str
    value: str
    lets_in: str
    since: AwareDatetime | None


@dataclass(frozen=True, slots=True)
class AskedOfMonth:
    """A person was asked *at* a time about findings, which may have been answered or be gone since."""

    at: AwareDatetime
    control: str
    detail: str
    entry: str


@dataclass(frozen=True, slots=True)
class AlertOfMonth:
    """A Defender alert and what became of it. *messages*: how many the verdict was about."""

    at: AwareDatetime
    verdict: Literal["closed", "reopened", "left open"]
    detail: str
    messages: int
    entry: str


@dataclass(frozen=True, slots=True)
class Month:
    """A month of one tenant, or what of it has passed (*complete* false). *proof*: the chain's place under a root."""

    tenant_id: str
    name: str
    month: Annotated[str, Field(pattern=f"^{MONTH.pattern}$")]
    start: AwareDatetime
    end: AwareDatetime
    complete: bool
    made_at: AwareDatetime
    profile: str
    controls: tuple[ControlMonth, ...]
    drifts: tuple[DriftOfMonth, ...]
    mail_flow: MailOfMonth
    accepted: tuple[Accepted, ...]
    findings: tuple[OpenFinding, ...]
    alerts: tuple[AlertOfMonth, ...]
    asked: tuple[AskedOfMonth, ...] = ()
    proof: Proof | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def proven(self) -> float:
        """The share of the time in which the settings that apply were proven, all taken together."""
        applied = [each for each in self.controls if set(each.seconds) - {"not_applicable"}]
        return sum(each.proven for each in applied) / len(applied) if applied else 0.0


@dataclass(frozen=True, slots=True)
class Known:
    """What a month is made of. *entries*: the ledger's, oldest first, from before the month until now.

    *accepted*: those that tell what a person answers for (`accepted.TOLD_BY`), from a year before.
    """

    config: TenantConfig
    entries: Sequence[Entry]
    accepted: Sequence[Entry]
    states: Mapping[str, ControlState]
    exceptions: Mapping[str, Exemption] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    proof: Proof | None = None


def percent(share: float) -> str:
    """*share* rounded down: 100 % is said only of what was proven whole."""
    return f"{floor(share * 1000 + 1e-6) / 10:.1f}%"


def month_of(known: Known, month: str, now: datetime) -> Month:
    """The evidence of *month*, made at *now*. Raises ValueError for what is no month, or one that has not begun."""
    whole = bounds(month)
    if now <= whole.start:
        raise ValueError("month: has not begun yet")
    window = Span(whole.start, min(whole.end, now))
    within = [each for each in known.entries if window.start <= each.at < window.end]
    return Month(
        tenant_id=known.config.tenant_id,
        name=known.config.name,
        month=month,
        start=window.start,
        end=window.end,
        complete=now >= whole.end,
        made_at=now,
        profile=known.config.profile,
        controls=tuple(_control(each, known, window, now) for each in CATALOGUE),
        drifts=tuple(_drift(each, known.entries) for each in within if each.event == "drift_found"),
        mail_flow=_mail_flow(known.states.get(MAIL_FLOW)),
        accepted=(
            *exceptions_of(window, known.accepted, known.exceptions),
            *declarations_of(window, known.accepted, known.config.declared),
        ),
        findings=tuple(_finding(each) for each in _open(known, now)),
        alerts=tuple(_alert(each, _VERDICTS[each.event]) for each in within if each.event in _VERDICTS),
        asked=tuple(
            AskedOfMonth(each.at, each.control, without_people(each.detail), each.id)
            for each in within
            if each.event == "needs_person" and each.detail.startswith(TO_BE_ANSWERED)
        ),
        proof=known.proof,
    )


def without_people(text: str) -> str:
    """*text* in which no address names a person: the domain is enough where nobody is to be written to."""
    return _PERSON.sub("(someone)@", text)


def _anonymous(value: Value) -> Value:
    match value:
        case str():
            return without_people(value)
        case tuple():
            return tuple(map(without_people, value))
        case _:
            return value


def _control(control_id: str, known: Known, window: Span, now: datetime) -> ControlMonth:
    control, state = CATALOGUE[control_id], known.states.get(control_id, ControlState(id=control_id))
    proofs = tuple(span for span in state.proven if span.start < span.end)
    spans = stretches(control_id, control.lane, known.entries, window, proofs)
    seconds = {each: sum(int(s.length.total_seconds()) for s in spans if s.standing == each) for each in STANDINGS}
    told = {each: length for each, length in seconds.items() if length}
    at_end = standing_of(state.state) if window.end == now else spans[-1].standing
    return ControlMonth(control_id, control.title, at_end, told, spans)


def _drift(found: Entry, entries: Sequence[Entry]) -> DriftOfMonth:
    later = [each for each in entries if each.control == found.control and each.at > found.at]
    fixed = next((each for each in later if each.event in {"corrected", "found_compliant"}), None)
    named = next((each for each in later if each.event == "actor_named" and each.of == found.id), None)
    return DriftOfMonth(
        control=found.control,
        fields=tuple(Drift(each.field, _anonymous(each.wanted), _anonymous(each.found)) for each in found.drift),
        last_good=found.last_good,
        seen_at=found.at,
        by=named.actor if named else "",
        fixed_at=fixed.at if fixed else None,
        entry=found.id,
        fixed_by=fixed.id if fixed else "",
    )


def _mail_flow(state: ControlState | None) -> MailOfMonth:
    if state is None or state.read_at is None:
        return MailOfMonth("not asked")
    return MailOfMonth(standing_of(state.state), without_people(state.detail), state.read_at)


def _open(known: Known, now: datetime) -> list[Finding]:
    declared = known.config.declared_at(now)
    return [each for each in known.findings if each.gone_at is None and each.id not in declared]


def _finding(each: Finding) -> OpenFinding:
    return OpenFinding(each.id, each.kind, each.control, each.name, each.value, each.lets_in, each.since)


_VERDICTS: Mapping[str, Literal["closed", "reopened", "left open"]] = {
    "alert_closed": "closed",
    "alert_reopened": "reopened",
    "alert_left_open": "left open",
}


def _alert(entry: Entry, verdict: Literal["closed", "reopened", "left open"]) -> AlertOfMonth:
    messages = entry.before.get("messages")
    count = len(messages) if isinstance(messages, list | tuple) else 0
    return AlertOfMonth(entry.at, verdict, without_people(entry.detail), count, entry.id)
