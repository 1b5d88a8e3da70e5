from datetime import timedelta

from domain.control import Drift
from domain.leaving import to_put_back
from domain.ledger import Entry, LedgerEvent
from tests.domain.builders import NOW, TENANT_ID

_TIMES = iter(range(1000))


def entry(control: str, *fields: str, event: LedgerEvent = "corrected", of: str = "") -> Entry:
    drift = tuple(Drift(field, wanted=True, found=False) for field in fields)
    at = NOW + timedelta(minutes=next(_TIMES))
    return Entry(at=at, tenant_id=TENANT_ID, control=control, event=event, drift=drift, of=of)


def test_what_watches_comes_back_before_what_believes_the_filter_and_its_way_out_last():
    exit_, rule, pair, watch, lock = (
        entry(each, "x") for each in ("oof-connector", "oof-rule", "spoof-allow", "spoof-intelligence", "spf")
    )
    assert to_put_back([exit_, rule, pair, watch, lock]) == (watch, pair, rule, exit_)


def test_of_each_field_the_first_correction_counts_and_the_newest_is_undone_first():
    made, again = entry("oof-rule", "Name"), entry("oof-rule", "Name")
    other = entry("oof-rule", "Mode", "Name")
    assert to_put_back([made, again, other]) == (other, made)


def test_what_was_undone_is_not_undone_again():
    made = entry("oof-rule", "Name")
    assert to_put_back([made, entry("oof-rule", event="undone", of=made.id)]) == ()
