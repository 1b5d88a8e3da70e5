from datetime import timedelta

from domain.control import Compliant, Unknown
from domain.ledger import entry_id, of_transition
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
    for judgement, last_good in ((PLAN, NOW + HOUR), (Unknown("x"), None)):
        entry = news(good, seen(good, judgement, 2))
        assert entry
        assert entry.last_good == last_good
