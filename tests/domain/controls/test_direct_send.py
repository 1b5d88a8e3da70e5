"""Direct Send: told, never written, and only where the profile or the tenant's overrides say what is wanted."""

import pytest

from clients.profiles import all_profiles
from domain.control import (
    Compliant,
    Drift,
    NeedsPerson,
    NotApplicable,
    Unknown,
)
from domain.controls import CATALOGUE
from domain.facts import Facts
from domain.tenant import Wanted
from simulator.world import World
from tests.domain.builders import NOW, healthy, judge, wanted

GET = "Get-OrganizationConfig"
REFUSE = {"direct_send": {"reject": True}}


def rows(*found):
    organization = {"Identity": "northwindlegal.onmicrosoft.com"}
    return healthy() | {GET: [organization | {"RejectDirectSend": value} for value in found]}


def test_the_shipped_guide_says_nothing_of_it_so_it_does_not_apply():
    shipped = Wanted(wanted().tenant, all_profiles().newest["exchangedefender"])
    assert isinstance(CATALOGUE["direct-send"].find(Facts({}), shipped), NotApplicable)


def test_as_the_overrides_want_it_is_compliant():
    assert judge("direct-send", rows(True), overrides=REFUSE) == Compliant()


@pytest.mark.parametrize("found", [False, None])
def test_what_differs_or_was_never_set_is_told_to_a_person_and_not_written(found):
    judgement = judge("direct-send", rows(found), overrides=REFUSE)
    assert isinstance(judgement, NeedsPerson)
    assert judgement.drift == (Drift("RejectDirectSend", wanted=True, found=found),)
    assert "Set-OrganizationConfig -RejectDirectSend" in judgement.todo


def test_two_organisations_in_one_answer_are_no_verdict():
    assert isinstance(
        judge("direct-send", healthy() | {GET: [*rows(True)[GET], {"Identity": "x", "RejectDirectSend": True}]}),
        Unknown,
    )


@pytest.mark.parametrize(
    "nothing", [{}, {"RejectDirectSend": None}, {"RejectDirectSend": []}, {"RejectDirectSend": ""}]
)
def test_a_setting_that_nobody_made_is_neither_on_nor_off_however_that_is_printed(nothing):
    judgement = judge("direct-send", healthy() | {GET: [{"Identity": "x"} | nothing]})
    assert isinstance(judgement, NeedsPerson)
    assert [(each.field, each.found) for each in judgement.drift] == [("RejectDirectSend", None)]


def test_it_is_read_in_the_slow_lane_and_writes_nothing():
    assert CATALOGUE["direct-send"].lane == "slow"
    assert not any(kind.writing for kind in CATALOGUE["direct-send"].about)


def test_what_a_person_sets_is_what_the_simulated_organisation_shows():
    tenant = World(clock=lambda: NOW).add_tenant("contoso.example")
    assert tenant.admin(GET)[0]["RejectDirectSend"] is False
    tenant.admin("Set-OrganizationConfig", RejectDirectSend=True)
    assert tenant.admin(GET)[0]["RejectDirectSend"] is True
