"""What is known of a tenant's mail after a look, and when its trace is to be read next."""

from datetime import timedelta

import pytest

from domain.mail_flow import ASK_AGAIN_FOR_GRANT, HOUR, SETTLES, MailSeen, Traffic
from tests.domain.builders import NOW, TRACED

LATER = NOW + timedelta(hours=1)
OPEN = MailSeen(locked=False, due_at=NOW + timedelta(days=1), rehearsal=TRACED.rehearsal)


def test_a_lock_that_is_seen_to_close_is_proven_from_then_on_and_settles():
    closed = OPEN.seeing(locked=True, now=LATER)
    assert (closed.closed_at, closed.proven_from, closed.due_at) == (LATER, LATER, LATER)
    assert closed.settled_at == LATER + SETTLES
    assert (closed.rehearsal, closed.proof) == (None, None)
    assert closed.seeing(locked=True, now=LATER + HOUR) == closed


def test_a_lock_that_was_closed_at_first_sight_did_not_close_just_then():
    first = MailSeen().seeing(locked=True, now=NOW)
    assert (first.closed_at, first.settled_at, first.proven_from) == (None, None, NOW)
    assert first.is_due(NOW)


def test_a_lock_that_opens_has_no_proof():
    opened = TRACED.seeing(locked=False, now=LATER)
    assert (opened.proof, opened.proven_from, opened.due_at) == (None, None, LATER)


def test_a_way_round_that_is_taken_away_begins_the_proof_anew_and_a_new_one_asks_at_once():
    fewer, more = TRACED.changed(LATER, fewer=True), TRACED.changed(LATER, fewer=False)
    assert (fewer.proven_from, fewer.proof, fewer.due_at) == (LATER, None, LATER)
    assert (more.proven_from, more.proof, more.due_at) == (TRACED.proven_from, TRACED.proof, LATER)
    assert OPEN.changed(LATER, fewer=True) == OPEN


@pytest.mark.parametrize("known", [MailSeen(missing="permission", due_at=NOW + ASK_AGAIN_FOR_GRANT), MailSeen()])
def test_a_change_asks_no_sooner_where_nothing_may_be_read_or_nothing_was_asked(known):
    assert known.seeing(locked=True, now=NOW).due_at == known.due_at


def test_what_was_never_granted_is_missing_and_what_was_once_read_has_failed():
    never = MailSeen().refused("principal", "no principal", "make one", NOW)
    assert (never.missing, never.failed, never.remedy) == ("principal", "", "make one")
    assert (never.due_at, never.was_asked) == (NOW + ASK_AGAIN_FOR_GRANT, True)
    once = TRACED.refused("permission", "denied", "grant it", NOW)
    assert (once.missing, once.failed, once.due_at) == ("", "denied", NOW + HOUR)
    assert once.going_on(7, LATER).failed == ""


def test_it_is_asked_once_anything_came_of_it():
    assert not MailSeen().was_asked
    assert MailSeen(so_far=0).was_asked
    assert MailSeen(failed="x").was_asked
    assert TRACED.was_asked


def test_a_time_of_which_nothing_was_counted_has_nothing():
    assert (Traffic(NOW, LATER).came("filter"), Traffic(NOW, LATER).counted) == (0, 0)
