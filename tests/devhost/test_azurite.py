import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient, TableServiceClient
from azure.storage.queue import QueueServiceClient

from devhost.azurite import azurite
from devhost.errors import StartError
from tests.devhost.processes import ROOT, eventually, is_listening

OUTLIVED = """
import asyncio, os, signal
from devhost.azurite import azurite

async def die():
    async with azurite() as connection:
        print(connection, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(die())
"""


async def test_its_connection_string_works_until_the_block_ends() -> None:
    async with azurite() as connection:
        with QueueServiceClient.from_connection_string(connection) as client:
            assert list(client.list_queues()) == []

    assert not is_listening(connection)


async def test_data_in_a_location_is_there_again(tmp_path: Path) -> None:
    async with azurite(tmp_path) as connection:
        with QueueServiceClient.from_connection_string(connection) as client:
            client.create_queue("kept").close()

    async with azurite(tmp_path) as connection:
        with QueueServiceClient.from_connection_string(connection) as client:
            assert [queue.name for queue in client.list_queues()] == ["kept"]


def test_it_does_not_outlive_a_starter_that_was_killed() -> None:
    died = subprocess.run(
        [sys.executable, "-c", OUTLIVED], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )

    eventually(lambda: not is_listening(died.stdout.strip()), "Azurite is gone")


async def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"npm ci"):
        async with azurite(script=tmp_path / "azurite.js"):
            pass


async def test_missing_node_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartError, match=r"Node\.js"):
        async with azurite():
            pass


async def test_a_start_that_fails_says_what_azurite_said(tmp_path: Path) -> None:
    broken = tmp_path / "azurite.js"
    broken.write_text("throw new Error('out of luck')")

    with pytest.raises(StartError, match="out of luck"):
        async with azurite(script=broken):
            pass


@pytest.fixture
def table(storage: str) -> Iterator[TableClient]:
    """Three partitions of twenty rows each, with the same row keys; one has an apostrophe in its name."""
    with TableServiceClient.from_connection_string(storage) as service:
        rows = service.create_table("rows")
        for partition in ("first", "it's", "third"):
            made = [{"PartitionKey": partition, "RowKey": f"{row:02}", "even": row % 2 == 0} for row in range(20)]
            rows.submit_transaction([("create", each) for each in made])
        yield rows
        rows.delete_table()


@pytest.mark.parametrize(
    ("filter_", "count"),
    [
        ("PartitionKey eq 'it''s'", 20),
        ("PartitionKey eq 'it''s' and RowKey ge '15'", 5),
        ("PartitionKey eq 'it''s' and ( RowKey eq '01' or even eq true )", 11),
        ("PartitionKey eq 'it''s' or RowKey eq '01'", 22),
        ("PartitionKey eq 'first' or PartitionKey eq 'third'", 40),
        ("PartitionKey eq 'first' and RowKey eq '01' or PartitionKey eq 'third' and even eq true", 11),
        ("PartitionKey ge 'it''s' and RowKey eq '01'", 2),
        ("RowKey eq ' or ' or PartitionKey eq 'first'", 20),
        ("PartitionKey eq 'nothing'", 0),
        ("even eq true", 30),
    ],
)
def test_a_query_finds_the_rows_that_its_filter_takes(table: TableClient, filter_: str, count: int) -> None:
    found = list(table.query_entities(filter_, results_per_page=7))
    assert len({(row["PartitionKey"], row["RowKey"]) for row in found}) == len(found) == count


def test_a_row_is_found_by_both_its_keys(table: TableClient) -> None:
    assert table.get_entity("it's", "07")["even"] is False
    with pytest.raises(ResourceNotFoundError):
        table.get_entity("it's", "20")
    with pytest.raises(ResourceNotFoundError):
        table.get_entity("other", "07")
