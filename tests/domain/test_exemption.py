from datetime import timedelta

import pytest

from domain.control import Compliant, NeedsPerson, Unknown
from domain.controls import CATALOGUE
from domain.exemption import Exemption
from domain.states import ControlState, Look, after_check, wants_remedy
from tests.domain.builders import NOW
from tests.domain.test_gate import PLAN

UNTIL = Exemption(reason="test lab", owner="Ann", until=NOW + timedelta(hours=1))
NEW = ControlState(id="oof-rule")


def look(minutes: float = 0) -> Look:
    return Look(CATALOGUE["oof-rule"], "correct", NOW, NOW + timedelta(minutes=minutes), exemption=UNTIL)


@pytest.mark.parametrize("judgement", [PLAN, NeedsPerson("do this", PLAN.drift)], ids=str)
def test_accepted_drift_is_shown_and_asks_for_nothing(judgement):
    state = after_check(NEW, judgement, look())
    assert (state.state, state.detail) == ("excepted", UNTIL.sentence)
    assert state.drift
    assert not wants_remedy(state, "correct")
    assert after_check(state, judgement, look(5)).since == state.since == NOW


@pytest.mark.parametrize(("minutes", "state"), [(59.9, "excepted"), (60, "drifted")])
def test_it_ends_at_its_date(minutes, state):
    assert after_check(after_check(NEW, PLAN, look()), PLAN, look(minutes)).state == state


@pytest.mark.parametrize(
    ("judgement", "state"), [(Compliant(), "compliant"), (Unknown("no answer"), "unknown")], ids=str
)
def test_nothing_but_drift_is_accepted(judgement, state):
    assert after_check(NEW, judgement, look()).state == state
