"""RFC 9989: records, the tree walk, and what must never become weaker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mail import dmarc
from domain.mail.answers import Question, Txt
from domain.mail.asking import Needs, Unknown
from tests.domain.mail.zones import settle, txt, unclear

OWN = "mail.contoso.example"


def zone(**records):
    """Records by name, dots written as two underscores."""
    return {(f"_dmarc.{name.replace('__', '.')}", "TXT"): txt(record) for name, record in records.items()}


def walk(listed, domain=OWN, asked=None):
    return settle(lambda answers: dmarc.walk(domain, answers), listed, asked)


@pytest.mark.parametrize(
    "text",
    [
        "v=DMARC1",
        "v=DMARC1;",
        "V = DMARC1 ; p=none",
        "v=DMARC1;;p=none;",
        "v=DMARC1; p",
        "v=DMARC1; =x; p==",
        "v=DMARC1;p\t=\tnone",
    ],
)
def test_what_begins_with_the_version_is_a_record(text):
    assert dmarc.parse(text).text == text
    assert [record.text for record in dmarc.records([Txt((text.encode(),))])] == [text]


@pytest.mark.parametrize(
    "text", ["", "v=dmarc1; p=none", "v=DMARC10", "v=DMARC1 p=none", " v=DMARC1", "p=none; v=DMARC1"]
)
def test_anything_else_is_none(text):
    with pytest.raises(ValueError, match="does not begin"):
        dmarc.parse(text)
    assert dmarc.records([Txt((text.encode(),))]) == ()


@pytest.mark.parametrize(
    ("text", "policies"),
    [
        ("v=DMARC1", ("none", "none", "none")),
        ("v=DMARC1; P = Reject", ("reject", "reject", "reject")),
        ("v=DMARC1; p=reject; sp=quarantine", ("reject", "quarantine", "quarantine")),
        ("v=DMARC1; p=reject; sp=quarantine; np=none", ("reject", "quarantine", "none")),
        ("v=DMARC1; p=reject; np=none", ("reject", "reject", "none")),
        ("v=DMARC1; p=block", ("none", "none", "none")),
        ("v=DMARC1; p=reject; p=none", ("reject", "reject", "reject")),
    ],
)
def test_policies_fall_back_in_the_order_of_the_rfc(text, policies):
    record = dmarc.parse(text)
    assert (record.policy, record.subdomain_policy, record.meant("np")) == policies


def test_mailboxes_that_receive_reports_are_read_from_rua():
    record = dmarc.parse(
        "v=DMARC1; rua=mailto:a@x.example!10m, MAILTO:b@y.example,https://z.example,mailto:no@a..b, mailto:q"
    )
    assert record.reports_to == ("a@x.example", "b@y.example")


REMARKS = [
    ("v=DMARC1; p=reject; rua=mailto:a@x.example", []),
    ("v=DMARC1; rua=mailto:a@x.example", ["policy-absent"]),
    ("v=DMARC1; p=reject; sp=none; rua=mailto:a@x.example", ["subdomains-weaker"]),
    ("v=DMARC1; p=reject; t=y; rua=mailto:a@x.example", ["testing"]),
    ("v=DMARC1; p=none", ["no-reports"]),
    ("v=DMARC1; p=none; rua=mailto:", ["no-reports"]),
    ("v=DMARC1; p=none; rua=mailto:a@x.example; pct=50; rf=afrf; ri=86400", ["removed-tag"] * 3),
    ("v=DMARC1; p=none; rua=mailto:a@x.example; zz=1", ["unknown-tag"]),
    ("v=DMARC1; p=none; p=reject; rua=mailto:a@x.example", ["repeated-tag"]),
    ("v=DMARC1; p=block; adkim=x; rua=mailto:a@x.example", ["invalid-value", "invalid-value"]),
]


@pytest.mark.parametrize(("text", "told"), REMARKS)
def test_what_could_be_better_is_told_and_never_an_error(text, told):
    found = dmarc.remarks(dmarc.parse(text), OWN)
    assert [remark.id for remark in found] == told
    assert {remark.level for remark in found} <= {"warning"}


def test_bytes_beyond_ascii_are_told():
    record = dmarc.records([Txt((b"v=DMARC1; p=none; rua=mailto:a@x.example; x=\xe2\x80\x9c",))])[0]
    assert "not-ascii" in [remark.id for remark in dmarc.remarks(record, OWN)]


def test_a_domains_own_record_applies_with_its_policy():
    asked: list[Question] = []
    found = walk(zone(mail__contoso__example="v=DMARC1; p=reject; sp=none", example="v=DMARC1; p=none"), asked=asked)
    assert isinstance(found, dmarc.Found)
    assert (found.at, found.inherited, found.policy) == (OWN, False, "reject")
    assert asked == [Question(f"_dmarc.{OWN}", "TXT")]


def test_a_sub_domain_inherits_the_policy_for_sub_domains():
    found = walk(zone(contoso__example="v=DMARC1; p=reject; sp=quarantine"))
    assert isinstance(found, dmarc.Found)
    assert (found.at, found.inherited, found.policy) == ("contoso.example", True, "quarantine")


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
    assert (found.at, found.inherited) == (at, True)


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
    assert found == Unknown(f"TXT of _dmarc.{name}: time-out")


def test_an_unclear_answer_beyond_a_boundary_does_not_matter():
    found = walk(zone(contoso__example="v=DMARC1; psd=n") | {("_dmarc.example", "TXT"): unclear()})
    assert isinstance(found, dmarc.Found)


@pytest.mark.parametrize("domain", ["a..example", "x." * 124 + "example"])
def test_what_cannot_have_a_record_is_a_value_error(domain):
    with pytest.raises(ValueError, match=r"empty label|at most 253"):
        dmarc.walk(domain, {})


WEAKER = [
    ("p=reject", "p=quarantine", ("p", "sp", "np")),
    ("p=quarantine", "", ("p", "sp", "np")),
    ("p=reject", "p=reject; sp=none", ("sp", "np")),
    ("p=reject; sp=reject", "p=none; sp=reject", ("p",)),
    ("p=reject", "p=reject; np=none", ("np",)),
    ("adkim=s", "", ("adkim",)),
    ("aspf=s", "aspf=r", ("aspf",)),
    ("p=reject", "p=reject; t=y", ("t",)),
    ("p=reject", "p=reject; pct=50", ("pct",)),
    ("rua=mailto:a@x.example", "rua=mailto:b@x.example", ("rua",)),
    ("ruf=mailto:a@x.example", "", ("ruf",)),
    ("p=none", "p=reject; adkim=s; rua=mailto:a@x.example", ()),
    ("rua=mailto:A@x.example", "rua=mailto:b@x.example , mailto:a@x.example", ()),
    ("p=reject; pct=all", "p=reject", ()),
    ("t=y", "t=n", ()),
]


@pytest.mark.parametrize(("old", "new", "tags"), WEAKER)
def test_what_a_change_would_weaken_is_named(old, new, tags):
    assert dmarc.weaker(dmarc.parse(f"v=DMARC1; {old}"), dmarc.parse(f"v=DMARC1; {new}")) == tags


def test_the_first_record_watches_and_reports():
    text = dmarc.template("dmarc+contoso@msp.example")
    assert text == "v=DMARC1; p=none; rua=mailto:dmarc+contoso@msp.example"
    assert dmarc.remarks(dmarc.parse(text), OWN) == ()


@pytest.mark.parametrize(
    "mailbox",
    [
        "",
        "msp.example",
        "a@",
        "a@b..c",
        "a;p=reject@x.example",
        "a,b@x.example",
        "a b@x.example",
        "a@x.example!1m",
        "a@x@y.example",
    ],
)
def test_what_a_record_cannot_hold_is_no_mailbox(mailbox):
    with pytest.raises(ValueError, match="should be a mailbox"):
        dmarc.template(mailbox)


PARTS = st.lists(
    st.sampled_from(
        [
            "p=reject",
            "p=none",
            "sp=quarantine",
            "np=none",
            "adkim=s",
            "t=y",
            "rua=mailto:a@x.example",
            "pct=5",
            "zz",
            "=",
            " ",
        ]
    ),
    max_size=6,
)
RECORDS = PARTS.map(lambda parts: "; ".join(["v=DMARC1", *parts]))


@given(RECORDS)
def test_a_record_is_never_weaker_than_itself(text):
    assert dmarc.weaker(dmarc.parse(text), dmarc.parse(text)) == ()


@given(RECORDS, RECORDS)
def test_two_records_that_are_not_weaker_either_way_ask_the_same(one, other):
    a, b = dmarc.parse(one), dmarc.parse(other)
    if not dmarc.weaker(a, b) and not dmarc.weaker(b, a):
        assert (a.policy, a.subdomain_policy, a.reports_to) == (b.policy, b.subdomain_policy, b.reports_to)


@given(st.lists(st.binary(max_size=60).map(lambda data: b"v=DMARC1;" + data) | st.binary(max_size=60), min_size=1))
def test_arbitrary_texts_raise_nothing(texts):
    found = walk({(f"_dmarc.{OWN}", "TXT"): txt(*texts)})
    assert not isinstance(found, Needs)


def test_sixty_four_kilobytes_are_read_and_told_about_in_a_few_words():
    found = walk({(f"_dmarc.{OWN}", "TXT"): txt("v=DMARC1" + " " * 65_536 + ";" + "=;" * 32_768)})
    assert isinstance(found, dmarc.Found)
    assert (found.policy, len(found.remarks)) == ("none", 20)
