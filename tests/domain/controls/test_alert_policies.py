import pytest

from domain.control import Compliant, Drift, Drifted, NotApplicable, Unknown
from domain.steps import Step
from tests.domain.builders import healthy, judge


def test_an_alert_policy_that_was_switched_on_is_switched_off_by_its_listed_name():
    rows = healthy()
    rows["Get-ProtectionAlert"][0]["Disabled"] = False
    name = "Phish delivered due to an ETR override\u200b"
    assert judge("alert-policies", rows) == Drifted(
        (Drift(f"{name}: Disabled", wanted=True, found=False),),
        (Step("compliance", "Set-ProtectionAlert", {"Identity": name, "Disabled": True}),),
    )


def test_one_policy_alone_is_enough_to_judge():
    rows = healthy()
    del rows["Get-ProtectionAlert"][1]
    assert judge("alert-policies", rows) == Compliant()


def test_a_plan_without_these_policies_is_not_concerned():
    rows = healthy()
    del rows["Get-ProtectionAlert"][:2]
    assert isinstance(judge("alert-policies", rows), NotApplicable)


ETR, IP = "Phish delivered due to an ETR override\u200b", "Phish delivered due to an IP allow policy"
ODD = "Get-ProtectionAlert returned an odd object: ProtectionAlert.Disabled: Field required"


@pytest.mark.parametrize("odd", [ETR, "Suspicious connector activity"])
def test_a_policy_that_is_odd_hides_itself_alone(odd):
    rows = healthy()
    rows["Get-ProtectionAlert"][1]["Disabled"] = False
    rows["Get-ProtectionAlert"] = [{"Name": odd} if row["Name"] == odd else row for row in rows["Get-ProtectionAlert"]]
    judgement = judge("alert-policies", rows)
    assert isinstance(judgement, Drifted)
    assert [step.parameters["Identity"] for step in judgement.steps] == [IP]
    assert (judgement.detail, judgement.unseen) == (f"{odd}: {ODD}", (odd,))

    rows["Get-ProtectionAlert"][1]["Disabled"] = True
    assert judge("alert-policies", rows) == Unknown(f"{odd}: {ODD}")


def test_a_policy_that_does_not_say_its_name_may_be_any():
    rows = healthy()
    rows["Get-ProtectionAlert"][1] = {"Name": IP, "Disabled": False}
    rows["Get-ProtectionAlert"][2] = {"Disabled": False}
    assert isinstance(judge("alert-policies", rows), Unknown)
    del rows["Get-ProtectionAlert"][:2]
    assert isinstance(judge("alert-policies", rows), Unknown)
