import pytest

from domain.mail import dmarc
from domain.mail.answers import Question
from domain.mail.asking import NoVerdict
from tests.domain.mail.zones import settle, txt, unclear

OWN = "mail.contoso.example"


def zone(**records):
    """Records by name, dots written as two underscores."""
    return {(f"_dmarc.{name.replace('__', '.')}", "TXT"): txt(record) for name, record in records.items()}


def walk(listed, domain=OWN, asked=None):
    return settle(lambda answers: dmarc.walk(domain, answers), listed, asked)


def test_a_domains_own_record_applies():
    asked: list[Question] = []
    found = walk(zone(mail__contoso__example="v=DMARC1; p=reject; sp=none", example="v=DMARC1; p=none"), asked=asked)
    assert isinstance(found, dmarc.Found)
    assert (found.at, found.record.text) == (OWN, "v=DMARC1; p=reject; sp=none")
    assert asked == [Question(f"_dmarc.{OWN}", "TXT")]


def test_a_sub_domain_inherits_the_record_of_its_organisation():
    found = walk(zone(contoso__example="v=DMARC1; p=reject; sp=quarantine"))
    assert isinstance(found, dmarc.Found)
    assert found.at == "contoso.example"


WALKS = [
    ({"b__c__example": "v=DMARC1", "c__example": "v=DMARC1"}, "c.example"),
    ({"b__c__example": "v=DMARC1; psd=n", "c__example": "v=DMARC1"}, "b.c.example"),
    ({"c__example": "v=DMARC1", "example": "v=DMARC1; psd=y"}, "c.example"),
    ({"b__c__example": "v=DMARC1", "example": "v=DMARC1; psd=y"}, "example"),
    ({"example": "v=DMARC1; psd=y"}, "example"),
    ({"b__c__example": "v=DMARC1; psd=y"}, "b.c.example"),
    ({"example": "v=DMARC1"}, "example"),
    ({"c__example": "v=DMARC1; psd=u", "example": "nothing"}, "c.example"),
]


@pytest.mark.parametrize(("records", "at"), WALKS)
def test_the_walk_ends_at_the_organisation_or_its_registry(records, at):
    found = walk(zone(**records), "a.b.c.example")
    assert isinstance(found, dmarc.Found)
    assert found.at == at


def test_all_parents_are_asked_for_in_one_round_single_labels_too():
    asked: list[Question] = []
    assert isinstance(walk({}, "a.b.example", asked), dmarc.NoRecord)
    assert [question.name for question in asked] == ["_dmarc.a.b.example", "_dmarc.b.example", "_dmarc.example"]


@pytest.mark.parametrize(("labels", "queries"), [(7, 7), (8, 8), (9, 8), (30, 8)])
def test_a_long_name_jumps_to_its_last_seven_labels(labels, queries):
    asked: list[Question] = []
    name = ".".join(["x"] * labels)
    walk({}, name, asked)
    assert len(asked) == queries
    assert asked[0].name == f"_dmarc.{name}"
    assert asked[1].name.count(".") == min(labels - 1, 7)


@pytest.mark.parametrize(
    "texts", [("v=DMARC1; p=reject", "v=DMARC1; p=quarantine"), ("v=DMARC1 p=reject",)], ids=["several", "lookalike"]
)
def test_an_organisations_record_that_does_not_count_stands_in_the_way_of_a_sub_domains_own(texts):
    found = walk({("_dmarc.contoso.example", "TXT"): txt(*texts)})
    assert isinstance(found, dmarc.NoRecord)
    assert [remark.where for remark in found.remarks] == ["contoso.example"]


def test_several_records_count_as_none_and_stand_in_the_way_of_a_first_one():
    found = walk({(f"_dmarc.{OWN}", "TXT"): txt("v=DMARC1; p=none", "v=DMARC1; p=reject")})
    assert isinstance(found, dmarc.NoRecord)
    assert [remark.id for remark in found.remarks] == ["several-records"]


def test_what_was_meant_to_be_a_record_stands_in_the_way_of_a_first_one():
    found = walk({(f"_dmarc.{OWN}", "TXT"): txt("v=dmarc1; p=reject")})
    assert isinstance(found, dmarc.NoRecord)
    assert [remark.id for remark in found.remarks] == ["looks-like-dmarc"]


def test_nothing_stands_in_the_way_where_there_is_nothing_or_something_else():
    assert walk({}) == dmarc.NoRecord(())
    assert walk({(f"_dmarc.{OWN}", "TXT"): txt("hello")}) == dmarc.NoRecord(())


@pytest.mark.parametrize("name", [OWN, "contoso.example", "example"])
def test_an_unclear_answer_on_the_way_leaves_no_verdict(name):
    found = walk({(f"_dmarc.{name}", "TXT"): unclear("time-out")})
    assert found == NoVerdict(f"TXT of _dmarc.{name}: time-out")


def test_an_unclear_answer_beyond_a_boundary_does_not_matter():
    found = walk(zone(contoso__example="v=DMARC1; psd=n") | {("_dmarc.example", "TXT"): unclear()})
    assert isinstance(found, dmarc.Found)


@pytest.mark.parametrize("domain", ["a..example", "x." * 124 + "example"])
def test_what_cannot_have_a_record_is_a_value_error(domain):
    with pytest.raises(ValueError, match=r"empty label|at most 253"):
        dmarc.walk(domain, {})
