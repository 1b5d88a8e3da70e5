import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mail import mx
from domain.mail.answers import Question
from domain.mail.asking import Needs, NoVerdict
from tests.domain.mail.zones import Listed, settle, txt, unclear
from tests.domain.mail.zones import mx as exchangers

OWN = "contoso.example"
FILTER = "inbound30.exchangedefender.com"
CLOUD = "contoso-example.mail.protection.outlook.com"
SUFFIXES = ("exchangedefender.com",)
FILTER_HOSTS = mx.FilterHosts(SUFFIXES, ("outbound.exchangedefender.com",))


def judge(*pairs, **more):
    listed = {(OWN, "MX"): exchangers(*pairs)} | {
        (name, "CNAME"): target for name, target in more.get("aliases", {}).items()
    }
    return settle(lambda answers: mx.judge_mx(OWN, answers, FILTER_HOSTS), listed)


VERDICTS = [
    ([(10, FILTER)], mx.AllFilter),
    ([(10, FILTER), (20, "inbound31.exchangedefender.com")], mx.AllFilter),
    ([(10, "exchangedefender.com")], mx.Other),
    ([(10, "outbound.exchangedefender.com")], mx.Other),
    ([(10, "outbound30.exchangedefender.com")], mx.Other),
    ([(10, FILTER), (20, "outbound.exchangedefender.com")], mx.Mixed),
    ([(10, FILTER), (20, CLOUD)], mx.Mixed),
    ([(10, FILTER), (10, "mx.other.example")], mx.Mixed),
    ([(0, CLOUD)], mx.Microsoft),
    ([(0, "contoso-example.s-v1.mx.microsoft")], mx.Microsoft),
    ([(0, "contoso.mail.eo.outlook.com"), (5, CLOUD)], mx.Microsoft),
    ([(10, "mx.other.example")], mx.Other),
    ([(10, "mx.other.example"), (20, CLOUD)], mx.Other),
    ([(10, "notexchangedefender.com")], mx.Other),
    ([(10, "exchangedefender.com.other.example")], mx.Other),
    ([(0, "")], mx.NullMx),
]


@pytest.mark.parametrize(("pairs", "kind"), VERDICTS)
def test_the_verdict_is_that_of_all_exchangers_together(pairs, kind):
    verdict = judge(*pairs)
    assert isinstance(verdict, kind)
    assert mx.allows_lockdown(verdict) is (kind in {mx.AllFilter, mx.NullMx})


def test_exchangers_are_listed_by_preference_and_parted():
    assert judge((20, CLOUD), (10, FILTER)) == mx.Mixed((FILTER,), (CLOUD,))
    assert judge((20, "b.example"), (10, "c.example"), (5, "b.example")) == mx.Other(("b.example", "c.example"))


def test_no_mx_and_no_domain_are_told_apart_and_both_stop():
    def look(answers):
        return mx.judge_mx(OWN, answers, FILTER_HOSTS)

    no_mx, no_domain = settle(look, {(OWN, "TXT"): txt("x")}), settle(look, {})
    assert (no_mx, no_domain) == (mx.NoMx(), mx.NoDomain())
    assert not mx.allows_lockdown(no_mx)
    assert not mx.allows_lockdown(no_domain)


def test_an_address_in_place_of_a_host_is_told():
    verdict = judge((10, "192.0.2.1"))
    assert isinstance(verdict, mx.Other)
    assert [remark.id for remark in verdict.remarks] == ["mx-is-address"]


def test_an_alias_in_place_of_a_host_is_told():
    verdict = judge((10, FILTER), aliases={FILTER: ("real.example",)})
    assert isinstance(verdict, mx.AllFilter)
    assert [remark.id for remark in verdict.remarks] == ["mx-is-alias"]


def test_a_null_mx_beside_others_is_told_and_stops():
    verdict = judge((0, ""), (10, FILTER))
    assert isinstance(verdict, mx.Mixed)
    assert [remark.id for remark in verdict.remarks] == ["null-mx-beside-others"]


@pytest.mark.parametrize(("name", "kind"), [(OWN, "MX"), (FILTER, "CNAME")])
def test_anything_unclear_is_unknown_and_stops(name, kind):
    listed: Listed = {(OWN, "MX"): exchangers((10, FILTER)), (name, kind): unclear("servers disagree")}
    verdict = settle(lambda answers: mx.judge_mx(OWN, answers, FILTER_HOSTS), listed)
    assert verdict == NoVerdict(f"{kind} of {name}: servers disagree")
    assert not mx.allows_lockdown(verdict)


@pytest.mark.parametrize("odd", [(), ("mx.other.example",), txt("x")])
def test_an_answer_without_exchangers_is_unknown_and_never_all_the_filters(odd):
    listed: Listed = {(OWN, "MX"): odd}
    assert isinstance(settle(lambda answers: mx.judge_mx(OWN, answers, FILTER_HOSTS), listed), NoVerdict)


def test_a_question_that_is_open_stops():
    needs = mx.judge_mx("Contoso.Example.", {}, FILTER_HOSTS)
    assert needs == Needs((Question(OWN, "MX"),))
    assert not mx.allows_lockdown(needs)


@pytest.mark.parametrize(("domain", "suffixes"), [("a..example", SUFFIXES), (OWN, ()), (OWN, ("",))])
def test_bad_input_is_a_value_error(domain, suffixes):
    with pytest.raises(ValueError, match=r"empty label|at least one"):
        mx.judge_mx(domain, {}, mx.FilterHosts(suffixes))


HOSTS = st.sampled_from([FILTER, CLOUD, "mx.other.example", "", "192.0.2.1", "2001:db8::1", "x" * 300, "\u00fc"])


@given(st.lists(st.tuples(st.integers(0, 65535), HOSTS), min_size=1, max_size=6))
def test_one_exchanger_that_is_not_the_filters_is_enough_to_stop(pairs):
    hosts = {host for _, host in pairs}
    assert mx.allows_lockdown(judge(*pairs)) is (hosts in ({FILTER}, {""}))
