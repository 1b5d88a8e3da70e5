from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exchange import AcceptedDomain
from domain.guards import Guard, lockdown
from domain.mail import mx
from domain.mail.answers import Unclear
from domain.mail.asking import Needs, NoVerdict
from domain.mx_moves import UNSEEN_PATIENCE, MxMemories, MxMemory, Sight

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LONG_AGO = MxMemory(at_filter=True, until=NOW - timedelta(days=1), seen_at=NOW)

GOES: dict[str, mx.MxVerdict | Needs | NoVerdict] = {
    "filter": mx.AllFilter(("inbound30.exchangedefender.com",)),
    "null_mx": mx.NullMx(),
}
STOPS: dict[str, tuple[mx.MxVerdict | Needs | NoVerdict, str]] = {
    "microsoft": (mx.Microsoft(("a-com.mail.protection.outlook.com",)), "move the MX first"),
    "mixed": (mx.Mixed(("inbound30.exchangedefender.com",), ("a-com.mail.protection.outlook.com",)), "a-com.mail"),
    "other": (mx.Other(("mx.other.example",)), "move the MX first"),
    "no_mx": (mx.NoMx(), "no MX record"),
    "no_domain": (mx.NoDomain(), "does not exist"),
    "unknown": (NoVerdict("SERVFAIL"), "SERVFAIL"),
    "half_read": (Needs(()), "was not read"),
}


def guard(verdicts, memories=None, since=None, servers=None, domains=(), unlisted=None):
    sights = {domain: Sight(verdict, servers=servers) for domain, verdict in verdicts.items()}
    remembered = dict.fromkeys(verdicts, LONG_AGO) | (memories or {})
    known = MxMemories(domains={k: v for k, v in remembered.items() if v})
    return lockdown([domain_of(**row) for row in domains], sights, known, NOW, since=since, unlisted=unlisted or {})


def domain_of(name="a.com", kind="Authoritative", **flags):
    return AcceptedDomain.of({"DomainName": name, "DomainType": kind} | flags)


@pytest.mark.parametrize("verdict", GOES.values(), ids=list(GOES))
def test_the_lock_may_close_when_every_mx_is_the_filters(verdict):
    assert guard({"good.com": GOES["filter"], "a.com": verdict}).passed


def test_where_no_domain_takes_mail_by_the_filter_the_lock_stays_open():
    found = guard({"a.com": GOES["null_mx"], "b.com": GOES["null_mx"]})
    assert found == Guard(passed=False, reason="no MX of a.com, b.com is the filter's")


DOUBTFUL = {
    "MatchSubDomains": {"kind": "InternalRelay", "MatchSubDomains": True},
    "ExternalRelay": {"kind": "ExternalRelay"},
    "PendingRemoval": {"PendingRemoval": True},
    "Shared": {"kind": "Shared"},
}


@pytest.mark.parametrize(("said", "row"), DOUBTFUL.items(), ids=list(DOUBTFUL))
def test_a_domain_whose_own_mx_does_not_tell_what_would_be_refused_stops(said, row):
    found = guard({"good.com": GOES["filter"]}, domains=[{"name": "good.com"}, row])
    assert not found.passed
    assert found.reason.startswith("a.com: ")
    assert said in found.reason


@pytest.mark.parametrize("row", [{"InitialDomain": True}, {"IsCoexistenceDomain": True}, {"name": "x.onmicrosoft.com"}])
def test_microsofts_own_names_are_no_doubt(row):
    assert guard({"good.com": GOES["filter"]}, domains=[row | {"kind": "Shared"}]).passed


@pytest.mark.parametrize("verdict", [mx.NoMx(), mx.NoDomain()])
def test_a_domain_without_mail_is_told_with_what_helps(verdict):
    assert "publish a null MX (RFC 7505: `MX 0 .`)" in guard({"a.com": verdict}).reason


def test_name_servers_that_are_not_known_stop():
    found = guard({"a.com": GOES["filter"]}, servers=Unclear("SERVFAIL", NOW))
    assert found == Guard(passed=False, reason="a.com: its name servers are unknown (SERVFAIL)", unread=True)


def test_former_name_servers_are_waited_for():
    moved = replace(LONG_AGO, former=("ns1.old.example",), former_until=NOW + timedelta(hours=1))
    assert guard({"a.com": GOES["filter"]}, {"a.com": moved}).reason == (
        "a.com: its name servers were ns1.old.example, which resolvers may still ask until 2026-11-23 13:00:00 UTC"
    )
    assert guard({"a.com": GOES["filter"]}, {"a.com": replace(moved, former_until=NOW)}).passed


