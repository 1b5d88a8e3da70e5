"""What one piece of work still asks of a service that turned it away or refuses it, without a service."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from clients.errors import CredentialRefused, Forbidden, NotLicensed, TenantGone, Unauthorised, Unreachable
from clients.restraint import LOGIN, MOST_REQUESTS, Resting, Restraint, heeding, in_force, knowing_the_tenant
from domain.rests import PERSISTS_AFTER, Rest

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
LONG = Rest(until=NOON, times=0, refused_since=NOON - PERSISTS_AFTER)
"""A refusal that has lasted long enough to be a rest when it comes again."""


def now():
    return NOON


def test_a_service_that_is_busy_gets_no_more_than_the_few_requests():
    restraint = Restraint("t", {})
    restraint.turned_away("exchange", None)
    for _ in range(MOST_REQUESTS):
        restraint.admit("exchange", NOON)
    with pytest.raises(Resting, match="throttled until"):
        restraint.admit("exchange", NOON)
    restraint.admit("graph", NOON)


@pytest.mark.parametrize("refusal", [Unauthorised("no"), Forbidden("no", remedy="Grant it.")])
def test_a_refusal_that_persists_becomes_a_rest_that_says_why(refusal):
    restraint = Restraint("t", {"exchange": LONG})
    with in_force(restraint), pytest.raises(Resting, match=r"refused until .*: no"), heeding("exchange", now):
        raise refusal
    assert restraint.begun["exchange"].until > NOON
    with in_force(restraint), pytest.raises(Resting), heeding("exchange", now):
        pytest.fail("it is asked while it rests")


@pytest.mark.parametrize("told", [CredentialRefused("our secret"), NotLicensed("no plan"), TenantGone("gone")])
def test_what_is_not_the_services_refusal_makes_no_rest_there(told):
    restraint = Restraint("t", {"exchange": LONG})
    with in_force(restraint), pytest.raises(type(told)), heeding("exchange", now):
        raise told
    assert restraint.begun == {}


def test_a_service_that_takes_us_again_is_forgotten_and_a_token_alone_shows_nothing():
    restraint = Restraint("t", {"exchange": LONG})
    with in_force(restraint), heeding("exchange", now, proves=False):
        pass
    assert restraint.ended == set()
    with in_force(restraint), heeding("exchange", now):
        pass
    assert restraint.ended == {"exchange"}


async def test_who_hears_beside_another_that_a_tenant_is_gone_hears_until_when_it_rests():
    async def token():
        with knowing_the_tenant(now):
            await asyncio.sleep(0)
            raise TenantGone("gone")

    with in_force(Restraint("t", {LOGIN: LONG})):
        heard = await asyncio.gather(token(), token(), return_exceptions=True)
    assert [type(each) for each in heard] == [Resting, Resting]


def test_a_tenant_that_is_gone_is_asked_about_once_in_a_piece_of_work():
    restraint = Restraint("t", {})
    with in_force(restraint):
        with pytest.raises(TenantGone), knowing_the_tenant(now):
            raise TenantGone("gone")
        with pytest.raises(TenantGone), knowing_the_tenant(now):
            pytest.fail("it is asked again")
    assert restraint.begun[LOGIN].refused_since == NOON


def test_work_on_no_tenant_is_not_restrained():
    with pytest.raises(TenantGone), knowing_the_tenant(now):
        raise TenantGone("gone")
    with pytest.raises(Forbidden), heeding("exchange", now):
        raise Forbidden("no")


def test_only_what_still_holds_is_named():
    over = Rest(until=NOON - timedelta(seconds=1))
    held = Rest(until=NOON + timedelta(seconds=1))
    assert Restraint("t", {"exchange": held, "graph": over}).holding(NOON) == {"exchange": held}


LOST = Unreachable("no answer", sent=True)


def test_answers_that_are_lost_in_one_piece_of_work_count_once():
    restraint = Restraint("t", {})
    for _ in range(3):
        restraint.silent("exchange", LOST, NOON)
    assert restraint.begun == {"exchange": Rest(until=NOON, times=0, why="no answer", silent=True)}


def test_an_answer_lost_in_the_next_piece_of_work_too_is_a_rest_that_says_so():
    restraint = Restraint("t", {"exchange": Rest(until=NOON, times=0, silent=True)})
    for _ in range(2):
        with pytest.raises(Resting, match="no answer, not asked until"):
            restraint.silent("exchange", LOST, NOON)
    assert restraint.begun["exchange"].times == 1


def test_a_service_that_answers_again_is_forgotten_and_what_it_loses_afterwards_is_the_first():
    restraint = Restraint("t", {"exchange": Rest(until=NOON, times=3, silent=True)})
    restraint.answered("exchange")
    assert restraint.ended == {"exchange"}
    restraint.silent("exchange", LOST, NOON)
    assert (restraint.ended, restraint.begun["exchange"].times) == (set(), 0)


def test_an_answer_ends_no_throttle():
    restraint = Restraint("t", {"exchange": Rest(until=NOON, times=3)})
    restraint.answered("exchange")
    assert restraint.ended == set()


def test_a_persons_way_out_is_tried_although_the_tenant_rests():
    restraint = Restraint("t", {"exchange": Rest(until=NOON + timedelta(minutes=9))}, way_out=True)
    restraint.admit("exchange", NOON)
