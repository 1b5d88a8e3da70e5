"""The cursor has one owner."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from clients.storage.fleet import CursorMoved, FleetTable
from domain.fleet import Cursor

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.fixture
def fleet(table):
    return FleetTable(table)


async def test_of_many_that_move_the_cursor_one_does(fleet):
    moved = await asyncio.gather(*(fleet.move(Cursor(done=NOON), None) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, CursorMoved) for each in moved) == 4
    cursor, version = await fleet.cursor()
    await fleet.move(Cursor(done=NOON + timedelta(minutes=1), tenants=3, counted=True), version)
    with pytest.raises(CursorMoved):
        await fleet.move(cursor, version)
    assert await fleet.size() == 3


async def test_a_cursor_that_makes_no_sense_is_where_it_was_written_and_moves_on(fleet, table):
    await table.upsert_entity({"PartitionKey": "tick", "RowKey": "cursor", "version": 3, "body0": '{"done": "soon"}'})
    cursor, version = await fleet.cursor()
    assert abs(datetime.now(UTC) - cursor.done) < timedelta(minutes=5)
    assert await fleet.size() is None
    await fleet.move(Cursor(done=NOON, tenants=3, counted=True), version)
    assert await fleet.size() == 3


async def test_a_fleet_that_no_tick_has_counted_has_no_size(fleet):
    assert await fleet.size() is None
    await fleet.move(Cursor(done=NOON, claimed=NOON), None)
    assert await fleet.size() is None
