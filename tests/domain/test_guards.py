import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.guards import lockdown
from domain.mail import mx
from domain.mail.asking import Needs, Unknown

GOES: dict[str, mx.Verdict | Needs | Unknown] = {
    "filter": mx.AllFilter(("inbound30.exchangedefender.com",)),
    "null_mx": mx.NullMx(),
}
STOPS: dict[str, tuple[mx.Verdict | Needs | Unknown, str]] = {
    "microsoft": (mx.Microsoft(("a-com.mail.protection.outlook.com",)), "move the MX first"),
    "mixed": (mx.Mixed(("inbound30.exchangedefender.com",), ("a-com.mail.protection.outlook.com",)), "a-com.mail"),
    "other": (mx.Other(("mx.other.example",)), "move the MX first"),
    "no_mx": (mx.NoMx(), "no MX record"),
    "no_domain": (mx.NoDomain(), "does not exist"),
    "unknown": (Unknown("SERVFAIL"), "SERVFAIL"),
    "half_read": (Needs(()), "was not read"),
}


@pytest.mark.parametrize("verdict", GOES.values(), ids=list(GOES))
def test_the_lock_may_close_when_every_mx_is_the_filters(verdict):
    assert lockdown(("a.com",), {"a.com": verdict}).passed


@pytest.mark.parametrize(("verdict", "reason"), STOPS.values(), ids=list(STOPS))
def test_the_lock_stays_open_and_says_why(verdict, reason):
    guard = lockdown(("good.com", "a.com"), {"good.com": GOES["filter"], "a.com": verdict})
    assert not guard.passed
    assert guard.reason.startswith("a.com: ")
    assert reason in guard.reason


def test_a_domain_that_was_not_looked_at_stops():
    assert not lockdown(("a.com",), {}).passed


def test_without_a_known_domain_the_lock_stays_open():
    assert not lockdown((), {}).passed


@given(st.lists(st.sampled_from(sorted(GOES | STOPS)), min_size=1, max_size=6))
def test_one_doubt_is_enough_to_stop(kinds):
    verdicts = GOES | {name: verdict for name, (verdict, _) in STOPS.items()}
    domains = tuple(f"d{i}" for i in range(len(kinds)))
    guard = lockdown(domains, {f"d{i}": verdicts[kind] for i, kind in enumerate(kinds)})
    assert guard.passed == (not set(kinds) & STOPS.keys())
