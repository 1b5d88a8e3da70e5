"""The laws of a wave: nobody moves before its stage, a paused wave moves nobody, and a stage begins only after proof."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.states import ControlState
from domain.waves import (
    MOST_FAILURES_SHOWN,
    PROVEN_WITHIN,
    RESTS_AFTER,
    STAGES,
    MoveVerdict,
    TenantMove,
    Wave,
    counted,
    new_wave,
    proving,
    result_of,
)

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
FLEET = tuple(f"tenant-{n}" for n in range(200))
VERSION = "2027-03-01"
NOBODY: Mapping[str, MoveVerdict] = {}

fleets = st.sets(st.sampled_from(FLEET), min_size=1)
results = st.sampled_from([("moving", ""), ("proven", ""), ("failed", "mx: held"), ("passed over", "")])


def wave(tenants=FLEET, canaries=("tenant-0",), now=NOW) -> Wave:
    return new_wave(
        profile="exchangedefender",
        version=VERSION,
        canaries=canaries,
        tenants=tenants,
        by="key dev",
        reason="a new range",
        now=now,
    )


def state(name="compliant", *, read=LATER, version=VERSION, since=NOW, control="spf") -> ControlState:
    return ControlState(control, name, since=since, read_at=read, profile_version=version, detail="why")


@given(fleets)
def test_each_tenant_has_one_stage_the_canaries_the_first_and_each_middle_stage_somebody(tenants):
    canary = min(tenants)
    of = wave(tenants, [canary])
    stages = {each: of.stage_of(each) for each in tenants}
    others = len(tenants) - 1
    assert [each for each, stage in stages.items() if stage == "canaries"] == [canary]
    counts = [sum(stage == name for stage in stages.values()) for name in STAGES]
    assert counts[1] == -(-others * 5 // 100)
    assert counts[1] + counts[2] == -(-others * 25 // 100)


def test_who_comes_when_differs_from_wave_to_wave():
    one, another = wave(), wave(now=LATER)
    assert one.id != another.id
    assert {each: one.stage_of(each) for each in FLEET} != {each: another.stage_of(each) for each in FLEET}


def moved_by_ticks(of: Wave, members: set[str], draws) -> Wave:
    """Play ticks: each moves whom it may, and judges as *draws* say."""
    moved = dict[str, MoveVerdict]()
    now = of.begun_at
    while not of.is_over and now < of.begun_at + timedelta(hours=3):
        now += timedelta(minutes=1)
        before = of
        of = of.advanced(counted(of, members, moved), now)
        begun_stages = STAGES[: STAGES.index(before.stage) + 1]
        if of.stage != before.stage:
            assert all(moved.get(each, ("",))[0] in {"proven", "passed over"} for each in members if before.stage_of(each) in begun_stages)  # fmt: skip
        for each in members - moved.keys():
            if of.may_move(each):
                assert of.state == "running"
                assert STAGES.index(of.stage_of(each)) <= STAGES.index(of.stage)
                moved[each] = ("moving", "")
        if of.state == "paused":
            assert any(result == "failed" for result, _ in moved.values())
            assert not any(of.may_move(each) for each in members)
            moved = {each: ("passed over", "") if r == "failed" else (r, why) for each, (r, why) in moved.items()}
            of = of.resumed("looked at", now)
        moved = {each: draws() if r == "moving" else (r, why) for each, (r, why) in moved.items()}
    assert of.is_over == (moved.keys() == members and {r for r, _ in moved.values()} <= {"proven", "passed over"})
    return of


@given(fleets, st.data())
def test_no_stage_begins_before_those_before_it_are_proven_and_a_paused_wave_moves_nobody(tenants, data):
    of = wave(tenants, [min(tenants)])
    moved_by_ticks(of, set(tenants), lambda: data.draw(results))


def test_a_wave_whose_tenants_are_all_proven_ends():
    ended = moved_by_ticks(wave(), set(FLEET), lambda: ("proven", ""))
    assert (ended.state, ended.stage, ended.detail) == ("ended", "all", "")


def test_an_end_says_how_many_were_passed_over():
    of = replace(wave(("a", "b"), ("a", "b")), stage="all")
    seen = counted(of, ("a", "b"), {"a": ("proven", ""), "b": ("passed over", "")})
    assert of.advanced(seen, LATER).detail == "tenants passed over: 1"


def test_a_failure_pauses_and_names_whom_and_why():
    of = wave()
    after = of.advanced(counted(of, FLEET, {"tenant-0": ("failed", "mx is held: brake")}), LATER)
    assert (after.state, after.changed_at) == ("paused", LATER)
    assert after.detail == "1 of stage canaries failed: tenant-0: mx is held: brake"
    assert [each.tenant_id for each in after.failed] == ["tenant-0"]
    again = after.advanced(counted(of, FLEET, NOBODY), LATER + timedelta(hours=1))
    assert (again.state, again.changed_at, again.stage) == ("paused", LATER, "canaries")
    assert after.resumed("looked at", LATER).failed == ()


def test_of_very_many_failures_the_first_are_shown():
    of = replace(wave(), stage="all")
    seen = counted(of, FLEET, dict.fromkeys(FLEET, ("failed", "why")))
    assert len(seen.failed) == MOST_FAILURES_SHOWN
    assert sum(each.failed for each in seen.progress) == len(FLEET)


def test_a_stage_is_proven_only_with_every_tenant_of_it():
    of = wave(("a", "b", "c"), ("a", "b"))
    waiting: tuple[MoveVerdict | None, ...] = (("moving", ""), None)
    for result in waiting:
        part: dict[str, MoveVerdict] = {"a": ("proven", "")}
        part |= {"b": result} if result else {}
        assert of.advanced(counted(of, ("a", "b", "c"), part), LATER).stage == "canaries"
    whole: dict[str, MoveVerdict] = {"a": ("proven", ""), "b": ("proven", "")}
    assert of.advanced(counted(of, ("a", "b", "c"), whole), LATER).stage == "5 %"


MOVE = TenantMove("w", NOW, ("spf",))


@pytest.mark.parametrize(
    ("move", "states", "minutes", "result"),
    [
        (MOVE, [state()], 1, "proven"),
        (MOVE, [state("excepted")], 1, "proven"),
        (MOVE, [state("not_applicable")], 1, "proven"),
        (MOVE, [state(version="2026-11-23")], 1, "moving"),
        (MOVE, [state(read=NOW)], 1, "moving"),
        (MOVE, [state(read=None)], 1, "moving"),
        (MOVE, [], 1, "moving"),
        (MOVE, [state("drifted")], 1, "moving"),
        (MOVE, [state("correcting"), state("needs_person", control="mx")], 60, "moving"),
        (MOVE, [state("needs_person")], 9, "moving"),
        (MOVE, [state("needs_person")], 10, "failed"),
        (MOVE, [state("held")], 10, "failed"),
        (MOVE, [state("held", since=None)], 10, "moving"),
        (MOVE, [state("held", version="2026-11-23")], 10, "moving"),
        (MOVE, [state("drifted")], 120, "failed"),
        (TenantMove("w", NOW), [], 1, "moving"),
        (TenantMove("w", NOW), [], 120, "failed"),
        (TenantMove("w", NOW), [state("unknown")], 1, "proven"),
        (replace(MOVE, refused="overrides.x: no"), [state()], 1, "failed"),
        (replace(MOVE, proven_at=LATER), [state("drifted")], 500, "proven"),
        (replace(MOVE, passed_over=True), [state("drifted")], 500, "passed over"),
    ],
)
def test_a_move_is_proven_by_the_controls_that_were_compliant_and_by_a_read_under_the_new_version(
    move, states, minutes, result
):
    assert timedelta(minutes=10) == RESTS_AFTER
    assert timedelta(minutes=120) == PROVEN_WITHIN
    found, why = result_of(move, VERSION, {each.id: each for each in states}, NOW + timedelta(minutes=minutes))
    assert (found, bool(why)) == (result, result == "failed")


def test_only_what_was_compliant_proves_a_move():
    assert proving({"spf": state(), "mx": state("drifted", control="mx")}) == ("spf",)
    beside = {each: state(control=each) for each in ("mail-flow", "false-alerts", "audit-feed")}
    assert proving({"spf": state()} | beside) == ("spf",)


@pytest.mark.parametrize(
    ("move", "is_open"),
    [(MOVE, True), (replace(MOVE, proven_at=NOW), False), (replace(MOVE, refused="no"), False), (replace(MOVE, passed_over=True), False)],
)  # fmt: skip
def test_a_tenant_is_being_moved_until_it_is_proven_refused_or_passed_over(move, is_open):
    assert move.is_open == is_open


def test_the_entry_of_a_wave_names_the_person_or_nobody():
    told = wave().entry("wave_begun", NOW, "key dev", "a new range")
    assert (told.tenant_id, told.control, told.actor, told.requested_by) == ("service", wave().id, "key dev", "key dev")
    paused = wave().paused("one failed", NOW).entry("wave_paused", NOW)
    assert paused.detail == "profile exchangedefender to version 2027-03-01, stage canaries: one failed"
    assert (paused.actor, paused.requested_by) == ("holdfast", None)
