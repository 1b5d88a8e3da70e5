from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BadField
from domain.exemption import LONGEST_ACCEPTED, LONGEST_REASON, Exemption, refuse_end

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(days=365), LONGEST_ACCEPTED])
def test_a_person_answers_until_a_time_within_a_year(ahead):
    refuse_end(NOW + ahead, NOW)


@pytest.mark.parametrize("ahead", [timedelta(0), -timedelta(days=1), LONGEST_ACCEPTED + timedelta(seconds=1)])
def test_neither_the_past_nor_what_is_further_ahead_is_an_end(ahead):
    with pytest.raises(BadField, match=r"body\.until: should be"):
        refuse_end(NOW + ahead, NOW)


OPENED = Exemption(reason="held open", owner="bob", until=NOW + timedelta(hours=4))


@pytest.mark.parametrize("earlier", [None, Exemption(reason="x", owner="ann", until=OPENED.until)])
def test_what_ends_no_later_leaves_nothing_behind(earlier):
    assert OPENED.over(earlier) == OPENED


def test_what_was_accepted_for_longer_ends_no_sooner_and_keeps_its_reason():
    longer = Exemption(reason="migration", owner="ann", until=NOW + timedelta(days=90))
    over = OPENED.over(longer)
    assert (over.owner, over.until) == ("bob", longer.until)
    assert over.reason == f"held open until {OPENED.until.isoformat()}, and not put back then: {longer.sentence}"


def test_reasons_that_pile_up_have_an_end():
    pile = Exemption(reason="migration", owner="ann", until=NOW + timedelta(days=90))
    for _ in range(200):
        pile = OPENED.over(pile)
    assert len(pile.reason) == LONGEST_REASON


def test_what_takes_the_place_of_a_hold_does_not_end_it():
    held = Exemption(reason="outage", owner="bob", until=OPENED.until, held_open_until=OPENED.until)
    undo = Exemption(reason="undo", owner="ann", until=NOW + timedelta(days=30))
    assert undo.over(held).model_dump() == undo.model_dump() | {"held_open_until": held.until}
    assert held.over(undo).held_open_until == held.until
    assert "held_open_until" not in undo.model_dump()


HELD = Exemption(reason="outage", owner="bob", until=NOW + timedelta(days=1), held_open_until=OPENED.until)


@pytest.mark.parametrize("until", [OPENED.until, NOW + timedelta(days=30)])
def test_what_a_person_accepts_instead_of_a_hold_keeps_it(until):
    wish = Exemption(reason="migration", owner="ann", until=until)
    assert wish.instead_of(HELD, NOW).model_dump() == wish.model_dump() | {"held_open_until": OPENED.until}


def test_nor_does_it_end_before_the_hold():
    wish = Exemption(reason="migration", owner="ann", until=OPENED.until - timedelta(seconds=1))
    with pytest.raises(BadField, match=r"body\.until: should not be before that, as a person holds mail open until"):
        wish.instead_of(HELD, NOW)


@pytest.mark.parametrize("earlier", [None, OPENED, HELD])
def test_where_nothing_is_held_open_any_more_it_stands_alone(earlier):
    wish = Exemption(reason="migration", owner="ann", until=NOW + timedelta(hours=5))
    assert wish.instead_of(earlier, OPENED.until) == wish
