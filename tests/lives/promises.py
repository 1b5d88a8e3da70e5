"""The promises of docs/safety.md that can be read from the ledger and the states alone, at any moment of a life."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.corrections import PROOF_PATIENCE
from domain.ledger import Entry
from domain.states import ControlState
from domain.steps import ShownStep

AT_REST = frozenset({"compliant", "not_applicable", "held", "needs_person"})
"""How a control may stand when nothing moves any more."""
IN_DNS = frozenset({"mx", "spf", "dkim", "dmarc"})
"""Controls that may also be unknown then: the zone's servers may be in trouble for as long as they like."""
BLIND = frozenset({"unknown", "correcting"})
CLOSING = frozenset({"corrected", "superseded"})
WITH_A_REASON = frozenset({"held", "needs_person", "unknown", "awaiting_approval", "excepted"})


@dataclass(frozen=True)
class Write:
    """A write that reached Microsoft. *changed*: the tenant is different since."""

    at: datetime
    cmdlet: str
    parameters: dict[str, Any]
    changed: bool = False

    @property
    def key(self) -> str:
        return json.dumps([self.cmdlet, self.parameters], sort_keys=True)


def key_of(step: ShownStep) -> str:
    """The key that the step would have as a write."""
    return json.dumps([step.cmdlet, dict(step.parameters)], sort_keys=True)


@dataclass(frozen=True)
class Doors:
    """Who may deliver to a tenant, in truth. *restricted*: by any connector; *locked*: as the guide has it.

    *watching*: the policies that judge senders, and the alerts that are raised.
    """

    restricted: bool
    locked: bool
    at_filter: bool
    watching: frozenset[str]


def no_door_moves_unguarded(before: Doors, after: Doors, write: Write) -> str:
    """What is wrong with *write*: it locked a tenant whose mail goes elsewhere, or opened one that has no lock."""
    if after.restricted and not before.restricted and not before.at_filter:
        return f"locked although mail goes elsewhere: {write.key}"
    if before.watching - after.watching and not before.locked:
        return f"opened although there is no lock: {write.key}"
    return ""


def nothing_is_taken_away(before: Sequence[Entry], now: Sequence[Entry]) -> None:
    """The ledger is append-only, in content too."""
    kept = {entry.id: entry for entry in now}
    for entry in before:
        assert kept.get(entry.id) == entry, f"the ledger lost or changed {entry.id}"


def every_proof_is_of_an_announcement(entries: Sequence[Entry]) -> None:
    announced = {entry.id: entry for entry in entries if entry.event == "applying"}
    closed: set[tuple[str, str]] = set()
    for entry in entries:
        if entry.event not in CLOSING:
            continue
        begun = announced.get(entry.of)
        assert begun, f"{entry.id} has no announcement"
        assert (begun.control, begun.at < entry.at) == (entry.control, True)
        assert entry.event == "superseded" or entry.before != entry.after
        for step in entry.steps:
            assert step in begun.steps
            assert (entry.of, step.powershell) not in closed, f"{entry.id} closes a step twice"
            closed.add((entry.of, step.powershell))


def nothing_is_made_blindly_again(writes: Sequence[Write], entries: Sequence[Entry]) -> None:
    """A `New-*` that was done is sent again only when it was seen meanwhile (and removed), or had time to show."""
    made: dict[str, Write] = {}
    for write in writes:
        before = made.get(write.key)
        if before and write.at - before.at < PROOF_PATIENCE:
            meanwhile = [entry for entry in entries if entry.event in CLOSING and before.at < entry.at < write.at]
            assert any(write.key == key_of(step) for entry in meanwhile for step in entry.steps), f"twice: {write.key}"
        if write.changed and write.cmdlet.startswith("New-"):
            made[write.key] = write


def every_write_is_accounted_for(writes: Sequence[Write], entries: Sequence[Entry]) -> None:
    """At rest the ledger says of every change what came of it: proven, superseded, or left to a person."""
    for write in (write for write in writes if write.changed):
        since = [entry for entry in entries if entry.event in {*CLOSING, "needs_person"} and entry.at > write.at]
        assert any(write.key == key_of(step) for entry in since for step in entry.steps), f"forgotten: {write.key}"


def every_state_can_be_explained(states: Mapping[str, ControlState]) -> None:
    for state in states.values():
        assert state.detail or state.state not in WITH_A_REASON, f"{state.id} is {state.state} and says not why"
        assert state.read_at or state.state != "compliant", f"{state.id} is compliant without a read"
        assert state.since
        assert "could not be read" not in state.detail or state.state in BLIND, f"{state.id}: {state.detail}"
        assert state.state in BLIND if state.corrections else state.state != "correcting", (
            f"{state.id} is {state.state}"
        )


def everything_is_at_rest(states: Mapping[str, ControlState]) -> None:
    resting = {state.id for state in states.values() if state.state == "unknown" and state.id in IN_DNS}
    moving = {s.id: s.state for s in states.values() if s.state not in AT_REST and s.id not in resting}
    assert not moving, f"not at rest: {moving}"
