from dataclasses import replace

from domain.control import (
    Compliant,
    Drift,
    Drifted,
    NeedsPerson,
)
from domain.controls import CATALOGUE
from domain.effects import effects
from domain.facts import Facts
from domain.profile import Profile
from domain.steps import Step
from domain.ways_round import ways_round
from tests.domain.builders import PROVEN, healthy, judge, reading, wanted

FIELD = "*, 65.99.255.0/24: Action"


def items(*rows):
    return healthy() | {
        "Get-TenantAllowBlockListSpoofItems": [*rows, healthy()["Get-TenantAllowBlockListSpoofItems"][1]]
    }


def pair(**fields):
    return healthy()["Get-TenantAllowBlockListSpoofItems"][0] | fields


def test_a_removed_pair_is_added():
    assert judge("spoof-allow", items()) == Drifted(
        (Drift(FIELD, "Allow", None),),
        (
            Step(
                "exchange",
                "New-TenantAllowBlockListSpoofItems",
                {
                    "Identity": "Default",
                    "SpoofedUser": "*",
                    "SendingInfrastructure": "65.99.255.0/24",
                    "SpoofType": "External",
                    "Action": "Allow",
                },
            ),
        ),
    )


def test_a_blocked_pair_is_allowed_in_place():
    assert judge("spoof-allow", items(pair(Identity="9", Action="Block"))) == Drifted(
        (Drift(FIELD, "Allow", "Block"),),
        (
            Step(
                "exchange",
                "Set-TenantAllowBlockListSpoofItems",
                {"Identity": "Default", "Ids": ("9",), "Action": "Allow"},
            ),
        ),
    )


def test_block_beats_allow_so_both_entries_must_allow():
    judgement = judge("spoof-allow", items(pair(), pair(Identity="9", Action="Block")))
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].parameters["Ids"] == ("9",)


def test_an_entry_of_the_other_type_is_another_pair():
    judgement = judge("spoof-allow", items(pair(SpoofType="Internal")))
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].cmdlet == "New-TenantAllowBlockListSpoofItems"


def test_host_bits_make_no_other_pair():
    assert judge("spoof-allow", items(pair(SendingInfrastructure="65.99.255.100/24"))) == Compliant()


def test_pairs_that_others_made_stay():
    theirs = pair(Identity="9", SpoofedUser="contoso.com", SendingInfrastructure="contoso.net", Action="Block")
    rows = healthy()
    rows["Get-TenantAllowBlockListSpoofItems"].append(theirs)
    assert judge("spoof-allow", rows) == Compliant()


FORMER = "203.0.113.0/24"


def moved(**inventory):
    """A tenant whose profile named another range until a wave moved it."""
    known = wanted()
    spoof_allow = known.profile.model_dump()["spoof_allow"] | {"networks": [FORMER, "206.125.40.0/24"]}
    other = Profile.model_validate(known.profile.model_dump(exclude_unset=True) | {"spoof_allow": spoof_allow})
    return replace(known, others=(other,), inventory=replace(PROVEN, **inventory))


def with_former(**fields):
    rows = healthy()
    rows["Get-TenantAllowBlockListSpoofItems"].append(pair(Identity="9", SendingInfrastructure=FORMER) | fields)
    return Facts(reading(rows))


def test_the_pair_of_a_range_that_another_version_names_is_taken_off_by_its_control_and_is_no_way_round():
    control = CATALOGUE["spoof-allow"]
    judged = control.find(with_former(), moved())
    assert isinstance(judged, Drifted)
    [step] = judged.steps
    assert (step.cmdlet, step.parameters["Ids"]) == ("Remove-TenantAllowBlockListSpoofItems", ("9",))
    found = {each.field: each.found for each in judged.drift}
    assert found == {
        f"*, {FORMER}: SpoofedUser": "*",
        f"*, {FORMER}: SendingInfrastructure": FORMER,
        f"*, {FORMER}: SpoofType": "External",
        f"*, {FORMER}: Action": "Allow",
    }
    [did] = effects((step,), with_former(), moved())
    assert (did.closing, did.opening) == ((), ())
    assert ways_round(with_former(), moved()) == ()
    after = control.find(Facts(reading(healthy())), moved())
    assert isinstance(after, Compliant)
    assert found.keys() <= after.equal


def test_at_first_sight_such_a_pair_is_a_finding_until_a_person_has_it_removed():
    control = CATALOGUE["spoof-allow"]
    judged = control.find(with_former(), moved(settled=frozenset()))
    assert isinstance(judged, NeedsPerson)
    [finding] = judged.findings
    assert (finding.name, finding.value) == (f"*, {FORMER}", "Action: Allow")
    removed = control.find(with_former(), moved(settled=frozenset(), unwanted=frozenset({finding.id})))
    assert isinstance(removed, Drifted)
    assert [step.removes for step in removed.steps] == [(finding.id,)]


def test_a_pair_of_another_user_or_of_a_profile_without_pairs_is_a_way_round_as_any():
    assert [way.finding.name for way in ways_round(with_former(SpoofedUser="x.example"), moved())]
    unlisted = moved()
    bare = Profile.model_validate(unlisted.profile.model_dump(exclude_unset=True, exclude={"spoof_allow"}))
    assert f"spoofed sender *, {FORMER}" in {
        way.finding.name for way in ways_round(with_former(), replace(unlisted, profile=bare))
    }
