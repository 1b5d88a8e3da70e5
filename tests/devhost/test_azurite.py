import os
import subprocess
import sys
from pathlib import Path

import pytest
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
