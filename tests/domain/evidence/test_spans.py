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
