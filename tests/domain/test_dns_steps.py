"""A change of one record set: shown as what an admin types, kept whole, and put back from the ledger."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dns_hosts import CloudflareHost, zone_of
from domain.dns_steps import LARGEST_SET, RecordChange, change_of, records_read, replaced, undo_steps
from domain.ledger import Entry
from domain.mail.answers import Absent, Present, Txt
from domain.mail.presentation import read, write
from domain.states import step_view
from domain.steps import Step

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOKEN, OLD, NEW = (Txt((text,)) for text in (b"MS=ms1", b"v=spf1 -all", b"v=spf1 include:proxy.example -all"))
SPF = RecordChange("contoso.example", "contoso.example", "TXT", (TOKEN, OLD), (TOKEN, NEW))
DMARC = RecordChange("contoso.example", "_dmarc.contoso.example", "TXT", (), (Txt((b"v=DMARC1; p=none",)),))
ALIAS = RecordChange("contoso.example", "selector1._domainkey.contoso.example", "CNAME", (), ("s1.dkim.example",))


def entry(*changes):
    return Entry(
        at=NOW, tenant_id="t", control="spf", event="corrected", steps=step_view(tuple(each.step() for each in changes))
    )


def test_a_change_is_shown_as_the_lines_for_nsupdate_without_the_siblings():
    assert SPF.step().powershell.splitlines() == [
        'update delete contoso.example. TXT "v=spf1 -all"',
        'update add contoso.example. TXT "v=spf1 include:proxy.example -all"',
    ]


def test_a_time_to_live_is_shown_only_where_there_was_no_record():
    first = RecordChange("contoso.example", "contoso.example", "TXT", (), (NEW,))
    beside = RecordChange("contoso.example", "contoso.example", "TXT", (TOKEN,), (TOKEN, NEW))
    new = 'TXT "v=spf1 include:proxy.example -all"'
    assert first.step().powershell == f"update add contoso.example. 3600 {new}"
    assert beside.step().powershell == f"update add contoso.example. {new}"
    assert ALIAS.step().powershell == "update add selector1._domainkey.contoso.example. 3600 CNAME s1.dkim.example"


@pytest.mark.parametrize("change", [SPF, DMARC, ALIAS, SPF.back, DMARC.back])
def test_a_step_and_its_view_in_the_ledger_say_the_same_change(change):
    step = change.step("contoso.example: SPF")
    assert change_of(step.parameters) == change
    assert change_of(step_view((step,))[0].parameters) == change
    assert step.mends == ("contoso.example: SPF",)


def test_what_an_entry_did_is_put_back_last_one_first_and_only_in_dns():
    steps = entry(SPF, DMARC)
    cmdlet = Step("exchange", "Set-InboundConnector", {"Identity": "a"})
    steps = replace(steps, steps=(*step_view((cmdlet,)), *steps.steps))
    assert [change_of(step.parameters) for step in undo_steps(steps)] == [DMARC.back, SPF.back]


def test_a_record_set_is_kept_whole_in_the_ledger_however_long_its_texts():
    long = Txt((b"x" * 255,) * 12)
    change = RecordChange("a.example", "a.example", "TXT", (long,), (long, NEW))
    assert change.fits
    assert change_of(undo_steps(entry(change))[0].parameters) == change.back


def test_a_set_that_is_too_large_does_not_fit():
    large = tuple(Txt((b"%d" % number + b"x" * 250,)) for number in range(LARGEST_SET // 240))
    assert not RecordChange("a.example", "a.example", "TXT", large, (*large, NEW)).fits


@pytest.mark.parametrize(
    "parameters",
    [
        {"Zone": "a.example"},
        {"Zone": "a", "Name": "a", "Type": "TXT", "Expected": None, "Wanted": []},
        {"Zone": "a", "Name": "a", "Type": "TXT", "Expected": [1], "Wanted": []},
        {"Zone": "a", "Name": "a", "Type": "TXT", "Expected": ['"open'], "Wanted": []},
        {"Zone": "a", "Name": "a", "Type": "MX", "Expected": [], "Wanted": ["10 mx.example"]},
    ],
    ids=["incomplete", "no_list", "no_text", "odd_text", "mx"],
)
def test_what_is_no_change_of_ours_is_refused(parameters):
    with pytest.raises(ValueError, match=r"no change of a record set|quoted strings"):
        change_of(parameters)


def test_only_the_text_in_place_is_replaced():
    assert replaced((OLD, TOKEN, "odd"), OLD.data, NEW) == (TOKEN, "odd", NEW)
    assert replaced((TOKEN,), None, NEW) == (TOKEN, NEW)


def test_what_is_absent_or_was_not_asked_is_an_empty_set():
    assert records_read(Present((TOKEN,), 300, NOW)) == (TOKEN,)
    assert records_read(Absent(name_exists=True, ttl_s=300, at=NOW)) == records_read(None) == ()


@given(st.lists(st.binary(max_size=255), min_size=1, max_size=5))
def test_every_byte_and_every_string_survives_its_text(strings):
    text = Txt(tuple(strings))
    assert read(write(text)) == text
    assert write(text).isprintable()


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with suppress(ValueError):
        assert isinstance(read(f'"{text}"'), Txt)


@pytest.mark.parametrize(
    ("domain", "zone"),
    [
        ("contoso.example", "contoso.example"),
        ("mail.contoso.example", "contoso.example"),
        ("a.eu.contoso.example", "eu.contoso.example"),
        ("_dmarc.Contoso.Example.", "contoso.example"),
        ("notcontoso.example", None),
        ("a..b", None),
    ],
)
def test_the_longest_zone_that_a_domain_is_in_is_its_zone(domain, zone):
    host = CloudflareHost(kind="cloudflare", secret_setting="HOLDFAST_DNS_SECRET_C")
    assert zone_of(domain, dict.fromkeys(["contoso.example", "eu.contoso.example"], host)) == zone
