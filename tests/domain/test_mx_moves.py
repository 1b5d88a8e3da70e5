"""Until when an MX that moved may still be in use: from looks alone, some of which saw little."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mail.answers import Absent, Mx, Present, Question, Unclear
from domain.mail.asking import Needs
from domain.mail.mx import FilterHosts
from domain.mx_moves import FORGOTTEN_AFTER, LONGEST_TTL_S, UNSEEN_PATIENCE, MxMemories, sight

NAME, OURS = "contoso.example", FilterHosts(("exchangedefender.com",))
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FILTER, OLD = "inbound30.exchangedefender.com", "contoso-example.mail.protection.outlook.com"


def at(**later):
    return START + timedelta(**later)


def mx(*hosts, when=START, ttl_s=300, whole=True):
    """What is seen at *when*, in an answer that is as old as that."""
    return Present(tuple(Mx(10, host) for host in hosts), ttl_s, when, whole)


NO_SERVERS = Absent(True, 60, START)


def look(memories, answer, *, now=None, locked=False, domain=NAME, servers=NO_SERVERS):
    answers = {Question(domain, "MX"): answer, Question(domain, "NS"): servers}
    answers |= {Question(host, "CNAME"): Absent(True, 60, START) for host in (FILTER, OLD)}
    return memories.after({domain: sight(domain, answers, OURS)}, now or answer.at, locked=locked)


def seen(*answers, locked=False):
    memories = MxMemories()
    for answer in answers:
        memories = look(memories, answer, locked=locked)
    return memories.domains[NAME]


def test_after_a_move_the_old_ttl_is_waited_for_from_the_first_look_that_saw_the_filter():
    memory = seen(mx(OLD, ttl_s=3600), mx(FILTER, when=at(minutes=15)), mx(FILTER, when=at(minutes=30)))
    assert (memory.until, memory.elsewhere, memory.ttl_s) == (at(minutes=75), (OLD,), 3600)


def test_a_ttl_that_was_lowered_a_moment_ago_does_not_shorten_the_wait():
    memory = seen(mx(OLD, ttl_s=86_400), mx(OLD, when=at(minutes=15)), mx(FILTER, when=at(minutes=30)))
    assert memory.until == at(days=1, minutes=15)


def test_a_ttl_that_was_lowered_in_time_does():
    memory = seen(mx(OLD, ttl_s=3600), mx(OLD, when=at(minutes=15)), mx(FILTER, when=at(hours=2)))
    assert memory.until == at(hours=2, minutes=5)


def test_of_an_answer_that_was_kept_the_whole_time_to_live_counts():
    kept = look(MxMemories(), mx(OLD, ttl_s=600), now=at(seconds=3000))
    assert kept.domains[NAME].ttl_s == 3600


def test_a_mistyped_ttl_does_not_hold_for_years():
    assert seen(mx(OLD, ttl_s=2**31 - 1)).until == at(seconds=LONGEST_TTL_S)


def test_no_mx_is_believed_for_as_long_as_its_proof():
    memory = seen(Absent(name_exists=True, ttl_s=900, at=START), mx(FILTER, when=at(minutes=1)))
    assert (memory.until, memory.elsewhere) == (at(minutes=16), ("no MX",))


def test_a_host_beside_the_filter_is_one_that_was_elsewhere():
    assert seen(mx(FILTER, OLD)).elsewhere == (OLD,)


def test_an_mx_that_was_never_seen_elsewhere_may_have_moved_a_moment_ago():
    assert seen(mx(FILTER)).until == START + UNSEEN_PATIENCE


def test_a_locked_tenant_is_taken_as_it_is_found():
    assert seen(mx(FILTER), locked=True).until == START


def test_so_is_one_that_was_seen_locked_lately():
    locked = MxMemories().after({}, START, locked=True)
    assert look(locked, mx(FILTER, when=at(hours=1))).domains[NAME].until == at(hours=1)
    assert look(locked, mx(FILTER, when=START + FORGOTTEN_AFTER + timedelta(1))).domains[NAME].until > at(days=4)


def test_a_lock_takes_nothing_off_an_old_mx_that_was_seen():
    memory = seen(mx(OLD, ttl_s=3600), mx(FILTER, when=at(minutes=1)), locked=True)
    assert memory.until == at(minutes=61)


@pytest.mark.parametrize(
    "nothing",
    [Unclear("SERVFAIL", at(minutes=1)), mx(FILTER, when=at(minutes=1), whole=False), mx(FILTER)],
    ids=["unclear", "not_every_server", "seen_before"],
)
def test_a_look_that_tells_nothing_new_changes_nothing(nothing):
    before = look(MxMemories(), mx(OLD))
    assert look(before, nothing) == before


def test_what_was_not_asked_changes_nothing():
    before = look(MxMemories(), mx(OLD))
    assert before.after({NAME: sight(NAME, {}, OURS)}, at(minutes=1), locked=False) == before


def test_a_domain_that_is_no_name_is_unknown_and_remembered_as_nothing():
    assert look(MxMemories(), mx(FILTER), domain="a..b").domains == {}


OTHER = {"other.example": sight("other.example", {}, OURS)}


def test_a_domain_that_is_gone_for_long_is_forgotten():
    before = look(MxMemories(), mx(FILTER))
    assert before.after(OTHER, at(seconds=LONGEST_TTL_S + 1), locked=False).domains == {}


def test_a_domain_that_a_list_lacks_may_still_be_there_for_an_hour_after_its_last_look():
    memories = look(MxMemories(), mx(OLD))
    assert memories.unlisted([NAME], START) == {}
    assert memories.unlisted(["other.example"], at(hours=1)) == memories.domains
    assert memories.unlisted([], at(hours=1, seconds=1)) == {}


def test_an_old_mx_is_still_waited_for_when_a_listing_left_its_domain_out_once():
    before = look(MxMemories(), mx(OLD, ttl_s=86_400), locked=True)
    without = before.after(OTHER, at(minutes=15), locked=True)
    after = look(without, mx(FILTER, when=at(minutes=30)), locked=True)
    assert (after.domains[NAME].until, after.domains[NAME].elsewhere) == (at(days=1, minutes=30), (OLD,))


def test_an_old_mx_with_a_long_ttl_is_still_waited_for_after_days_without_a_look():
    memories = look(MxMemories(), mx(OLD, ttl_s=6 * 86_400))
    memories = look(memories, mx(FILTER, when=at(minutes=15)), locked=True)
    late = look(memories, mx(FILTER, when=at(days=3)), locked=True)
    assert (late.domains[NAME].until, late.domains[NAME].elsewhere) == (at(days=6, minutes=15), (OLD,))


def test_an_mx_that_was_not_looked_at_for_days_may_have_come_and_gone():
    before = look(MxMemories(), mx(FILTER), locked=True)
    late = at(days=9)
    assert look(before, mx(FILTER, when=late)).domains[NAME].until == late + UNSEEN_PATIENCE


def test_what_begins_after_days_without_a_look_knows_of_them_and_what_begins_with_the_first_look_does_not():
    began = mx(FILTER)
    assert seen(began).unseen_from is None
    again = seen(began, mx(FILTER, when=at(days=9)))
    assert again.unseen_from == START
    assert [again.begins_after(each) for each in (at(days=-1), START, at(days=1))] == [True, True, False]
    assert not seen(began).begins_after(at(days=-1))


def test_a_domain_that_comes_later_knows_that_it_was_not_there_before():
    memories = look(MxMemories(), mx(FILTER))
    both = look(memories, mx(FILTER, when=at(minutes=15)), domain="new.example")
    assert both.domains[NAME].unseen_from is None
    assert both.domains["new.example"].unseen_from == START


def test_an_alias_in_front_of_the_mx_adds_its_time():
    behind = replace(mx(OLD, ttl_s=60), longest_s=60 + 3600)
    assert seen(behind, mx(FILTER, when=at(minutes=1))).until == at(minutes=62)


def disagreeing(*shown, when=START):
    return Unclear("servers disagree", when, shown)


def test_servers_that_disagree_and_show_a_foreign_host_count_as_an_mx_elsewhere():
    both = disagreeing(mx(FILTER, when=at(minutes=1)), mx(OLD, ttl_s=3600, when=at(minutes=1)), when=at(minutes=1))
    memories = look(MxMemories(), mx(FILTER), locked=True)
    memories = look(memories, both, locked=True)
    assert not memories.domains[NAME].at_filter
    memory = look(memories, mx(FILTER, when=at(minutes=16)), locked=True).domains[NAME]
    assert (memory.at_filter, memory.elsewhere, memory.until) == (True, (OLD,), at(minutes=76))


def test_so_does_a_server_that_has_no_mx_while_another_is_silent():
    memory = look(MxMemories(), disagreeing(Absent(True, 900, START))).domains[NAME]
    assert (memory.at_filter, memory.elsewhere) == (False, ("no MX",))


def test_servers_of_which_one_is_silent_and_none_shows_another_host_tell_nothing():
    assert look(MxMemories(), disagreeing(mx(FILTER))).domains == {}


def ns(*hosts, when=START, ttl_s=300, longest_s=0):
    return Present(hosts, ttl_s, when, longest_s=longest_s)


def moved(former, latter, *, old=FILTER, ttl_s=300):
    """What is remembered of a zone that was given to other servers between two looks."""
    first = look(MxMemories(), mx(old, ttl_s=ttl_s), locked=True, servers=former)
    return look(first, mx(FILTER, when=at(minutes=15)), locked=True, servers=latter).domains[NAME]


LATER = {"when": at(minutes=15)}


@pytest.mark.parametrize(
    ("former", "latter", "waits"),
    [
        (ns("a.example", ttl_s=3600), ns("b.example", **LATER), timedelta(hours=1)),
        (ns("a.example", ttl_s=60, longest_s=86_400), ns("b.example", **LATER), timedelta(days=1)),
        (ns("a.example"), ns("b.example", ttl_s=60, longest_s=7200, **LATER), timedelta(hours=2)),
        (ns("a.example", ttl_s=0), ns("b.example", ttl_s=0, **LATER), timedelta(hours=48)),
        (ns("a.example"), ns("a.example", "b.example", **LATER), timedelta(minutes=5)),
    ],
    ids=["zone", "parent", "new parent", "neither", "one more"],
)
def test_where_the_name_servers_moved_the_old_delegation_is_waited_for(former, latter, waits):
    memory = moved(former, latter)
    assert (memory.former, memory.former_until) == (("a.example",), at(minutes=15) + waits)
    assert memory.servers == tuple(sorted(latter.values))


def test_what_the_old_servers_said_last_is_believed_for_its_own_time_too():
    memory = moved(ns("a.example", ttl_s=3600), ns("b.example", **LATER), old=OLD, ttl_s=600)
    assert memory.former_until == at(minutes=15 + 60 + 10)


@pytest.mark.parametrize("latter", [NO_SERVERS, Unclear("SERVFAIL", at(minutes=15)), ns("a.example", **LATER)])
def test_servers_that_are_the_same_or_not_seen_are_no_move(latter):
    memory = moved(ns("a.example"), latter)
    assert (memory.former, memory.former_until, memory.servers) == ((), None, ("a.example",))


def test_a_second_move_does_not_shorten_the_wait_for_the_first():
    first = look(MxMemories(), mx(FILTER), locked=True, servers=ns("a.example", ttl_s=86_400))
    second = look(first, mx(FILTER, when=at(minutes=15)), servers=ns("b.example", **LATER))
    third = look(second, mx(FILTER, when=at(minutes=30)), servers=ns("c.example", when=at(minutes=30)))
    assert third.domains[NAME].former_until == at(days=1, minutes=15)


def test_the_name_servers_of_a_domain_are_those_of_the_zone_that_it_is_in():
    answers = {Question("mail.contoso.example", "MX"): mx(FILTER)}
    assert sight("mail.contoso.example", answers, OURS).verdict == Needs(
        (Question(FILTER, "CNAME"), Question("mail.contoso.example", "NS"))
    )
    answers |= {Question(FILTER, "CNAME"): NO_SERVERS, Question("mail.contoso.example", "NS"): NO_SERVERS}
    assert sight("mail.contoso.example", answers, OURS).verdict == Needs((Question(NAME, "NS"),))
    answers |= {Question(NAME, "NS"): ns("a.example")}
    assert sight("mail.contoso.example", answers, OURS).servers == ns("a.example")


TTLS = st.sampled_from([0, 60, 300, 3600, 86_400])
LOOKS = st.lists(st.tuples(st.integers(1, 900), st.booleans(), TTLS), min_size=1, max_size=12)


@given(LOOKS)
def test_nobody_who_asked_when_we_looked_still_believes_an_old_mx_when_the_wait_is_over(steps):
    memories, now, latest = MxMemories(), START, START
    for minutes, at_filter, ttl_s in steps:
        now += timedelta(minutes=minutes)
        memories = look(memories, mx(FILTER if at_filter else OLD, when=now, ttl_s=ttl_s))
        latest = latest if at_filter else max(latest, now + timedelta(seconds=ttl_s))
        assert memories.domains[NAME].until >= latest
        assert memories.domains[NAME].at_filter == at_filter