MOVED = replace(LONG_AGO, elsewhere=("mx.old.example",), until=NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        (replace(LONG_AGO, at_filter=False), "since when its MX is the filter's is not known"),
        (MOVED, "its MX was mx.old.example"),
        (replace(LONG_AGO, former=("ns1.old.example",), former_until=MOVED.until), "its name servers were"),
    ],
    ids=["elsewhere", "moved", "name servers moved"],
)
def test_a_domain_that_the_list_lacks_stops_as_it_did_while_it_was_there(memory, said):
    found = guard({"a.com": GOES["filter"]}, unlisted={"b.com": memory})
    assert (found.passed, found.unread) == (False, True)
    assert found.reason.startswith("b.com: the list of accepted domains, which may be an older replica's, lacks it")
    assert said in found.reason


def test_a_domain_that_the_list_lacks_and_that_held_nothing_holds_nothing():
    assert guard({"a.com": GOES["filter"]}, unlisted={"b.com": LONG_AGO}).passed


@pytest.mark.parametrize(("verdict", "reason"), STOPS.values(), ids=list(STOPS))
def test_the_lock_stays_open_and_says_why(verdict, reason):
    found = guard({"good.com": GOES["filter"], "a.com": verdict})
    assert not found.passed
    assert found.reason.startswith("a.com: ")
    assert reason in found.reason


def test_without_a_known_domain_the_lock_stays_open():
    assert not guard({}).passed


@given(st.lists(st.sampled_from(sorted(GOES | STOPS)), min_size=1, max_size=6))
def test_one_doubt_is_enough_to_stop(kinds):
    verdicts = GOES | {name: verdict for name, (verdict, _) in STOPS.items()}
    found = guard({f"d{i}": verdicts[kind] for i, kind in enumerate(kinds)})
    assert found.passed == (not set(kinds) & STOPS.keys() and "filter" in kinds)


def test_an_mx_that_has_just_moved_is_waited_for_with_domain_host_and_time():
    moved = MxMemory(
        at_filter=True, until=NOW + timedelta(minutes=50), seen_at=NOW, elsewhere=("mx.old.example",), ttl_s=3600
    )
    found = guard({"a.com": GOES["filter"]}, {"a.com": moved})
    assert not found.passed
    assert found.reason == (
        "a.com: its MX was mx.old.example, which senders may still use until 2026-11-23 12:50:00 UTC (TTL 3600 s)"
    )
    assert guard({"a.com": GOES["filter"]}, {"a.com": replace(moved, until=NOW)}).passed


@pytest.mark.parametrize("memory", [None, replace(LONG_AGO, at_filter=False)], ids=["none", "elsewhere"])
def test_what_was_never_remembered_stops(memory):
    assert not guard({"a.com": GOES["filter"]}, {"a.com": memory}).passed


def test_an_mx_whose_past_is_not_known_is_waited_for_unless_the_config_says_since_when():
    new = MxMemory(at_filter=True, until=NOW + UNSEEN_PATIENCE, seen_at=NOW)
    stopped = guard({"a.com": GOES["filter"]}, {"a.com": new})
    assert "until 2026-11-25 12:00:00 UTC; mx_at_filter_since" in stopped.reason
    assert not guard({"a.com": GOES["filter"]}, {"a.com": new}, since=NOW - timedelta(hours=47)).passed
    assert guard({"a.com": GOES["filter"]}, {"a.com": new}, since=NOW - UNSEEN_PATIENCE).passed


def test_a_word_from_before_a_time_in_which_nobody_looked_waives_nothing():
    anew = MxMemory(at_filter=True, until=NOW + timedelta(days=1), seen_at=NOW, unseen_from=NOW - timedelta(days=9))
    stopped = guard({"a.com": GOES["filter"]}, {"a.com": anew}, since=NOW - timedelta(days=9))
    assert "until 2026-11-24 12:00:00 UTC; mx_at_filter_since in its config says since when" in stopped.reason
    assert stopped.reason.endswith(" (the one there is from before a time in which nobody looked at it)")
    assert guard({"a.com": GOES["filter"]}, {"a.com": anew}, since=NOW - timedelta(days=8)).passed
    moved = replace(anew, elsewhere=("mx.old.example",))
    assert "mx_at" not in guard({"a.com": GOES["filter"]}, {"a.com": moved}, since=NOW - timedelta(days=9)).reason
    long_over = replace(anew, until=NOW)
    assert guard({"a.com": GOES["filter"]}, {"a.com": long_over}, since=NOW - timedelta(days=9)).passed


def test_what_was_seen_elsewhere_counts_more_than_what_the_config_says():
    moved = MxMemory(at_filter=True, until=NOW + timedelta(minutes=1), seen_at=NOW, elsewhere=("mx.old.example",))
    assert not guard({"a.com": GOES["filter"]}, {"a.com": moved}, since=NOW - timedelta(days=99)).passed
