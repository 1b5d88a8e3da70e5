"""Whose write a record is about, and which drift it explains. Unknown means: not ours.

A false "not ours" costs one look at the tenant; a false "ours" would hide drift.

Source: docs/reference/defender-alerts-and-audit.md#who-did-it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain import normal
from domain.audit.record import EXCHANGE_POWERSHELL, GUID, AuditRecord
from domain.exchange import AllowEntry, SpoofItem
from domain.findings import Finding
from domain.ledger import Entry
from domain.states import CLOCKS_DIFFER, LONGEST_BETWEEN, ControlState, last_drift_is
from domain.steps import ShownStep
from domain.ways_round import WAYS_IN

BEFORE, AFTER = timedelta(minutes=2), timedelta(minutes=10)
"""How far a record of our own write may be from its ledger entry."""


@dataclass(frozen=True, slots=True)
class Us:
    """Our application, and its service principal's object id in the tenant, "" where it is not known."""

    client_id: str
    object_id: str = ""


def is_ours(record: AuditRecord, us: Us, written: Iterable[Entry]) -> bool:
    """Whether we made this write: it says so, or it is one of *written* (`applying`) and it names no other actor."""
    context = record.app_access_context.client_app_id
    apps = {app.casefold() for app in (record.app_id, record.client_app_id, context)}
    # A name of a person's form is the tenant's own to give, with any id in it.
    named = " ".join(each.casefold() for each in (record.user_id, record.user_key) if "@" not in each)
    if us.client_id.casefold() in apps or us.client_id.casefold() in named:
        return True
    if us.object_id and us.object_id.casefold() in {record.token_object_id.casefold(), *GUID.findall(named)}:
        return True
    somebody = "@" in record.user_id + record.user_key or GUID.search(named) or apps - {"", EXCHANGE_POWERSHELL}
    return not somebody and any(_wrote(entry, record) for entry in written)


def _wrote(entry: Entry, record: AuditRecord) -> bool:
    near = entry.at - BEFORE <= record.at <= entry.at + AFTER
    return near and any(
        step.cmdlet.casefold() == record.operation.casefold() and _names((step,)) & record.names for step in entry.steps
    )


def explained(record: AuditRecord, found: Iterable[Entry]) -> tuple[Entry, ...]:
    """Those of *found*, one for each control, whose drift *record* made.

    It happened after the last look that found all well and before the one that found the drift, to the same object.
    Where clocks that differ let it fit several, it is the nearest.
    """
    nearest: dict[str, Entry] = {}
    for entry in sorted(found, key=lambda entry: entry.at):
        if _fits(record, entry) and (
            entry.control not in nearest or _off(record, entry) < _off(record, nearest[entry.control])
        ):
            nearest[entry.control] = entry
    return tuple(nearest.values())


def _fits(record: AuditRecord, entry: Entry) -> bool:
    if entry.last_good is None or entry.control not in record.controls or not record.succeeded:
        return False
    if _off(record, entry) > CLOCKS_DIFFER:
        return False
    wanted = _names(entry.steps)
    either_is_an_id = any(GUID.fullmatch(name) for name in wanted | record.names)
    return not wanted or not record.names or either_is_an_id or bool(wanted & record.names)


def _off(record: AuditRecord, entry: Entry) -> timedelta:
    """How far *record* is outside of the time in which the drift was made."""
    after = (entry.last_good or entry.at) - record.at
    return max(after, record.at - entry.at, timedelta(0))


def _names(steps: Iterable[ShownStep]) -> frozenset[str]:
    """What the objects of *steps* are called."""
    return frozenset(
        normal.name(str(step.parameters[key]))
        for step in steps
        for key in ("Identity", "Name")
        if key in step.parameters
    )


def made_by(record: AuditRecord, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those of *findings* that *record* made: on the same object, and first seen by one of the next looks."""
    if not record.succeeded:
        return ()
    seen_next = (each for each in findings if each.since and _between(record.at, each.since))
    concerned = [each for each in seen_next if each.control in record.controls and _is_about(record, each)]
    by_name = [each for each in concerned if _has_name(each) and _names_it(record, each)]
    # An entry of a list has no name of its own: it is told by what was entered, or by its time if that tells one alone.
    entries = [each for each in concerned if not _has_name(each)]
    entered = [each for each in entries if each.name.rpartition(", ")[2].casefold() in _words(record)]
    return (*by_name, *(entered or (entries if len(entries) == 1 else ())))


def _names_it(record: AuditRecord, finding: Finding) -> bool:
    return any(normal.name(finding.name).endswith(name) for name in record.names)


def _words(record: AuditRecord) -> frozenset[str]:
    texts = (re.split(r"[\s,;{}\"']+", text.casefold()) for text in record.parameters.values())
    return frozenset(word for words in texts for word in words)


def _between(made: datetime, seen: datetime) -> bool:
    return made - CLOCKS_DIFFER <= seen <= made + LONGEST_BETWEEN


def _is_about(record: AuditRecord, finding: Finding) -> bool:
    nouns = _NOUNS.get(finding.part)
    return nouns is None or record.operation.partition("-")[2].casefold() in nouns


def _has_name(finding: Finding) -> bool:
    return finding.part not in {SpoofItem.__name__, AllowEntry.__name__}


_NOUNS = {kind.__name__: kind.nouns() for kind in WAYS_IN}
"""What cmdlets call the objects on which the ways round the filter are found, by their kind."""


def named(state: ControlState, record: AuditRecord) -> ControlState:
    """*state* with who made its last drift, if that is the one that *record* is about; the latest record counts."""
    newer = state.actor is None or state.actor.at <= record.at
    return replace(state, actor=record.actor) if newer and last_drift_is(state, record.at) else state
