import pytest

from domain.mail import spf
from domain.mail.asking import NoVerdict
from tests.domain.mail.spf.documented import BOTH, CLOUD, OWN, PROXY, propose, zone
from tests.domain.mail.zones import settle, unclear
from tests.domain.mail.zones import spf as records

GUIDE = f"v=spf1 include:{PROXY} include:{CLOUD} -all"


def judged(listed):
    found = settle(lambda answers: spf.judge(OWN, answers, BOTH), listed)
    assert isinstance(found, spf.SpfJudgement)
    return found


def verdict(record, **hosts):
    return judged(zone(record, **hosts)).verdict


FINE = [
    GUIDE,
    f"V=SPF1  +INCLUDE:{CLOUD.upper()}.   include:{PROXY} -ALL ",
    f"v=spf1 ip4:198.18.0.1 include:{PROXY} Include:mail.example include:{CLOUD} x=y -all",
    f"v=spf1 include:{PROXY} include:{CLOUD} ~all",
    "v=spf1 include:flat.example -all",
    "v=spf1 redirect=main.example",
    "v=spf1 redirect=mild.example",
    f"v=spf1 include:{PROXY} include:{CLOUD} redirect=_spf.%{{d}}",
    f"v=spf1 include:large.example include:{PROXY} include:{CLOUD} -all",
    f"v=spf1 include:macro.example include:{PROXY} include:{CLOUD} -all",
    f"v=spf1 ip4:10.0.0.0/12 ip4:10.16.0.0/12 ip4:10.32.0.0/12 ip4:10.48.0.0/12 include:{PROXY} include:{CLOUD} -all",
    f"v=spf1 ip6:2001::/12 include:{PROXY} include:{CLOUD} -all",
    f"v=spf1 -ip4:198.18.0.0/24 include:{PROXY} include:{CLOUD} -all",
    f"v=spf1 include:{PROXY} include:{CLOUD} -ip4:65.99.255.0/24 -all",
    f"v=spf1 ptr include:{PROXY} include:{CLOUD} -all",
]


@pytest.mark.parametrize("record", FINE)
def test_what_does_as_the_guides_record_does_is_ok(record):
    assert verdict(record) == spf.Ok()


FOR_STRANGERS = [
    ("ip4:0.0.0.0/0", "wider than a /12"),
    ("ip4:0.0.0.0/1 ip4:128.0.0.0/1", "wider than a /12"),
    ("ip4:10.0.0.0/11", "wider than a /12"),
    ("ip6:2000::/11", "wider than a /12"),
    ("a/0", "wider than a /12"),
    ("a//0", "wider than a /12"),
    ("mx/11", "wider than a /12"),
    ("include:everyone.example", "wider than a /12"),
    ("include:halves.example", "in the record of halves.example lets a network wider"),
    (" ".join(f"ip4:10.{n * 16}.0.0/12" for n in range(5)), "more addresses"),
    ("ip6:2000::/12 ip6:2010::/12 ip6:2020::/12 ip6:2030::/12 ip6:2040::/12", "more addresses"),
    ("a:h.contoso.example/12 ip4:10.0.0.0/12 ip4:20.0.0.0/12 ip4:30.0.0.0/12 ip4:40.0.0.0/12", "more addresses"),
    ("exists:h.contoso.example", "cannot be seen"),
    ("exists:%{i}.contoso.example", "cannot be seen"),
    ("include:_own.contoso.example", "'exists:h.contoso.example' in the record of _own.contoso.example"),
    ("ip4:192.0.2.1", "strangers passes (tried: 192.0.2.1)"),
    ("ip4:198.51.100.0/24", "strangers passes (tried: 198.51.100.1)"),
    ("a:stranger.contoso.example", "strangers passes (tried: 203.0.113.1)"),
    ("include:dnswl.example", "strangers passes (tried: 192.0.2.1, 198.51.100.1, 203.0.113.1)"),
]


@pytest.mark.parametrize("ending", ["-all", "~all"])
@pytest.mark.parametrize(("terms", "why"), FOR_STRANGERS, ids=[terms[:40] for terms, _ in FOR_STRANGERS])
def test_what_lets_strangers_send_is_broken_with_and_without_the_includes(terms, why, ending):
    others = records({"_own.contoso.example": "v=spf1 exists:h.contoso.example -all"})
    others |= records({"dnswl.example": "v=spf1 exists:%{ir}.list.example -all"})
    others |= {(f"{n}.list.example", "A"): ("127.0.0.2",) for n in ("1.2.0.192", "1.100.51.198", "1.113.0.203")}
    for record in (f"v=spf1 {terms} include:{PROXY} include:{CLOUD} {ending}", f"v=spf1 {terms} {ending}"):
        listed = zone(record, h="50.0.0.1", stranger="203.0.113.1") | others
        found = judged(listed).verdict
        assert isinstance(found, spf.Broken)
        assert why in found.reason
        assert propose(listed) == spf.CannotRepair(found.reason)


def test_the_filters_own_record_may_not_let_strangers_pass_either():
    found = judged(zone(GUIDE) | records({PROXY: "v=spf1 +all"})).verdict
    assert isinstance(found, spf.Broken)
    assert "strangers" in found.reason


