from domain.control import Compliant, Drift, Drifted, NotApplicable
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
