"""Which changes are ever made, whoever asks and whatever the planner thinks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.dns_providers.record_set import RecordSet, change, check_owner
from clients.errors import Conflict, Invalid
from domain.mail.answers import Txt

ZONE = "contoso.test"
SPF, OTHER_SPF, TOKEN = Txt((b"v=spf1 -all",)), Txt((b"v=spf1 include:x.test -all",)), Txt((b"MS=ms12345678",))
DMARC, STRICT = Txt((b"v=DMARC1; p=none",)), Txt((b"v=DMARC1; p=reject",))
TARGET = "selector1-contoso-test._domainkey.contoso.n-v1.dkim.mail.microsoft"
NONE = RecordSet()


def records(*values, ttl_s=3600):
    return RecordSet(values, ttl_s)


@pytest.mark.parametrize(
    ("name", "rtype", "expected", "wanted"),
    [
        pytest.param(ZONE, "TXT", records(TOKEN, SPF), records(OTHER_SPF, TOKEN), id="spf_replaced"),
        pytest.param(ZONE, "TXT", records(TOKEN), records(TOKEN, SPF), id="spf_created"),
        pytest.param(ZONE, "TXT", records(TOKEN, SPF), records(TOKEN), id="spf_taken_back"),
        pytest.param(f"sales.{ZONE}", "TXT", NONE, records(SPF), id="spf_of_a_sub_domain"),
        pytest.param(f"_dmarc.{ZONE}", "TXT", NONE, records(DMARC), id="dmarc_created"),
        pytest.param(f"_dmarc.{ZONE}", "TXT", records(DMARC), NONE, id="dmarc_taken_back"),
        pytest.param(f"selector1._domainkey.{ZONE}", "CNAME", NONE, records(TARGET), id="dkim_created"),
        pytest.param(f"selector2._domainkey.sales.{ZONE}", "CNAME", records(TARGET), NONE, id="dkim_taken_back"),
    ],
)
def test_these_changes_are_made(name, rtype, expected, wanted):
    assert change(ZONE, name, rtype, expected, wanted).applied_to(expected).contents == wanted.contents


@pytest.mark.parametrize(
    ("name", "rtype", "expected", "wanted", "reason"),
    [
        pytest.param(ZONE, "MX", NONE, records("mx.test"), "ours to touch", id="mx"),
        pytest.param(ZONE, "CNAME", NONE, records("x.test"), "ours to touch", id="alias_at_the_domain"),
        pytest.param(f"_acme-challenge.{ZONE}", "TXT", NONE, records(SPF), "ours to touch", id="service_label"),
        pytest.param(f"*.{ZONE}", "TXT", NONE, records(SPF), "ours to touch", id="wildcard"),
        pytest.param(f"selector3._domainkey.{ZONE}", "CNAME", NONE, records(TARGET), "ours to touch", id="selector"),
        pytest.param(f"selector1._domainkey.{ZONE}", "TXT", NONE, records(SPF), "ours to touch", id="dkim_as_text"),
        pytest.param("fabrikam.test", "TXT", NONE, records(SPF), "not in the zone", id="other_zone"),
        pytest.param("notcontoso.test", "TXT", NONE, records(SPF), "not in the zone", id="zone_name_as_a_suffix"),
        pytest.param("a/b.contoso.test", "TXT", NONE, records(SPF), "ours to touch", id="a_path"),
        pytest.param(ZONE, "TXT", records(TOKEN, SPF), records(OTHER_SPF), "every other text stays", id="sibling"),
        pytest.param(ZONE, "TXT", NONE, records(TOKEN), "only its SPF record", id="another_text"),
        pytest.param(ZONE, "TXT", records(SPF), records(SPF, OTHER_SPF), "only one SPF", id="second_spf"),
        pytest.param(ZONE, "TXT", records(SPF, OTHER_SPF), records(SPF), "a person decides", id="two_spf_merged"),
        pytest.param(f"_dmarc.{ZONE}", "TXT", records(STRICT), records(DMARC), "only ever created", id="weaker_dmarc"),
        pytest.param(f"_dmarc.{ZONE}", "TXT", records(TOKEN), records(TOKEN, DMARC), "only ever", id="dmarc_beside"),
        pytest.param(f"_dmarc.{ZONE}", "TXT", NONE, records(SPF), "only its DMARC record", id="spf_at_dmarc"),
        pytest.param(
            f"selector1._domainkey.{ZONE}", "CNAME", records("other.test"), records(TARGET), "only ever", id="dkim_moved"
        ),
        pytest.param(
            f"selector1._domainkey.{ZONE}", "CNAME", NONE, records("x.test."), "without the trailing dot", id="dot"
        ),
        pytest.param(
            f"selector1._domainkey.{ZONE}", "CNAME", NONE, records("x y.test"), "a host name", id="no_host_name"
        ),
        pytest.param(f"{'x' * 64}.{ZONE}", "TXT", NONE, records(SPF), "ours to touch", id="label_too_long"),
        pytest.param(f"{'x.' * 130}{ZONE}", "TXT", NONE, records(SPF), "TXT of x.x", id="name_too_long"),
        pytest.param(ZONE, "TXT", records(SPF), records(Txt((b"v=spf1 ", b"-all"))), "nothing would", id="equal"),
        pytest.param(ZONE, "TXT", NONE, records("v=spf1 -all"), "another type", id="a_host_as_text"),
        pytest.param(ZONE, "TXT", NONE, records(Txt((b"v=spf1 \xe9 -all",))), "plain ASCII", id="not_ascii"),
    ],
)  # fmt: skip
def test_these_changes_are_never_made(name, rtype, expected, wanted, reason):
    with pytest.raises(Invalid, match=reason):
        change(ZONE, name, rtype, expected, wanted)


def test_a_name_that_is_not_ours_is_not_even_read():
    with pytest.raises(Invalid):
        check_owner(ZONE, f"_acme-challenge.{ZONE}", "TXT")


def test_records_that_changed_meanwhile_are_a_conflict():
    with pytest.raises(Conflict):
        change(ZONE, ZONE, "TXT", records(SPF), records(OTHER_SPF)).applied_to(records(SPF, TOKEN))


@pytest.mark.parametrize("current_s", [86400, 3600, 30, 0])
def test_a_change_keeps_the_time_to_live_and_so_does_taking_it_back(current_s):
    before, after = records(TOKEN, SPF), records(TOKEN, OTHER_SPF, ttl_s=777)
    changed = change(ZONE, ZONE, "TXT", before, after).applied_to(records(TOKEN, SPF, ttl_s=current_s))
    assert changed.ttl_s == current_s
    assert change(ZONE, ZONE, "TXT", after, before).applied_to(changed).ttl_s == current_s


@pytest.mark.parametrize(("wanted_s", "made_s"), [(777, 777), (5, 60)])
def test_a_new_record_lives_as_long_as_wanted_but_never_under_a_minute(wanted_s, made_s):
    assert change(ZONE, ZONE, "TXT", NONE, records(SPF, ttl_s=wanted_s)).applied_to(NONE).ttl_s == made_s


def test_what_stays_stays_as_it_is_stored():
    stored = Txt((b"MS=", b"ms12345678"))
    made = change(ZONE, ZONE, "TXT", records(TOKEN, SPF), records(TOKEN, OTHER_SPF))
    assert made.applied_to(records(stored, SPF)).values == (stored, OTHER_SPF)


def test_a_string_of_more_than_255_bytes_is_cut():
    long = b"v=spf1 " + b"ip4:192.0.2.1 " * 30 + b"-all"
    (text,) = change(ZONE, ZONE, "TXT", NONE, records(Txt((long,)))).applied_to(NONE).values
    assert isinstance(text, Txt)
    assert [len(string) for string in text.strings] == [255, 176]
    assert text.data == long


TEXTS = st.sampled_from([SPF, OTHER_SPF, TOKEN, DMARC, Txt((b"",)), Txt((b"v=spf10",)), Txt((b"\xff",))])


@given(st.frozensets(TEXTS), st.frozensets(TEXTS))
def test_no_text_that_is_not_spf_is_ever_lost_or_added_at_a_domain(before, after):
    try:
        made = change(ZONE, ZONE, "TXT", records(*before), records(*after))
    except Invalid:
        return
    assert {text for text in after if text not in {SPF, OTHER_SPF}} == {
        text for text in before if text not in {SPF, OTHER_SPF}
    }
    assert len(after & {SPF, OTHER_SPF}) <= 1
    assert made.applied_to(records(*before)).contents == records(*after).contents
