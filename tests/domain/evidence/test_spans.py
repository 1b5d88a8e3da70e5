"""For how long a control was proven: between good looks that are near enough, and never longer."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.evidence.spans import Stretch, standing_of, stretches
from domain.ledger import Entry
from domain.states import Span
from tests.domain.builders import NOW, TENANT_ID

DAY = Span(NOW, NOW + timedelta(hours=24))


def hour(number):
    return NOW + timedelta(hours=number)


def entry(at, event, control="spf", *, good=None, **fields):
    last_good = hour(good) if good is not None else None
    return Entry(at=hour(at), tenant_id=TENANT_ID, control=control, event=event, last_good=last_good, **fields)


def first(at, **standing):
    return entry(at, "first_look", "", after={"standing": standing})


def told(*entries, proofs=(), lane="slow"):
    spans = stretches("spf", lane, entries, DAY, [Span(hour(a), hour(b)) for a, b in proofs])
    return [
        (each.standing, (each.start - NOW) / timedelta(hours=1), (each.end - NOW) / timedelta(hours=1))
        for each in spans
    ]


def test_what_was_proven_before_and_is_still_is_proven_until_its_last_good_look():
    assert told(first(-5, spf="proven"), proofs=[(-5, 23)]) == [("proven", 0, 23), ("unknown", 23, 24)]
    assert told(first(-5, spf="proven"), proofs=[(-5, 30)]) == [("proven", 0, 24)]


def test_what_nobody_knows_is_unknown():
    assert told() == [("unknown", 0, 24)]
    assert told(first(3, mx="proven"), entry(4, "drift_found", "mx")) == [("unknown", 0, 24)]


def test_between_the_last_good_look_and_the_drift_nothing_is_known():
    found = told(first(-1, spf="proven"), entry(10, "drift_found", good=9), entry(12, "corrected"), proofs=[(12, 24)])
    assert found == [("proven", 0, 9), ("unknown", 9, 10), ("drifted", 10, 12), ("proven", 12, 24)]


def test_an_entry_that_names_no_good_look_proves_nothing_before_it():
    assert told(first(-1, spf="proven"), entry(10, "unreadable")) == [("unknown", 0, 24)]


@pytest.mark.parametrize(
    ("event", "standing"),
    [("held", "held"), ("awaiting_approval", "held"), ("needs_person", "held"), ("excepted", "held"),
     ("applying", "drifted"), ("unreadable", "unknown"), ("not_applicable", "not_applicable")],
)  # fmt: skip
def test_all_else_is_what_the_state_said(event, standing):
    assert told(entry(-2, event)) == [(standing, 0, 24)]


def test_what_nobody_looked_at_is_not_proven_and_stays_what_it_was_otherwise():
    gap = entry(8, "not_looked", "", after={"since": {"slow": hour(6).isoformat()}})
    assert told(first(-1, spf="proven"), gap, proofs=[(-1, 24)]) == [
        ("proven", 0, 6),
        ("unknown", 6, 8),
        ("proven", 8, 24),
    ]
    assert told(entry(-1, "held"), gap) == [("held", 0, 24)]
    assert told(first(-1, spf="proven"), gap, proofs=[(-1, 24)], lane="fast") == [("proven", 0, 24)]


def test_of_the_time_without_a_word_in_the_ledger_the_state_remembers_what_was_proven():
    assert told(entry(20, "drift_found", good=19), proofs=[(2, 6), (8, 19)]) == [
        ("unknown", 0, 2),
        ("proven", 2, 6),
        ("unknown", 6, 8),
        ("proven", 8, 19),
        ("unknown", 19, 20),
        ("drifted", 20, 24),
    ]
    assert told(proofs=[(-9, 3), (2, 4), (30, 40)]) == [("proven", 0, 4), ("unknown", 4, 24)]


def test_the_last_evidence_says_how_a_control_stood_when_the_month_began():
    made = entry(-1, "evidence_made", "evidence-2026-10", after={"standing": {"spf": "held", "mx": "odd"}})
    assert told(made) == [("held", 0, 24)]
    assert told(entry(-1, "first_look", "", after={"standing": "odd"})) == [("unknown", 0, 24)]
    assert told(entry(-1, "first_look", "", after={"standing": {"spf": "odd"}})) == [("unknown", 0, 24)]


NOVEMBER = Span(NOW.replace(day=1, hour=0), NOW.replace(day=1, hour=0) + timedelta(days=30))


def through_november(*entries, proven_from=0):
    """As `told`, in days since the month began."""
    day = timedelta(days=1)
    remembered = Span(NOVEMBER.start + proven_from * day, NOVEMBER.end)
    spans = stretches("spf", "slow", entries, NOVEMBER, [remembered])
    return [(each.standing, (each.start - NOVEMBER.start) / day, (each.end - NOVEMBER.start) / day) for each in spans]


def november(day, event, control="spf", *, good=None, **fields):
    last_good = NOVEMBER.start + timedelta(days=good) if good is not None else None
    at = NOVEMBER.start + timedelta(days=day)
    return Entry(at=at, tenant_id=TENANT_ID, control=control, event=event, last_good=last_good, **fields)


def evidence(day, month, standing):
    return november(day, "evidence_made", f"evidence-{month}", after={"standing": {"spf": standing}})


def test_evidence_of_an_old_month_says_nothing_of_the_day_on_which_it_is_made():
    held, late, fixed = november(10, "held", good=9), evidence(20, "2026-09", "proven"), november(25, "found_compliant")
    assert through_november(held, late, fixed) == [
        ("proven", 0, 9),
        ("unknown", 9, 10),
        ("held", 10, 25),
        ("proven", 25, 30),
    ]
    # From July's end on the ledger was not read whole: what came between is not known.
    old, fixed = evidence(20, "2026-07", "proven"), november(25, "found_compliant")
    assert through_november(old, fixed, proven_from=25) == [("unknown", 0, 25), ("proven", 25, 30)]


def test_evidence_that_is_made_while_something_drifts_hides_no_drift():
    drifted, fixed = november(0.1, "drift_found", good=0.05), november(0.3, "corrected")
    proven = [("proven", 0, 0.05), ("unknown", 0.05, 0.1), ("drifted", 0.1, 0.3), ("proven", 0.3, 30)]
    assert through_november(drifted, evidence(0.2, "2026-10", "proven"), fixed) == proven
    at_once = november(0, "drift_found", good=0)
    assert through_november(at_once, evidence(0.2, "2026-10", "proven"), fixed)[0] == ("drifted", 0, 0.3)


def test_a_first_look_after_a_proof_ends_it_where_the_looks_ended():
    before, again = first(-5, spf="proven"), first(12, spf="proven")
    assert told(before, again, proofs=[(12, 24)]) == [("unknown", 0, 12), ("proven", 12, 24)]
    for at in (12, 13):  # a look at one control may come before the lane's
        gap = entry(at, "not_looked", "", after={"since": {"slow": hour(4).isoformat()}})
        assert told(before, again, gap, proofs=[(12, 24)]) == [("proven", 0, 4), ("unknown", 4, at), ("proven", at, 24)]


def test_what_comes_after_the_window_says_that_it_held_until_then():
    assert told(first(-1, spf="proven"), entry(30, "drift_found", good=29)) == [("proven", 0, 24)]
    assert told(first(40, spf="proven")) == [("unknown", 0, 24)]


def test_each_state_has_its_standing():
    assert (standing_of("correcting"), standing_of("compliant")) == ("drifted", "proven")


EVENTS = st.sampled_from(
    ["drift_found", "corrected", "unreadable", "held", "found_compliant", "not_looked", "first_look"]
)
ENTRIES = st.lists(
    st.tuples(st.integers(-10, 40), EVENTS, st.integers(0, 5)), max_size=8, unique_by=lambda each: each[0]
)


@given(ENTRIES, st.lists(st.tuples(st.integers(-10, 30), st.integers(1, 20)), max_size=3))
def test_the_stretches_fill_the_window_and_prove_nothing_that_nobody_looked_at(drawn, spans):
    entries = [
        entry(
            at,
            event,
            "" if event in {"not_looked", "first_look"} else "spf",
            good=at - back,
            after={"since": {"slow": hour(at - back).isoformat()}}
            if event == "not_looked"
            else {"standing": {"spf": "proven"}},
        )
        for at, event, back in sorted(drawn)
    ]
    proofs = [Span(hour(at), hour(at + length)) for at, length in spans]
    found = stretches("spf", "slow", entries, DAY, proofs)
    assert found[0].start == DAY.start
    assert found[-1].end == DAY.end
    for before, after in pairwise(found):
        assert before.end == after.start
        assert before.standing != after.standing
    for each in entries:
        if each.event == "not_looked":
            assert not any(overlap(part, each.last_good, each.at) for part in found if part.standing == "proven")


def overlap(part: Stretch, start, end):
    return max(part.start, start) < min(part.end, end)
