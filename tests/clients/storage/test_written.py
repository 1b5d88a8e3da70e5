"""Places within the blast radius: taken in order, and given back as if they had never been taken."""

from datetime import UTC, datetime, timedelta

import pytest

from clients.storage.written import WrittenTable

SPF = "spf:dns"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=30)
HOUR_AGO = NOON - timedelta(hours=1)
LAST_WEEK = NOON - timedelta(days=7)


@pytest.fixture
def written(table):
    return WrittenTable(table)


async def test_each_tenant_has_the_next_number_and_keeps_it(written):
    for number, tenant in enumerate("cab", start=1):
        assert (await written.reserve(SPF, tenant, NOON, HOUR_AGO)).number == number
    assert (await written.reserve(SPF, "a", LATER, HOUR_AGO)).number == 2
    assert (await written.reserve("mx:dns", "a", LATER, HOUR_AGO)).number == 1


async def test_a_place_that_was_taken_for_nothing_is_given_back(written):
    await written.reserve(SPF, "a", NOON, HOUR_AGO)
    await written.give_back(await written.reserve(SPF, "b", NOON, HOUR_AGO))
    assert await written.counts(HOUR_AGO) == {SPF: 1}
    assert (await written.reserve(SPF, "c", NOON, HOUR_AGO)).number == 2


async def test_a_place_that_stood_already_is_not_given_back(written):
    await written.reserve(SPF, "a", NOON, HOUR_AGO)
    await written.give_back(await written.reserve(SPF, "a", LATER, HOUR_AGO))
    assert await written.counts(HOUR_AGO) == {SPF: 1}


@pytest.mark.parametrize("at", [NOON, LAST_WEEK], ids=["within the hour, before a release", "days ago"])
async def test_an_older_place_is_there_again_when_the_one_instead_of_it_is_given_back(written, at):
    await written.reserve(SPF, "a", at, at)
    place = await written.reserve(SPF, "a", LATER, LATER)
    assert (place.number, await written.counts(LATER)) == (1, {SPF: 1})
    await written.give_back(place)
    assert await written.counts(at) == {SPF: 1}
    assert await written.counts(LATER) == {}
    assert (await written.reserve(SPF, "b", LATER, LATER)).number == 1


@pytest.mark.parametrize("known", [True, False])
async def test_a_place_that_was_taken_anew_meanwhile_is_nobody_elses_to_give_back(written, known):
    if known:
        await written.reserve(SPF, "a", HOUR_AGO, HOUR_AGO)
    place = await written.reserve(SPF, "a", NOON, NOON)
    await written.reserve(SPF, "a", LATER, LATER)
    await written.give_back(place)
    assert await written.counts(LATER) == {SPF: 1}
