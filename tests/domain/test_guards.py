import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.guards import MxSeen, MxUnseen, lockdown
from tests.domain.builders import NOW

FILTER = MxSeen(("inbound30.exchangedefender.com.",), NOW)
SUFFIXES = ("exchangedefender.com",)
GOES: dict[str, MxSeen | MxUnseen | None] = {
    "filter": FILTER,
    "several": MxSeen(("inbound30.ExchangeDefender.com", "inbound31.exchangedefender.com"), NOW),
    "the_suffix_itself": MxSeen(("exchangedefender.com",), NOW),
    "null_mx": MxSeen((".",), NOW),
}
STOPS: dict[str, tuple[MxSeen | MxUnseen | None, str]] = {
    "microsoft": (MxSeen(("a-com.mail.protection.outlook.com",), NOW), "move the MX first"),
    "mixed": (MxSeen(("inbound30.exchangedefender.com", "a-com.mail.protection.outlook.com"), NOW), "a-com.mail"),
    "look_alike": (MxSeen(("mx.notexchangedefender.com",), NOW), "move the MX first"),
    "suffix_inside": (MxSeen(("exchangedefender.com.evil.example",), NOW), "move the MX first"),
    "no_mx": (MxSeen((), NOW), "no MX record"),
    "unknown": (MxUnseen("SERVFAIL"), "SERVFAIL"),
    "not_read": (None, "was not read"),
}


@pytest.mark.parametrize("answer", GOES.values(), ids=list(GOES))
def test_the_lock_may_close_when_every_mx_is_the_filters(answer):
    assert lockdown(("a.com",), {"a.com": answer}, SUFFIXES).passed


@pytest.mark.parametrize(("answer", "reason"), STOPS.values(), ids=list(STOPS))
def test_the_lock_stays_open_and_says_why(answer, reason):
    guard = lockdown(("good.com", "a.com"), {"good.com": FILTER} | ({"a.com": answer} if answer else {}), SUFFIXES)
    assert not guard.passed
    assert guard.reason.startswith("a.com: ")
    assert reason in guard.reason


def test_without_a_known_domain_the_lock_stays_open():
    assert not lockdown((), {}, SUFFIXES).passed


@given(st.lists(st.sampled_from(sorted(GOES | STOPS)), min_size=1, max_size=6))
def test_one_doubt_is_enough_to_stop(kinds):
    all_answers: dict[str, MxSeen | MxUnseen | None] = {**GOES, **{name: stop[0] for name, stop in STOPS.items()}}
    answers = {f"d{i}": answer for i, kind in enumerate(kinds) if (answer := all_answers[kind])}
    domains = tuple(f"d{i}" for i in range(len(kinds)))
    assert lockdown(domains, answers, SUFFIXES).passed == (not set(kinds) & STOPS.keys())
