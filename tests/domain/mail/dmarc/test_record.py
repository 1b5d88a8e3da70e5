import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mail import dmarc
from domain.mail.answers import Txt
from domain.mail.asking import Needs
from tests.domain.mail.zones import settle, txt

OWN = "mail.contoso.example"


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
