"""What an MSP says about its ticket system, and what makes no sense there."""

import pytest
from pydantic import ValidationError

from domain.psa.desk import Closing, Desk, Trigger


def test_ids_may_be_written_as_numbers():
    assert Trigger.model_validate({"action": "check", "container": 37, "statuses": [512]}).statuses == ("512",)


def test_a_trigger_is_named_by_what_it_says():
    trigger = {"action": "check", "statuses": ["1"]}
    assert Trigger.model_validate(trigger).name == Trigger.model_validate(trigger).name
    assert Trigger.model_validate(trigger).name != Trigger.model_validate(trigger | {"type": "2"}).name


WRONG = {
    "approval_without_knowing_ourselves": ({"approval": {"words": ["approved"]}}, "own_user"),
    "a_status_of_ours_that_approves": (
        {"own_user": "api", "outcomes": {"ok": "530"}, "approval": {"statuses": ["530"]}},
        "approval.statuses: 530",
    ),
    "an_outcome_that_asks_again": (
        {"triggers": [{"action": "check", "statuses": ["512"]}], "outcomes": {"ok": "512"}},
        "status 512 is also a trigger",
    ),
    "reopening_to_nothing": ({"closing": {"reopen_days": 1}}, "reopen_status"),
    "a_trigger_without_status": ({"triggers": [{"action": "check", "statuses": []}]}, "statuses"),
    "a_stranger": ({"priority": "1"}, "priority"),
}


@pytest.mark.parametrize(("desk", "named"), WRONG.values(), ids=list(WRONG))
def test_what_makes_no_sense_is_named(desk, named):
    with pytest.raises(ValidationError, match=named):
        Desk.model_validate(desk)


def test_approval_and_reopening_as_they_should_be():
    desk = Desk.model_validate({"own_user": "api", "approval": {"statuses": ["513"]}, "closing": {"status": "530"}})
    assert desk.approval.statuses == ("513",)
    assert Closing(reopen_days=2, reopen_status="512").reopen_days == 2
    assert Desk().approval.words == ()
