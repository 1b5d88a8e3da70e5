import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mail import dkim
from domain.mail.answers import Question
from domain.mail.asking import Needs, NoVerdict
from tests.domain.mail.zones import settle, txt, unclear

OWN = "contoso.example"
ONE, TWO = (f"selector{n}._domainkey.{OWN}" for n in (1, 2))
OLD = "selector1-contoso-example._domainkey.contoso.onmicrosoft.com"
NEW = "selector2-contoso-example._domainkey.contoso.w-v1.dkim.mail.microsoft"
KEY = "v=DKIM1; k=rsa; p=" + base64.b64encode(b"key").decode()
PUBLISHED = {(ONE, "CNAME"): (OLD,), (TWO, "CNAME"): (NEW,), (OLD, "TXT"): txt(KEY), (NEW, "TXT"): txt(KEY)}


def states(listed, targets=(OLD, NEW), asked=None):
    found = settle(lambda answers: dkim.compare_cnames(OWN, targets, answers), listed, asked)
    return tuple(selector.state for selector in found)


def test_both_target_forms_are_equal_when_they_are_the_tenants():
    assert [type(state) for state in states(PUBLISHED)] == [dkim.Equal, dkim.Equal]


def test_case_and_the_trailing_dot_of_the_tenants_targets_do_not_matter():
    assert [type(state) for state in states(PUBLISHED, (OLD.upper(), NEW.title() + "."))] == [dkim.Equal, dkim.Equal]


def test_each_selector_says_where_its_record_belongs():
    found = settle(lambda answers: dkim.compare_cnames("Contoso.Example.", (OLD, NEW), answers), {})
    assert [(each.owner, each.target) for each in found] == [(ONE, OLD), (TWO, NEW)]


def test_a_name_with_nothing_at_it_is_free():
    assert states({}) == (dkim.Missing(), dkim.Missing())
    assert states({(f"below.{ONE}", "TXT"): txt("x")}) == (dkim.Missing(), dkim.Missing())


def test_another_cname_is_in_the_way():
    found = states(PUBLISHED | {(ONE, "CNAME"): ("selector1.other.example",)})
    assert found[0] == dkim.InTheWay("CNAME", ("selector1.other.example",))
    assert isinstance(found[1], dkim.Equal)


def test_a_copy_of_the_key_is_in_the_way():
    found = states({(ONE, "TXT"): txt(KEY), (TWO, "TXT"): txt(b"\xff")})
    assert found == (dkim.InTheWay("TXT", (KEY,)), dkim.InTheWay("TXT", ("\\xff",)))


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ((), "no key yet"),
        (txt(KEY, KEY), "2 TXT records"),
        (txt("v=DKIM1; p="), "revoked"),
        (txt("v=DKIM1; k=rsa"), "p: is missing"),
        (txt(b"v=DKIM1; p=\xff"), "not base64"),
    ],
)
def test_a_cname_without_a_usable_key_is_dangling(texts, why):
    listed = {key: value for key, value in PUBLISHED.items() if key != (OLD, "TXT")}
    state = states(listed | ({(OLD, "TXT"): texts} if texts else {}))[0]
    assert isinstance(state, dkim.Dangling)
    assert why in state.reason


@pytest.mark.parametrize(("name", "kind"), [(ONE, "CNAME"), (OLD, "TXT")])
def test_an_unclear_answer_leaves_that_selector_unknown_and_the_other_judged(name, kind):
    first, second = states(PUBLISHED | {(name, kind): unclear("lame")})
    assert first == NoVerdict(f"{kind} of {name}: lame")
    assert isinstance(second, dkim.Equal)


def test_an_unclear_text_where_the_cname_is_missing_is_unknown():
    assert isinstance(states({(ONE, "TXT"): unclear()})[0], NoVerdict)


@pytest.mark.parametrize("target", ["", "a..b"])
def test_without_a_target_of_the_tenant_there_is_no_verdict(target):
    asked: list[Question] = []
    first, second = states(PUBLISHED, (target, NEW), asked)
    assert isinstance(first, NoVerdict)
    assert isinstance(second, dkim.Equal)
    assert ONE not in {question.name for question in asked}


def test_the_two_selectors_are_asked_for_together():
    assert dkim.compare_cnames(OWN, (OLD, NEW), {}) == Needs((Question(ONE, "CNAME"), Question(TWO, "CNAME")))


@pytest.mark.parametrize("domain", ["", "a..example", "x." * 120 + "example"])
def test_what_cannot_have_selectors_is_a_value_error(domain):
    with pytest.raises(ValueError, match=r"empty label|at most 253"):
        dkim.compare_cnames(domain, (OLD, NEW), {})


@pytest.mark.parametrize(
    ("text", "kind", "data"),
    [
        ("p=a2V5", "rsa", b"key"),
        ("v=DKIM1;k=ed25519;p=a2 V5;", "ed25519", b"key"),
        ("v = DKIM1 ; p = a2\tV5 ; x = y", "rsa", b"key"),
        ("v=DKIM1; p=", "rsa", b""),
    ],
)
def test_a_key_record_reads(text, kind, data):
    key = dkim.parse_key(text)
    assert (key.type, key.data, key.revoked) == (kind, data, not data)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "p: is missing"),
        ("v=DKIM2; p=a2V5", "v: should be"),
        ("p=a2V5; v=DKIM1", "v: should be"),
        ("p=a2V5; p=", "twice"),
        ("p=a2V", "not base64"),
        ("p=\u00e4", "not base64"),
    ],
)
def test_a_key_record_that_receivers_would_not_take_is_named(text, why):
    with pytest.raises(ValueError, match=why):
        dkim.parse_key(text)


@given(st.binary(max_size=80))
def test_arbitrary_texts_behind_a_cname_raise_nothing(data):
    assert isinstance(states(PUBLISHED | {(OLD, "TXT"): txt(data)})[0], dkim.Equal | dkim.Dangling)
