"""The index of the fleet loses no tenant to two writers, and the cursor has one owner."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from clients.storage.fleet import CursorMoved, FleetTable
from domain.fleet import Cursor

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
TENANTS = [str(UUID(int=number)) for number in range(1, 101)]


@pytest.fixture
def fleet(table):
    return FleetTable(table)


async def test_tenants_noted_at_the_same_time_are_all_there(fleet):
    await asyncio.gather(*(fleet.note(tenant, NOON) for tenant in TENANTS))
    assert await fleet.tenants() == dict.fromkeys(TENANTS, NOON)


async def test_a_tenant_that_is_switched_off_leaves_the_index(fleet):
    await fleet.note(TENANTS[0], NOON)
    await fleet.note(TENANTS[0], None)
    await fleet.note(TENANTS[1], None)
    assert await fleet.tenants() == {}


async def test_comparing_mends_pages_and_leaves_newer_ones_alone(fleet):
    await fleet.note(TENANTS[0], NOON)
    before = await fleet.pages()
    await fleet.compare({TENANTS[1]: NOON}, before)
    assert (await fleet.tenants()).keys() == {TENANTS[1]}

    before = await fleet.pages()
    await fleet.note(TENANTS[2], NOON)
    await fleet.compare({TENANTS[1]: NOON}, before)
    assert (await fleet.tenants()).keys() == {TENANTS[1], TENANTS[2]}


async def test_of_many_that_move_the_cursor_one_does(fleet):
    moved = await asyncio.gather(*(fleet.move(Cursor(done=NOON), None) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, CursorMoved) for each in moved) == 4
    cursor, version = await fleet.cursor()
    await fleet.move(Cursor(done=NOON + timedelta(minutes=1), tenants=3, counted=True), version)
    with pytest.raises(CursorMoved):
        await fleet.move(cursor, version)
    assert await fleet.size() == 3


async def test_a_fleet_that_no_tick_has_counted_has_no_size(fleet):
    assert await fleet.size() is None
    await fleet.move(Cursor(done=NOON, claimed=NOON), None)
    assert await fleet.size() is None
