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
    assert (record.meant("p"), record.meant("sp"), record.meant("np")) == policies


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


IGNORED = [
    ("v=DMARC1; p=none", ""),
    ("v=DMARC1; p=Reject; sp=none; np=quarantine", ""),
    ("v=DMARC1", "neither 'p' nor"),
    ("v=DMARC1; sp=reject", "neither 'p' nor"),
    ("v=DMARC1; p=", "no valid 'p'"),
    ("v=DMARC1; p=block", "no valid 'p'"),
    ("v=DMARC1; p=reject; sp=block", "no valid 'sp'"),
    ("v=DMARC1; p=reject; np=", "no valid 'np'"),
    ("v=DMARC1; p=block; rua=mailto:a@b..c", "no valid 'p'"),
    ("v=DMARC1; rua=mailto:a@x.example", ""),
    ("v=DMARC1; p=block; rua=mailto:a@x.example", ""),
    ("v=DMARC1; p=reject; sp=block; np=block; rua=mailto:a@x.example!10m", ""),
]


@pytest.mark.parametrize(("text", "why"), IGNORED)
def test_without_a_valid_policy_and_a_mailbox_receivers_apply_nothing(text, why):
    found = dmarc.parse(text).ignored
    assert why in found
    assert bool(found) is bool(why)


@pytest.mark.parametrize(
    "mailbox", ["", "msp.example", "a@", "a@b..c", "a b@x.example", "a@x@y.example", "a(b)@x.example"]
)
def test_what_is_no_mailbox_receives_no_reports(mailbox):
    assert dmarc.parse(f"v=DMARC1; rua=mailto:{mailbox}").reports_to == ()


@given(st.lists(st.binary(max_size=60).map(lambda data: b"v=DMARC1;" + data) | st.binary(max_size=60), min_size=1))
def test_arbitrary_texts_raise_nothing(texts):
    found = walk({(f"_dmarc.{OWN}", "TXT"): txt(*texts)})
    assert not isinstance(found, Needs)


def test_sixty_four_kilobytes_are_read_and_told_about_in_a_few_words():
    found = walk({(f"_dmarc.{OWN}", "TXT"): txt("v=DMARC1" + " " * 65_536 + ";" + "=;" * 32_768)})
    assert isinstance(found, dmarc.Found)
    assert len(found.remarks) == 20
