import pytest

from domain.control import Compliant, Drift, Drifted, NeedsPerson, Unknown
from domain.steps import Step
from tests.domain.builders import healthy, judge

DEFAULT = "Office365 AntiPhish Default"
CUSTOM = {"Identity": "Sales", "Name": "Sales", "IsDefault": False, "EnableSpoofIntelligence": True}
STRICT = CUSTOM | {"Identity": "Strict 1", "Name": "Strict 1", "RecommendedPolicyType": "Strict"}
STANDARD = CUSTOM | {"Identity": "Standard 1", "Name": "Standard 1", "RecommendedPolicyType": "Standard"}


def tenant(*policies, custom=(), presets=()):
    rows = healthy()
    rows["Get-AntiPhishPolicy"] += policies
    rows["Get-AntiPhishRule"] = list(custom)
    rows["Get-EOPProtectionPolicyRule"] = list(presets)
    return rows


def rule(policy, *, state="Enabled", priority=0, **conditions):
    return {"Name": f"rule of {policy}", "State": state, "AntiPhishPolicy": policy, "Priority": priority} | conditions


def test_the_default_policy_is_switched_off():
    rows = healthy()
    rows["Get-AntiPhishPolicy"][0]["EnableSpoofIntelligence"] = True
    assert judge("spoof-intelligence", rows) == Drifted(
        (Drift(f"{DEFAULT}: EnableSpoofIntelligence", wanted=False, found=True),),
        (Step("exchange", "Set-AntiPhishPolicy", {"Identity": DEFAULT, "EnableSpoofIntelligence": False}),),
    )


def test_the_policy_that_the_tenant_names_is_the_one_that_is_switched_off():
    rows = tenant(CUSTOM, custom=[rule("Sales")])
    judgement = judge("spoof-intelligence", rows, overrides={"spoof_intelligence": {"policies": ["sales"]}})
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].parameters["Identity"] == "Sales"


def test_a_named_policy_that_does_not_exist_is_told():
    judgement = judge("spoof-intelligence", healthy(), overrides={"spoof_intelligence": {"policies": ["Nope"]}})
    assert isinstance(judgement, NeedsPerson)
    assert "there is no anti-phish policy 'nope'" in judgement.todo


def test_a_tenant_without_a_default_policy_is_told():
    rows = healthy()
    rows["Get-AntiPhishPolicy"][0]["IsDefault"] = False
    assert isinstance(judge("spoof-intelligence", rows), NeedsPerson)


WINS = {
    "custom_for_everyone": tenant(CUSTOM, custom=[rule("Sales")]),
    "custom_for_the_domain": tenant(CUSTOM, custom=[rule("Sales", RecipientDomainIs=["northwindlegal.example"])]),
    "custom_for_one_person": tenant(CUSTOM, custom=[rule("Sales", SentTo=["a@northwindlegal.example"])]),
    "custom_for_a_group": tenant(CUSTOM, custom=[rule("Sales", SentToMemberOf=["everyone"])]),
    "standard_preset": tenant(STANDARD, presets=[rule("Standard 1")]),
    "strict_before_standard": tenant(STANDARD, STRICT, presets=[rule("Standard 1"), rule("Strict 1", SentTo=["a@northwindlegal.example"])]),
}  # fmt: skip


@pytest.mark.parametrize("rows", WINS.values(), ids=list(WINS))
def test_a_policy_that_comes_first_is_named_and_not_written(rows):
    judgement = judge("spoof-intelligence", rows)
    assert isinstance(judgement, NeedsPerson)
    assert "overridden by" in judgement.todo
    assert all("EnableSpoofIntelligence" in drift.field for drift in judgement.drift)


LOSES = {
    "switched_off_rule": tenant(CUSTOM, custom=[rule("Sales", state="Disabled")]),
    "another_domain": tenant(CUSTOM, custom=[rule("Sales", RecipientDomainIs=["other.example"])]),
    "a_person_elsewhere": tenant(CUSTOM, custom=[rule("Sales", SentTo=["a@other.example"])]),
    "the_domain_is_excepted": tenant(CUSTOM, custom=[rule("Sales", ExceptIfRecipientDomainIs=["northwindlegal.example"])]),
    "behind_one_that_is_off": tenant(
        CUSTOM,
        CUSTOM | {"Identity": "All", "Name": "All", "EnableSpoofIntelligence": False},
        custom=[rule("Sales", priority=1), rule("All", priority=0)],
    ),
    "its_policy_is_gone_and_so_are_its_people": tenant(custom=[rule("Sales", SentTo=["a@other.example"])]),
}  # fmt: skip


@pytest.mark.parametrize("rows", LOSES.values(), ids=list(LOSES))
def test_a_policy_that_reaches_nobody_here_does_not_count(rows):
    assert judge("spoof-intelligence", rows) == Compliant()


UNLISTED = {
    "a_preset": tenant(CUSTOM, custom=[rule("All")], presets=[rule("Standard 1")]),
    "a_preset_that_names_none": tenant(presets=[rule("Standard 1") | {"AntiPhishPolicy": None}]),
    "perhaps_the_strict_preset": tenant(STANDARD, presets=[rule("Standard 1"), rule("Strict 1")]),
    "a_custom_one": tenant(custom=[rule("Sales")]),
    "for_one_person": tenant(custom=[rule("Sales", SentTo=["a@northwindlegal.example"])]),
}


@pytest.mark.parametrize("rows", UNLISTED.values(), ids=list(UNLISTED))
def test_a_rule_whose_policy_is_not_listed_hides_what_its_people_get(rows):
    judgement = judge("spoof-intelligence", rows)
    assert isinstance(judgement, Unknown)
    assert "is not listed" in judgement.reason
    assert "remove rule 'rule of S" in judgement.remedy


def test_a_rule_whose_policy_is_not_listed_keeps_no_documented_policy_from_being_switched_off():
    rows = tenant(custom=[rule("Sales")])
    rows["Get-AntiPhishPolicy"][0]["EnableSpoofIntelligence"] = True
    assert isinstance(judge("spoof-intelligence", rows), Drifted)


@pytest.mark.parametrize(
    "conditions",
    [{"SentTo": ["A@fa\u00df.example"]}, {"RecipientDomainIs": ["xn--fa-hia.example"]}],
)
def test_a_rule_for_an_international_domain_is_known_in_either_spelling(conditions):
    rows = tenant(CUSTOM, custom=[rule("Sales", **conditions)])
    assert judge("spoof-intelligence", rows) == Compliant()
    rows["Get-AcceptedDomain"].append({"DomainName": "Fa\u00df.example", "DomainType": "Authoritative"})
    assert isinstance(judge("spoof-intelligence", rows), NeedsPerson)


def test_excepted_people_fall_through_to_the_next_policy():
    off = CUSTOM | {"Identity": "All", "Name": "All", "EnableSpoofIntelligence": False}
    rows = tenant(
        CUSTOM, off, custom=[rule("All", ExceptIfSentTo=["a@northwindlegal.example"]), rule("Sales", priority=1)]
    )
    assert isinstance(judge("spoof-intelligence", rows), NeedsPerson)
