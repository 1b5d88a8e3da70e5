from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.control import Drift, Drifted
from domain.controls import CATALOGUE
from domain.dns_steps import RecordChange
from domain.exemption import Exemption
from domain.gate import Brake, Circumstances, blast_radius, rule
from domain.guards import Guard
from domain.mail.answers import Txt
from domain.steps import Step, digest
from tests.domain.builders import NOW, wanted

PLAN = Drifted(
    (Drift("Enabled", wanted=True, found=False),), (Step("exchange", "Set-X", {"Identity": "a", "Enabled": True}),)
)
RULE, LOCK = CATALOGUE["oof-rule"], CATALOGUE["inbound-lockdown"]
LATER = NOW + timedelta(hours=1)
FREEZE = {"start": (NOW - timedelta(hours=1)).isoformat(), "end": LATER.isoformat(), "reason": "migration"}


def around(**changes: Any) -> Circumstances:
    config = changes.pop("config", {})
    quiet: dict[str, Any] = {"now": NOW, "brake": Brake(), "wanted": wanted(**config)}
    return Circumstances(**quiet | changes)


def test_a_quiet_day_passes_every_part_in_the_designs_order():
    ruling = rule(RULE, PLAN, around())
    assert ruling.refusal is None
    assert [a.gate for a in ruling.answers] == [
        "brake", "tenant", "freeze", "exception", "mode", "approval", "guard", "empty-set", "breaker",
    ]  # fmt: skip


HOLDS = {
    "brake": (RULE, around(brake=Brake(engaged=True, reason="stop")), "stop"),
    "tenant": (RULE, around(config={"enabled": False}), "switched off"),
    "freeze": (RULE, around(config={"freeze": [FREEZE]}), "migration"),
    "exception": (RULE, around(exemption=Exemption(reason="test lab", owner="Ann", until=LATER)), "accepted by Ann"),
    "mode": (RULE, around(config={"mode": "observe"}), "only observed"),
    "guard": (LOCK, around(guard=Guard(passed=False, reason="a.com: its MX")), "a.com: its MX"),
    "breaker": (RULE, around(corrections=3), "put back 3 times in 24 hours"),
}


@pytest.mark.parametrize(("gate", "case"), HOLDS.items(), ids=list(HOLDS))
def test_each_part_holds_with_its_reason_and_nothing_after_it_is_asked(gate, case):
    control, circumstances, reason = case
    ruling = rule(control, PLAN, circumstances)
    assert ruling.refusal
    assert ruling.refusal.gate == gate
    assert reason in ruling.refusal.reason
    assert ruling.answers[-1] == ruling.refusal


def test_a_guard_that_was_not_read_stops():
    assert (refusal := rule(LOCK, PLAN, around()).refusal) and refusal.gate == "guard"


def test_a_guard_that_passed_lets_the_lock_close():
    assert rule(LOCK, PLAN, around(guard=Guard(passed=True))).refusal is None


def test_an_exception_ends_by_itself():
    assert rule(RULE, PLAN, around(exemption=Exemption(reason="r", owner="o", until=NOW))).refusal is None


def test_waiting_for_approval_names_the_very_plan():
    held = rule(RULE, PLAN, around(config={"mode": "approve"})).refusal
    assert held and digest(PLAN.steps) in held.reason


@pytest.mark.parametrize("mode", ["correct", "approve"])
def test_a_plan_that_needs_approval_waits_for_it_in_every_mode_and_whoever_asks(mode):
    first = replace(PLAN, needs_approval=True)
    config = {"mode": mode}
    for circumstances in (around(config=config), around(config=config, requested_by="Ann")):
        refusal = rule(RULE, first, circumstances).refusal
        assert refusal
        assert refusal.reason == f"waits for approval of plan {digest(PLAN.steps)}"
    approved = around(config=config, requested_by="Ann", approved=digest(PLAN.steps))
    assert rule(RULE, first, approved).refusal is None


@pytest.mark.parametrize(
    "passes", [{"config": {"mode": "observe"}}, {"config": {"mode": "approve"}}, {"corrections": 9}]
)
def test_a_person_who_asks_passes_mode_and_breaker(passes):
    assert rule(RULE, PLAN, around(**passes, requested_by="ann@msp.example")).refusal is None


def test_a_yes_to_one_plan_is_a_yes_to_no_other():
    asked = {"config": {"mode": "approve"}, "requested_by": "ann@msp.example"}
    assert rule(RULE, PLAN, around(**asked, approved=digest(PLAN.steps))).refusal is None
    held = rule(RULE, PLAN, around(**asked, approved="0" * 16)).refusal
    assert held and held.reason == f"waits for approval of plan {digest(PLAN.steps)}"


@pytest.mark.parametrize("gate", ["brake", "tenant", "freeze", "exception", "guard"])
def test_a_person_who_asks_passes_nothing_else(gate):
    control, circumstances, _ = HOLDS[gate]
    asked = Circumstances(
        now=NOW,
        brake=circumstances.brake,
        wanted=circumstances.wanted,
        exemption=circumstances.exemption,
        guard=circumstances.guard,
        requested_by="ann@msp.example",
    )
    assert (refusal := rule(control, PLAN, asked).refusal) and refusal.gate == gate


@pytest.mark.parametrize("empty", [(), ""])
def test_an_empty_set_is_never_written(empty):
    plan = Drifted(PLAN.drift, (Step("exchange", "Set-X", {"Identity": "a", "SenderIPAddresses": empty}),))
    assert (refusal := rule(RULE, plan, around()).refusal) and refusal.gate == "empty-set"


def test_a_first_record_may_be_made_where_there_is_nothing_and_only_a_person_takes_it_back():
    made = RecordChange("a.example", "_dmarc.a.example", "TXT", (), (Txt((b"v=DMARC1; p=none",)),))
    assert rule(RULE, Drifted(PLAN.drift, (made.step(),)), around()).refusal is None
    back = Drifted(PLAN.drift, (made.back.step(),))
    assert (refusal := rule(RULE, back, around()).refusal) and refusal.gate == "empty-set"
    assert rule(RULE, back, around(requested_by="ann")).refusal is None


def test_an_empty_comment_is_no_empty_set():
    plan = Drifted(PLAN.drift, (Step("exchange", "Set-X", {"Identity": "a", "Comment": ""}),))
    assert rule(RULE, plan, around()).refusal is None


@pytest.mark.parametrize(
    ("rank", "fleet", "passed"),
    [
        (50, 1000, True),
        (51, 1000, False),
        (25, 100, True),
        (26, 100, False),
        (10, 12, True),
        (11, 12, False),
        (1, 0, True),
    ],
)
def test_the_blast_radius_is_the_smaller_of_the_number_and_the_share(rank, fleet, passed):
    answer = blast_radius(rank, fleet=fleet, most_tenants=50, most_percent=25)
    assert answer.passed == passed
    assert ("blast radius" in answer.reason) == (not passed)