DEFEATED = [
    ("-ip4:65.99.255.0/24", "65.99.255.0 is 'fail'"),
    ("~ip4:206.125.40.0/24", "206.125.40.0 is 'softfail'"),
    ("?ip4:40.92.0.0/16", "40.92.0.0 is 'neutral'"),
    ("-ip4:0.0.0.0/0", "'fail'"),
    (f"~include:{PROXY}", "'softfail'"),
    ("?a:h.contoso.example", "65.99.255.0 is 'neutral'"),
    ("a:six1.example a:six2.example a:six3.example", "'permerror'"),
]


@pytest.mark.parametrize(("terms", "why"), DEFEATED)
def test_a_term_before_the_includes_that_defeats_them_is_seen(terms, why):
    six = {(f"six{n}.example", "AAAA"): ("2001:db8::1",) for n in (1, 2, 3)}
    found = judged(zone(f"v=spf1 {terms} include:{PROXY} include:{CLOUD} -all", h="65.99.255.0") | six).verdict
    assert isinstance(found, spf.Broken)
    assert why in found.reason


def test_what_an_include_refuses_itself_is_no_sample_of_it():
    listed = zone(GUIDE) | records({CLOUD: "v=spf1 -ip4:40.92.0.0/16 ip4:40.92.0.0/15 ip4:52.100.0.0/14 -all"})
    assert judged(listed).verdict == spf.Ok()


@pytest.mark.parametrize("nobody", ["v=spf1 -all", "v=spf1 exists:%{i}.x.example -all", "v=spf1 ~ip4:1.0.0.0/24 ~all"])
def test_an_include_of_which_no_address_can_be_tried_is_no_proof(nobody):
    found = judged(zone(GUIDE) | records({PROXY: nobody})).verdict
    assert isinstance(found, spf.Broken)
    assert f"include:{PROXY} lets no address pass" in found.reason


def test_an_include_that_has_only_ipv6_is_tried_by_that():
    assert judged(zone(GUIDE) | records({PROXY: "v=spf1 ip6:2001:db8:1::/48 -all"})).verdict == spf.Ok()
    found = judged(
        zone(f"v=spf1 -ip6:2001:db8:1::/48 {GUIDE[7:]}") | records({PROXY: "v=spf1 ip6:2001:db8:1::/48 -all"})
    )
    assert isinstance(found.verdict, spf.Broken)


@pytest.mark.parametrize("ending", ["?all", "+all", "all", ""])
def test_an_ending_that_lets_others_send_is_broken(ending):
    found = verdict(f"v=spf1 include:{PROXY} include:{CLOUD} {ending}")
    assert isinstance(found, spf.Broken)
    assert OWN in found.reason


MISSING = [
    ("v=spf1 ip4:198.18.0.1 -all", BOTH),
    (f"v=spf1 ip4:65.99.255.0/24 include:{CLOUD} -all", (PROXY,)),
    (f"v=spf1 include:{PROXY} -all", (CLOUD,)),
    (f"v=spf1 include:{CLOUD} -all include:{PROXY}", (PROXY,)),
    (f"v=spf1 include:{CLOUD} -include:{PROXY} -all", (PROXY,)),
    (f"v=spf1 include:{CLOUD} include:soft.example -all", (PROXY,)),
    (f"v=spf1 include:{CLOUD} ~include:flat.example -all", (PROXY,)),
]


@pytest.mark.parametrize(("record", "missing"), MISSING)
def test_an_include_counts_only_where_its_pass_is_the_records_pass(record, missing):
    assert verdict(record) == spf.MissingIncludes(missing)


@pytest.mark.parametrize("record", ["v=spf1 -all", "V=SPF1  -ALL exp=x.example", f"v=spf1 -all include:{PROXY}"])
def test_a_record_that_begins_with_all_is_a_parked_domains(record):
    found = propose(zone(record))
    assert isinstance(found, spf.CannotRepair)
    assert "says it sends nothing" in found.reason


def test_no_record_is_told_apart():
    assert verdict(None) == spf.NoRecord()
    assert verdict("v=spf1 ~all") == spf.MissingIncludes(BOTH)


@pytest.mark.parametrize("required", [(), ("a..example",)])
def test_nothing_or_nonsense_cannot_be_required(required):
    with pytest.raises(ValueError, match=r"at least one|empty label"):
        spf.judge(OWN, {}, required)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (f"v=spf1 include:macro.example {GUIDE[7:]}", "192.0.2.1.allowed.macro.example"),
        (f"v=spf1 -exists:%{{i}}.denied.example {GUIDE[7:]}", "65.99.255.0.denied.example"),
    ],
)
def test_what_is_unclear_for_one_message_leaves_no_verdict(record, name):
    assert settle(lambda answers: spf.judge(OWN, answers, BOTH), zone(record) | {(name, "A"): unclear()}) == NoVerdict(
        f"A of {name}: SERVFAIL"
    )


def test_what_an_include_alone_makes_of_its_mail_may_be_unclear_too():
    """The whole record refuses a sample before it comes to what is unclear in the include."""
    listed = zone(f"v=spf1 -ip4:65.99.255.0/24 {GUIDE[7:]}")
    listed |= records({PROXY: "v=spf1 exists:%{i}.odd.example ip4:65.99.255.0/24 -all"})
    listed |= {("65.99.255.0.odd.example", "A"): unclear()}
    assert isinstance(settle(lambda answers: spf.judge(OWN, answers, BOTH), listed), NoVerdict)
