"""What a ticket is told, and how its cause is known again."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.control import Drift
from domain.ledger import Entry
from domain.operations import ControlOutcome, Operation
from domain.psa import news
from domain.psa.desk import ApprovalRules
from domain.psa.marks import Marks
from domain.states import Actor, ControlState
from domain.steps import ShownStep

TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
MARKS = Marks(b"secret")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STEP = ShownStep("exchange", "Set-X", {}, "Set-X -Enabled $true")
DRIFT = Drift("Enabled", wanted=True, found=None)


def entry(event, minutes=0, **fields):
    return Entry(at=NOON + timedelta(minutes=minutes), tenant_id=TENANT, event=event, **({"control": "mx"} | fields))


def told(*entries, state=None, approval=None):
    return news.note(entries, state or ControlState(id="mx"), approval or ApprovalRules(), MARKS)


def test_a_summary_fits_every_system_whatever_the_tenants_name():
    assert len(news.summary("service-connectors", "x" * 256, "Quillgate")) <= 90
    assert news.summary(news.TENANT, "Contoso", "Quillgate") == "Quillgate: mail settings need attention (Contoso)"
    assert "the guide of Quillgate" in news.first_text("Quillgate")


def test_what_is_not_told_yet_is_sorted_by_its_cause():
    one, two, other = entry("held"), entry("corrected", 1), entry("held", control="spf")
    assert news.by_cause([one, other, two], [other.id]) == {"mx": [one, two]}


def test_an_entry_without_a_control_is_about_the_tenant():
    assert news.cause_of(entry("parked", control="")) == news.TENANT


OPENS = {
    "needs_person": (entry("needs_person"), True),
    "approval": (entry("awaiting_approval"), True),
    "parked": (entry("parked"), True),
    "held_by_a_guard": (entry("held", detail="guard: MX at Microsoft"), True),
    "held_by_the_breaker": (entry("held", detail="breaker: put back 3 times"), True),
    "held_beyond_the_blast_radius": (entry("held", detail="radius: more than 10"), True),
    "held_by_the_brake": (entry("held", detail="brake: lunch"), False),
    "held_in_a_freeze": (entry("held", detail="freeze: until Monday"), False),
    "waiting_its_turn": (entry("held", detail="order: waits for oof-connector"), False),
    "drift": (entry("drift_found"), False),
    "unreadable": (entry("unreadable"), False),
    "corrected": (entry("corrected"), False),
}


@pytest.mark.parametrize(("one", "expected"), OPENS.values(), ids=list(OPENS))
def test_a_ticket_is_opened_for_what_a_person_should_know(one, expected):
    assert news.opens(one) is expected


def test_the_last_that_says_either_way_settles():
    assert news.settled([entry("needs_person"), entry("corrected"), entry("actor_named")])
    assert not news.settled([entry("corrected"), entry("needs_person")])
    assert not news.settled([entry("drift_found")])


def test_a_note_tells_what_happened_in_order_with_times_and_values():
    text = told(
        entry("drift_found", drift=(DRIFT,)),
        entry("needs_person", 1, detail="Switch it off in the portal."),
        entry("corrected", 2, steps=(STEP,), before={"Enabled": ["a", "b"]}, after={"Enabled": "c"}),
    )
    assert text.splitlines()[:6] == [
        "2026-11-23 12:00:00 UTC: drift found.",
        "Enabled is missing, wanted True.",
        "2026-11-23 12:01:00 UTC: a person is needed: Switch it off in the portal.",
        "2026-11-23 12:02:00 UTC: put back, and proven by reading again.",
        "Step: Set-X -Enabled $true ;",
        "Proof: Enabled: 'a, b' is now 'c'.",
    ]


def test_an_event_without_words_of_its_own_is_told_by_its_name():
    assert "actor named: admin@contoso.example." in told(entry("actor_named", detail="admin@contoso.example"))
    assert "found as documented." in told(entry("found_compliant", drift=(DRIFT,)))


def test_who_changed_it_is_named_where_a_person_is_needed():
    actor = Actor(who="admin@contoso.example", address="", at=NOON, operation="Set-X")
    state = ControlState(id="mx", actor=actor)
    assert "Changed by 'admin@contoso.example at " in told(entry("held", detail="breaker: 3 times"), state=state)
    assert "Changed by" not in told(entry("corrected"), state=state)


def test_a_waiting_plan_is_told_with_its_steps_and_how_to_approve_it():
    state = ControlState(id="mx", state="awaiting_approval", plan="1a2b", steps=(STEP,))
    text = told(entry("awaiting_approval"), state=state, approval=ApprovalRules(statuses=("513",), words=("approved",)))
    assert "Plan 1a2b." in text
    assert "Set-X -Enabled $true" in text
    assert "approved 1a2b or give this ticket status 513" in text
    assert "over the HTTP API" in told(entry("awaiting_approval"), state=state)


def test_a_plan_that_was_said_yes_to_is_not_asked_about_again():
    state = ControlState(id="mx", state="awaiting_approval", plan="1a2b", steps=(STEP,))
    assert "Plan" not in told(entry("awaiting_approval"), entry("approved", 1), state=state)
    assert "Plan" not in told(entry("actor_named"), state=state)
    assert "Plan" not in told(entry("awaiting_approval"))


def test_a_note_is_known_again_by_the_entries_it_tells():
    one, two = entry("drift_found"), entry("needs_person", 1)
    assert MARKS.note([one.id, two.id]) == MARKS.note([two.id, one.id])
    assert MARKS.note([one.id, two.id]) in told(one, two)
    assert MARKS.note([one.id]) != MARKS.note([two.id])


def test_a_record_to_be_pasted_is_told_whole():
    record = f'a.example: publish TXT "v=spf1 {"include:a.example " * 40}-all"'
    assert record in told(entry("needs_person", detail=record))


def test_a_long_note_is_cut_and_says_so():
    text = told(*(entry("needs_person", n, detail="x" * 900) for n in range(40)))
    assert len(text) < 13_000
    assert "The ledger has all of it." in text


def test_a_result_tells_every_control_with_steps_and_proof():
    operation = Operation(
        id="op",
        kind="reprovision",
        tenant_id=TENANT,
        state="needs_person",
        created_at=NOON,
        controls=(
            ControlOutcome(id="mx", state="compliant", drift=(DRIFT,), steps=(STEP,)),
            ControlOutcome(id="alert-policies", state="needs_person", drift=(DRIFT,), detail="In the portal."),
            ControlOutcome(id="", state="unknown"),
        ),
    )
    text = news.result(operation, [entry("corrected", 3, before={"Enabled": False}, after={"Enabled": True})], MARKS)
    assert text.splitlines() == [
        "The reprovision that this ticket asked for has ended: needs_person.",
        "mx: compliant.",
        "Step: Set-X -Enabled $true ;",
        "Proven by reading again at 2026-11-23 12:03:00 UTC: Enabled: False is now True.",
        "alert-policies: needs_person (In the portal).",
        "Enabled is missing, wanted True.",
        "tenant: unknown.",
        MARKS.note(["op"]),
    ]
