"""The host inside a program of its own, and how it comes to its end."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.devhost.processes import ROOT, SAMPLE_APP, Sample

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from azure.storage.queue import BinaryBase64EncodePolicy
from azure.storage.queue.aio import QueueClient
from devhost.azurite import azurite
from devhost.errors import StartError
from devhost.host import Host

folder, other, log = (Path(argument) for argument in sys.argv[1:])

async def main():
    async with azurite() as storage:
        os.environ |= {"SAMPLE_LOG": str(log)}
        settings = {"AzureWebJobsStorage": storage, "SAMPLE_QUEUE": "orders", "SAMPLE_TICK": "0 0 0 1 1 *"}
        async with Host(folder, settings):
            policy = BinaryBase64EncodePolicy()
            async with QueueClient.from_connection_string(storage, "orders", message_encode_policy=policy) as queue:
                for body in (b"sleep 0.5", b"fail", b"quick"):
                    await queue.send_message(body)
            while (attempts := log.read_text().count('"work"') if log.exists() else 0) < 4:
                await asyncio.sleep(0.05)
            print(attempts)
        async with Host(folder, settings, key="chosen") as again:
            print(again.key)
        try:
            async with Host(other, settings):
                pass
        except StartError as error:
            print(error)

asyncio.run(main())
"""


def test_a_program_can_start_the_same_app_again_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    arguments = [str(SAMPLE_APP), str(tmp_path), str(tmp_path / "log")]
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    attempts, key, refusal = ended.stdout.splitlines()
    assert attempts == "4"
    assert key == "chosen"
    assert refusal.endswith("is loaded in this process already, and the runtime takes one app")


def test_running_functions_finish_before_the_host_stops(own_sample: Sample) -> None:
    own_sample.send(b"sleep 0.5")
    own_sample.sees("work")

    assert own_sample.stop() == (0, "")

    assert own_sample.seen("slept")
    assert own_sample.is_empty()


def test_a_function_that_does_not_finish_is_abandoned_and_its_message_kept(own_sample: Sample) -> None:
    own_sample.send(b"sleep 600")
    own_sample.sees("work")

    code, logged = own_sample.stop()

    assert code == 0
    assert "1 invocations did not finish within 2 s: abandoned" in logged
    assert not own_sample.is_empty()


def test_a_stopped_host_answers_no_more(own_sample: Sample) -> None:
    own_sample.stop()

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{own_sample.url}/api/things/1")
