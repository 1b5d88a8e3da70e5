from domain.control import Compliant, Drift, Drifted
from domain.steps import Step
from tests.domain.builders import healthy, judge

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
