"""The brake fails closed, and opens rightly: once, at the first start of all."""

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from clients.storage.chains import ChainTable
from clients.storage.heads import HeadTable
from clients.storage.ledger import LedgerTable
from clients.storage.recent import RecentTable
from clients.storage.switches import Radius, SwitchTable
from domain.gate import Brake


def table_of(table):
    """The table, with a ledger that is not told anything here."""
    heads = HeadTable(table)
    return SwitchTable(table, LedgerTable(table, ChainTable(table, heads), RecentTable(table)))


@pytest_asyncio.fixture
async def tables(azurite_connection):
    """`switches`, `tenants` and `ledger` of a new account."""
    async with TableServiceClient.from_connection_string(azurite_connection) as service:
        names = [f"t{uuid4().hex}" for _ in range(3)]
        yield [await service.create_table(name) for name in names]
        for name in names:
            await service.delete_table(name)


async def test_the_first_start_makes_the_brake_released(tables):
    switches, *others = tables
    await table_of(switches).begin(*others)
    assert not (await table_of(switches).brake()).engaged
    assert await switches.get_entity("brake", "brake")


async def test_of_many_first_starts_one_makes_it_and_a_brake_that_was_pulled_stays(tables):
    switches, *others = tables
    await asyncio.gather(*(table_of(switches).begin(*others) for _ in range(5)))
    await table_of(switches).set_brake(Brake(engaged=True, reason="incident 7"))
    await asyncio.gather(*(table_of(switches).begin(*others) for _ in range(5)))
    assert (await table_of(switches).brake()).reason == "incident 7"


@pytest.mark.parametrize("known", [0, 1, 2], ids=["switches", "tenants", "ledger"])
async def test_where_anything_was_ever_written_a_missing_brake_is_engaged_and_stays_so(tables, known):
    await tables[known].create_entity({"PartitionKey": "p", "RowKey": "r"})
    switches = table_of(tables[0])
    await switches.begin(*tables[1:])
    assert (await switches.brake()).engaged
    with pytest.raises(ResourceNotFoundError):
        await tables[0].get_entity("brake", "brake")
    await switches.set_brake(Brake())
    assert not (await switches.brake()).engaged


@pytest.mark.parametrize("row", [{"body0": "{"}, {"body0": '{"engaged": "perhaps"}'}, {"version": 99, "body0": "{}"}])
async def test_a_brake_that_makes_no_sense_is_engaged(tables, row):
    await tables[0].create_entity({"PartitionKey": "brake", "RowKey": "brake"} | row)
    assert (await table_of(tables[0]).brake()).engaged


@pytest.mark.parametrize(
    "row",
    [
        {"body0": "{"},
        {"body0": "{}", "outbox0": "{"},
        {"body0": "{}", "outbox0": '{"entries": [{"of": "another shape"}]}'},
        {"version": 99, "body0": "{}", "outbox0": '{"of": "a later version", "entries": 7}'},
    ],
    ids=["body", "outbox", "entry", "later version"],
)
async def test_whatever_the_brakes_row_holds_a_person_can_set_it(tables, row, caplog):
    await tables[0].create_entity({"PartitionKey": "brake", "RowKey": "brake"} | row)
    switches = table_of(tables[0])
    for engaged in (True, False):
        await switches.set_brake(Brake(engaged=engaged, reason="incident 7"))
        assert await switches.brake() == Brake(engaged=engaged, reason="incident 7")
    assert caplog.text.count("row_unreadable row='brake brake' property=outbox") == ("outbox0" in row)


async def test_a_signature_whose_row_cannot_be_read_is_held_until_it_is_released_and_hides_no_other(tables):
    switches = table_of(tables[0])
    await switches.set_radius("spf:dns", Radius(reason="many"), None)
    await tables[0].create_entity({"PartitionKey": "radius", "RowKey": "dkim:dns", "body0": "{"})
    radii = await switches.radii()
    assert radii["spf:dns"] == Radius(reason="many")
    radius, version = await switches.radius("dkim:dns")
    assert radius == radii["dkim:dns"]
    assert radius.held_since
    await switches.set_radius("dkim:dns", Radius(reason="looked at"), version)
    assert (await switches.radius("dkim:dns"))[0] == Radius(reason="looked at")
