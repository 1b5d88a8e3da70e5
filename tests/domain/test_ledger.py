from dataclasses import replace
from datetime import timedelta

import pytest

from domain.control import Compliant, Unknown
from domain.ledger import Entry, LedgerLine, entry_id, of_first_look, of_missed_looks, of_transition
from domain.states import after_check
from tests.domain.builders import NOW
from tests.domain.test_states import HOUR, NEW, PLAN, look, seen


def test_later_entries_sort_before_earlier_ones():
    assert entry_id(NOW + timedelta(minutes=5), "corrected", "a") < entry_id(NOW, "applying", "z")


def news(before, after):
    return of_transition(before, after, at=NOW, tenant_id="t")


def test_only_news_makes_a_ledger_entry():
    drifted = after_check(NEW, PLAN, look())
    assert (entry := news(NEW, drifted)) and entry.event == "drift_found"
    assert news(drifted, after_check(drifted, PLAN, look())) is None
    assert news(NEW, after_check(NEW, Compliant(), look())) is None
    one, other = (after_check(NEW, Unknown(f"request-id {n}"), look()) for n in (1, 2))
    assert news(one, other) is None
    assert (back := news(drifted, after_check(drifted, Compliant(), look()))) and back.event == "found_compliant"


def test_a_drift_entry_says_when_all_was_well_last():
    good = seen(seen(NEW, Compliant(), 0), Compliant(), 1)
    for judgement, last_good in ((PLAN, NOW + HOUR), (Unknown("x"), NOW + HOUR)):
        entry = news(good, seen(good, judgement, 2))
        assert entry
        assert entry.last_good == last_good


def test_what_a_first_look_finds_as_documented_is_one_entry():
    spf, mx, dkim = (replace(NEW, id=each) for each in ("spf", "mx", "dkim"))
    after = [seen(spf, Compliant(), 0), seen(mx, Unknown("x"), 0), replace(dkim, state="not_applicable", since=NOW)]
    entry = of_first_look([spf, mx, dkim], after, at=NOW, tenant_id="t")
    assert entry
    assert entry.after == {"standing": {"spf": "proven", "dkim": "not_applicable"}}
    assert entry.detail == "spf proven, dkim not applicable"
    assert of_first_look(after, after, at=NOW, tenant_id="t") is None


def test_looks_that_came_too_late_are_one_entry_with_their_lanes():
    entry = of_missed_looks({"fast": NOW - HOUR, "slow": NOW - HOUR}, at=NOW, tenant_id="t")
    assert entry
    assert entry.after == {"since": dict.fromkeys(("fast", "slow"), (NOW - HOUR).isoformat())}
    assert of_missed_looks({}, at=NOW, tenant_id="t") is None


@pytest.mark.parametrize("words", ["drift found", "drift_found", "inbound-lock", "ann@", "third", "a scanner", "7b1f"])
def test_a_line_says_what_stands_in_any_part_of_it(words):
    entry = Entry(
        at=NOW,
        tenant_id="7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4",
        event="drift_found",
        control="inbound-lockdown",
        actor="Ann@msp.example",
        detail="Third floor",
        reason="A scanner",
    )
    assert LedgerLine.of(entry).says(words)
    assert not LedgerLine.of(entry).says(f"{words} elsewhere")
