import pytest

from domain.mail import spf
from tests.domain.mail.spf.documented import BOTH, CLOUD, OWN, PROXY, zone
from tests.domain.mail.zones import settle


def verdict(record):
    found = settle(lambda answers: spf.examine(OWN, answers), zone(record))
    assert isinstance(found, spf.Examined)
    return spf.compare(found, BOTH)


@pytest.mark.parametrize(
    "record",
    [
        f"v=spf1 include:{PROXY} include:{CLOUD} -all",
        f"V=SPF1  +INCLUDE:{CLOUD.upper()}.   include:{PROXY} -ALL ",
    ],
)
def test_the_documented_record_is_ok_in_any_spelling_and_order(record):
    assert verdict(record) == spf.Ok()


def test_what_a_tenant_has_besides_is_ok_and_listed_as_written():
    found = verdict(f"v=spf1 ip4:192.0.2.1 include:{PROXY} Include:mail.example include:{CLOUD} x=y -all")
    assert found == spf.Ok(extras=("ip4:192.0.2.1", "Include:mail.example", "x=y"))


def test_a_softfail_is_advisory():
    assert isinstance(verdict(f"v=spf1 include:{PROXY} include:{CLOUD} ~all"), spf.Advisory)


@pytest.mark.parametrize("ending", ["?all", "+all", "all", ""])
def test_an_ending_that_lets_others_send_is_broken(ending):
    found = verdict(f"v=spf1 include:{PROXY} include:{CLOUD} {ending}")
    assert isinstance(found, spf.Broken)
    assert OWN in found.reason


MISSING = [
    ("v=spf1 ip4:192.0.2.1 -all", BOTH),
    (f"v=spf1 include:{PROXY} -all", (CLOUD,)),
    (f"v=spf1 include:{CLOUD} -all include:{PROXY}", (PROXY,)),
    (f"v=spf1 include:{CLOUD} -include:{PROXY} -all", (PROXY,)),
    (f"v=spf1 include:{CLOUD} ~include:{PROXY} include:{PROXY} -all", (PROXY,)),
    (f"v=spf1 include:{CLOUD} -ip4:0.0.0.0/0 include:{PROXY} -all", (PROXY,)),
    (f"v=spf1 include:{CLOUD} include:soft.example -all", (PROXY,)),
    (f"v=spf1 include:{CLOUD} ~include:flat.example -all", (PROXY,)),
]


@pytest.mark.parametrize(("record", "missing"), MISSING)
def test_an_include_counts_only_where_its_pass_is_the_records_pass(record, missing):
    found = verdict(record)
    assert isinstance(found, spf.Missing)
    assert found.includes == missing


def test_an_include_behind_another_name_is_present_indirectly():
    found = verdict("v=spf1 include:flat.example -all")
    assert isinstance(found, spf.Ok)
    assert found.indirect == (spf.Reached(PROXY, ("flat.example",)), spf.Reached(CLOUD, ("flat.example",)))


@pytest.mark.parametrize(("target", "kind"), [("main.example", spf.Ok), ("mild.example", spf.Advisory)])
def test_a_redirect_is_followed_and_its_ending_counts(target, kind):
    found = verdict(f"v=spf1 redirect={target}")
    assert isinstance(found, kind)
    assert {each.via for each in found.indirect} == {(target,)}


def test_a_redirect_that_depends_on_the_message_is_never_broken():
    found = verdict(f"v=spf1 include:{PROXY} include:{CLOUD} redirect=_spf.%{{d}}")
    assert isinstance(found, spf.Advisory)
    assert "depends on the message" in found.reason


def test_no_record_and_a_parked_domain_are_told_apart():
    assert verdict(None) == spf.NoRecord()
    assert verdict("v=spf1 -all") == spf.Parked()
    assert verdict("V=SPF1  -ALL exp=x.example") == spf.Parked()


@pytest.mark.parametrize("required", [(), ("a..example",)])
def test_nothing_or_nonsense_cannot_be_required(required):
    with pytest.raises(ValueError, match=r"at least one|empty label"):
        spf.repair("v=spf1 a -all", required)
