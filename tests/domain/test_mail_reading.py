"""What is read of a trace, and in which order."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.mail_flow import LEAST_REHEARSED, SETTLES, MailSeen
from domain.mail_reading import AGAIN, LONGEST_BACK, MOST_ROWS, OVERLAP, SHORT, TraceReading, to_read
from domain.mail_trace import Ways, parse_trace
from domain.mx_moves import MxMemories, MxMemory
from tests.domain.builders import NOW, TRACED, wanted
from tests.domain.test_mail_trace import row

DAY = timedelta(days=1)
WAYS = Ways.of(wanted())
OPEN = MailSeen(locked=False)


def memory(until=NOW - DAY, *, at_filter=True, elsewhere=("mx.old.example",), **more):
    return MxMemory(at_filter=at_filter, until=until, seen_at=NOW, elsewhere=elsewhere, **more)


def mx(until=NOW - DAY, *, at_filter=True, **more):
    return MxMemories({"a.example": memory(until, at_filter=at_filter)}, **more)


def read(flow, memories=None, domains=("a.example",), now=NOW, **config):
    return to_read(flow, memories or mx(), wanted(**config).tenant, domains, now)


def page(reading, *rows, link="", flow=OPEN):
    return reading.with_page(map(parse_trace, rows), link, WAYS, flow)


def test_a_rehearsal_covers_the_time_since_no_older_mx_was_believed_and_ten_days_at_most():
    assert read(OPEN).traffic.start == NOW - DAY
    assert read(OPEN, mx(NOW - 20 * DAY)).traffic.start == NOW - LONGEST_BACK
    assert read(OPEN, mx_at_filter_since=NOW - 3 * DAY).traffic.start == NOW - 3 * DAY
    assert read(OPEN).traffic.end == NOW


def test_an_mx_that_was_never_seen_elsewhere_is_rehearsed_from_the_first_look_at_it_on():
    unseen = MxMemories({"a.example": memory(NOW + DAY, elsewhere=())})
    assert read(OPEN, unseen).traffic.start == NOW - DAY
    beside = MxMemories({**unseen.domains, "b.example": memory(NOW - DAY / 2)})
    assert read(OPEN, beside, domains=("a.example", "b.example")).traffic.start == NOW - DAY / 2


def test_a_word_from_before_a_time_in_which_nobody_looked_lets_no_older_mail_count():
    anew = MxMemories({"a.example": memory(NOW + DAY, elsewhere=(), unseen_from=NOW - 5 * DAY)})
    assert read(OPEN, anew, mx_at_filter_since=NOW - 9 * DAY).traffic.start == NOW - DAY
    assert read(OPEN, anew, mx_at_filter_since=NOW - 4 * DAY).traffic.start == NOW - 4 * DAY
    assert read(OPEN, domains=("b.example",), mx_at_filter_since=NOW - DAY).traffic.start == NOW - DAY


def test_a_rehearsal_that_covers_too_little_is_read_again_as_soon_as_it_covers_enough():
    short = page(read(OPEN, mx(NOW - DAY / 4))).ended(OPEN, NOW)
    assert short.due_at == NOW - DAY / 4 + LEAST_REHEARSED
    assert page(read(OPEN, mx(NOW - LEAST_REHEARSED))).ended(OPEN, NOW).due_at == NOW + AGAIN


@pytest.mark.parametrize(
    "nothing",
    [
        read(OPEN, mx(NOW + DAY)),
        read(OPEN, mx(at_filter=False)),
        read(OPEN, domains=("a.example", "b.example")),
        read(OPEN, domains=()),
        read(OPEN, mx(locked_at=NOW - 90 * DAY)),
        read(MailSeen()),
    ],
)
def test_nothing_is_rehearsed_before_the_mx_is_the_filters_nor_once_a_lock_was_seen(nothing):
    assert nothing is None


def test_a_rehearsal_counts_what_was_delivered_and_a_proof_whatever_came_in():
    quarantined = row(status="quarantined", received=NOW - timedelta(hours=1))
    assert page(read(OPEN), quarantined).traffic.groups == ()
    closed = OPEN.seeing(locked=True, now=NOW - DAY)
    assert [each.messages for each in page(read(closed), quarantined, flow=closed).traffic.groups] == [1]


def test_a_proof_begins_with_the_last_close_and_goes_on_where_the_last_one_ended():
    closed = OPEN.seeing(locked=True, now=NOW)
    first = read(closed, now=NOW + AGAIN)
    assert (first.purpose, first.traffic.start) == ("proof", NOW)
    known = page(first, row("65.99.255.7", received=NOW + timedelta(hours=1)), flow=closed).ended(closed, NOW + AGAIN)
    then = read(known, now=NOW + 2 * AGAIN)
    assert (then.traffic.start, then.known_until) == (NOW + AGAIN - OVERLAP, NOW + AGAIN)
    whole = page(then, row("65.99.255.7", received=NOW + 1.5 * AGAIN), flow=known).ended(known, NOW + 2 * AGAIN)
    assert whole.proof
    assert (whole.proof.start, whole.proof.end, whole.proof.came("filter")) == (NOW, NOW + 2 * AGAIN, 2)


def test_days_that_nobody_read_are_no_part_of_a_proof():
    closed = OPEN.seeing(locked=True, now=NOW)
    known = page(read(closed, now=NOW + AGAIN), row("65.99.255.7"), flow=closed).ended(closed, NOW + AGAIN)
    later = NOW + 3 * LONGEST_BACK
    anew = read(known, now=later).ended(known, later)
    assert anew.proof
    assert (anew.proof.start, anew.proof.end) == (later - LONGEST_BACK, later)
    assert anew.proof.came("filter") == 0


def test_a_close_is_looked_at_again_when_it_has_settled_and_daily_then():
    closed = OPEN.seeing(locked=True, now=NOW)
    known = page(read(closed, now=NOW + timedelta(minutes=1)), flow=closed).ended(closed, NOW + timedelta(minutes=1))
    assert known.due_at == NOW + SETTLES + OVERLAP
    later = NOW + SETTLES + OVERLAP
    assert page(read(known, now=later), flow=known).ended(known, later).due_at == later + AGAIN


def test_pages_are_followed_to_the_last():
    first = page(read(OPEN), row(), link="next")
    assert (first.done, first.link, first.traffic.rows) == (False, "next", 1)
    last = page(first, row())
    assert (last.done, last.traffic.rows) == (True, 2)
    known = last.ended(OPEN, NOW)
    assert (known.read_at, known.due_at, known.so_far, known.short) == (NOW, NOW + AGAIN, None, False)
    assert known.rehearsal
    assert known.rehearsal.came("outside") == 2


def test_a_rehearsal_of_too_many_rows_begins_again_with_its_last_days_and_says_so():
    begun = read(OPEN, mx(NOW - 8 * DAY))
    full = replace(begun, traffic=replace(begun.traffic, rows=MOST_ROWS))
    again = page(full, row(), link="next")
    assert (again.short, again.link, again.done, again.traffic.rows) == (True, "", False, 0)
    assert again.traffic.start == NOW - SHORT
    more = page(replace(again, traffic=replace(again.traffic, rows=MOST_ROWS)), row(), link="next")
    assert (more.short, more.link) == (True, "next")
    assert page(again).ended(OPEN, NOW).short
    assert page(full, row()).done  # all were read, so that all count


def test_a_read_goes_on_only_while_it_serves():
    wish = read(OPEN)
    assert wish.serves(wish, OPEN, NOW + timedelta(hours=1))
    assert not wish.serves(wish, OPEN, NOW + LONGEST_BACK)
    closed = OPEN.seeing(locked=True, now=NOW)
    proof = read(closed, now=NOW + AGAIN)
    assert not wish.serves(proof, closed, NOW)
    assert proof.serves(proof, closed, NOW + AGAIN)
    assert not proof.serves(proof, closed.changed(NOW + AGAIN, fewer=True), NOW + AGAIN)


def test_a_proof_has_no_limit_of_rows():
    proof = replace(read(TRACED, now=NOW + DAY))
    assert isinstance(proof, TraceReading)
    full = replace(proof, traffic=replace(proof.traffic, rows=MOST_ROWS))
    assert page(full, row("65.99.255.7", received=NOW + timedelta(hours=1)), link="x", flow=TRACED).link == "x"
