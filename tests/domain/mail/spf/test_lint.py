import pytest

from tests.domain.mail.spf.trees import HOSTS, OWN, A, ids, look
from tests.domain.mail.zones import spf as records
from tests.domain.mail.zones import txt

TOLD = [
    ("v=spf1 -all a", ["term-after-all"]),
    ("v=spf1 redirect=a.example -all", ["redirect-ignored"]),
    ("v=spf1 x=y -all", ["unknown-modifier"]),
    ("v=spf1 ptr -all", ["ptr-deprecated"]),
    ("v=spf1 +all", ["passes-all"]),
    ("v=spf1 ip4:10.0.0.0/15 -all", ["wide-network"]),
    ("v=spf1 ip4:10.0.0.0/16 -all", []),
    ("v=spf1 -ip4:10.0.0.0/8 -all", []),
    ("v=spf1 ip6:2001::/31 -all", ["wide-network"]),
    ("v=spf1 ip6:2001::/32 -all", []),
    ("v=spf1 a:host.example/8 -all", ["wide-network"]),
    ("v=spf1 a:host.example//16 -all", ["wide-network"]),
    ("v=spf1 include:a.example +INCLUDE:A.example. -all", ["duplicate-term"]),
    ("v=spf1 ip4:192.0.2.1 ip4:192.0.2.1/32 -all", ["duplicate-term"]),
    ("v=spf1 a:host.example a:host.example/24 -all", []),
    ("v=spf1 ~ip4:192.0.2.1 include:a.example -all", ["may-shadow"]),
    ("v=spf1 include:a.example ~ip4:192.0.2.1 -all", []),
    ("v=spf1 exists:%{i}.x.example -all", ["dynamic-term"]),
    ("v=spf1 exists:x..y.example -all", ["malformed-name"]),
    ("v=spf1 include:a.example ~all", ["mild-ending"]),
    ("v=spf1 redirect=%{d}.example", ["dynamic-term", "mild-ending"]),
    ("v=spf1 a -all", ["void-lookups"]),
    ("v=spf1 " + "x=" + "y" * 450 + " -all", ["record-size", "unknown-modifier"]),
]


@pytest.mark.parametrize(("record", "told"), TOLD)
def test_what_works_and_is_worth_a_look_is_told(record, told):
    found = look(records({OWN: record, **A}) | HOSTS)
    assert ids(found) == told
    assert found.errors == ()


def test_thousands_of_odd_terms_are_told_about_in_a_few_words():
    found = look(records({OWN: "v=spf1" + " ip4:192.0.2.1" * 4000 + " -all"}))
    assert len(found.remarks) < 30


def test_siblings_that_fill_the_answer_are_told():
    found = look({(OWN, "TXT"): txt("v=spf1 -all", "t" * 500)})
    assert ids(found) == ["answer-size"]


@pytest.mark.parametrize("text", ["v=spf1include:a.example", ' "v=spf1 -all"', "V=SPF1; -all"])
def test_what_was_meant_to_be_a_record_is_told(text):
    found = look({(OWN, "TXT"): txt(text)})
    assert (ids(found), found.found) == (["looks-like-spf"], ())
