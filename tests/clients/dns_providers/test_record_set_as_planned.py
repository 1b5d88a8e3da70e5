"""Whatever is planned is let through by the last gate before a host, and takes nothing from anybody."""

from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from clients.dns_providers.record_set import RecordSet, change
from domain.control import Drifted
from domain.dns_steps import change_of
from domain.mail import spf
from domain.mail.answers import Absent, Present, Question, Txt
from domain.mail.spf.record import is_record
from tests.domain.builders import NOW, healthy, judge

DOMAIN = "northwindlegal.example"
HOST = {DOMAIN: {"kind": "cloudflare", "secret_setting": "HOLDFAST_DNS_SECRET_C"}}
TERMS = ("a", "mx", "ip4:203.0.113.7", "+ip4:198.51.100.0/24", "~ip4:192.0.2.1", "include:proxy.exchangedefender.com",
         "include:spf.protection.outlook.com", "-include:spf.protection.outlook.com", "exp=why.example", "all", "-all",
         "~all", "redirect=other.example", "unknown:x", "%{i}")  # fmt: skip

records = st.lists(st.sampled_from(TERMS), max_size=5).map(lambda terms: " ".join(["v=spf1", *terms]).encode())
texts = st.one_of(records, st.binary(max_size=40), st.sampled_from([b"MS=ms1", b"v=spf1", b"V=SPF1 mx -all"]))
sets = st.lists(texts, max_size=4, unique=True).map(lambda each: tuple(Txt((text,)) for text in each))


def answer(values):
    return Present(values, 300, NOW) if values else Absent(name_exists=True, ttl_s=300, at=NOW)


def planned(control, name, values):
    judgement = judge(control, healthy(), {Question(name, "TXT"): answer(values)}, dns=HOST)
    return [change_of(step.parameters) for step in judgement.steps] if isinstance(judgement, Drifted) else []


@given(sets)
@limits(max_examples=150)
def test_a_planned_spf_record_keeps_every_text_and_every_term_and_is_the_only_one(values):
    for plan in planned("spf", DOMAIN, values):
        before, after = RecordSet(plan.expected), RecordSet(plan.wanted)
        made = change(plan.zone, plan.name, plan.type, before, after)
        assert before.contents == frozenset(value.data for value in values)
        assert made.applied_to(before).contents == after.contents
        assert all(map(is_spf, made.removed | made.added))
        assert [is_spf(text) for text in after.contents].count(True) == 1
        [new] = map(terms_of, made.added)
        for old in map(terms_of, made.removed):
            assert new[len(new) - len(old) :] == old


def is_spf(text):
    return is_record(text)


def terms_of(record):
    return list(spf.parse(record.decode()).terms)


@given(sets)
@limits(max_examples=100)
def test_a_planned_dmarc_record_is_the_first_text_at_its_name(values):
    for plan in planned("dmarc", f"_dmarc.{DOMAIN}", values):
        change(plan.zone, plan.name, plan.type, RecordSet(plan.expected), RecordSet(plan.wanted))
        assert values == ()
