"""The devhost as a process of its own: the runtime takes one app per process, and only a process can be killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import BinaryBase64DecodePolicy, BinaryBase64EncodePolicy, QueueClient

ROOT = Path(__file__).parents[2]
SAMPLE_APP = Path(__file__).parent / "sample_app"
PATIENCE_S = 20.0


def eventually[T](look: Callable[[], T], awaited: str) -> T:
    """Look until there is something to see."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.02)
    raise AssertionError(f"{awaited}: not within {PATIENCE_S} s")


def is_listening(connection: str) -> bool:
    """Whether anything answers at the queue endpoint of a connection string."""
    endpoints = dict(part.split("=", 1) for part in connection.split(";") if part)
    address = urlsplit(endpoints["QueueEndpoint"])
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0


def run_devhost(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the devhost to its end."""
    with devhost(*arguments, **settings) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@contextmanager
def devhost(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run the devhost in a session of its own, with nothing of ours in its environment; killed when the block ends."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "devhost", *arguments],
        cwd=ROOT,
        env=inherited | {"HOLDFAST_DEV_PORT": "0"} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@dataclass
class Sample:
    """The sample app, running; *folder* is its scratch folder, *settings* are its app settings."""

    folder: Path
    settings: dict[str, str]
    lease_s: int
    process: subprocess.Popen[str]
    url: str
    key: str

    @classmethod
    @contextmanager
    def running(
        cls,
        folder: Path,
        storage: str,
        chosen: Mapping[str, str] = MappingProxyType({}),
        *,
        lease_s: int = 600,
        waiting: Sequence[bytes] = (),
    ) -> Iterator[Self]:
        """Start it on *storage* with messages *waiting*; queues and host id are its own unless *chosen*."""
        own = f"sample-{uuid4().hex}"
        settings = {
            "AzureWebJobsStorage": storage,
            "AzureFunctionsWebHost__hostid": own,
            "SAMPLE_QUEUE": own,
            "SAMPLE_TICK": "0 0 0 1 1 *",
            "SAMPLE_LOG": str(folder / "log"),
            **chosen,
        }
        ready = folder / "ready.json"
        options = ["--folder", str(SAMPLE_APP), "--ready-file", str(ready), "--lease", str(lease_s), "--grace", "2"]
        if waiting:
            _fill(settings, waiting)
        with devhost(*options, **settings) as process:
            eventually(lambda: ready.exists() or process.poll() is not None, "the devhost is ready")
            if process.poll() is not None:
                raise AssertionError(process.communicate())
            announced = json.loads(ready.read_text())
            yield cls(folder, settings, lease_s, process, announced["url"], announced["key"])

    def again(self) -> AbstractContextManager[Self]:
        """Start it once more on the same storage, with the same settings."""
        return self.running(self.folder, self.settings["AzureWebJobsStorage"], self.settings, lease_s=self.lease_s)

    @contextmanager
    def queue(self, suffix: str = "") -> Iterator[QueueClient]:
        """Open the app's queue, or with *suffix* one beside it; contents are bytes."""
        with _queue(self.settings, suffix) as client:
            yield client

    def send(self, *bodies: bytes, suffix: str = "") -> None:
        with self.queue(suffix) as client:
            for body in bodies:
                client.send_message(body)

    def seen(self, function: str) -> list[dict[str, Any]]:
        """What *function* recorded so far."""
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [entry for entry in map(json.loads, lines) if entry["function"] == function]

    def sees(self, function: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for *count* records of *function*."""
        return eventually(
            lambda: found if len(found := self.seen(function)) >= count else [], f"{count} records of {function}"
        )

    def poison(self) -> list[bytes]:
        """Wait for the poison queue and give its contents."""

        def look() -> list[bytes]:
            with self.queue("-poison") as client, suppress(ResourceNotFoundError):
                return [bytes(message.content) for message in client.peek_messages(32)]
            return []

        return eventually(look, "a message in the poison queue")

    def has(self, suffix: str) -> bool:
        """Whether the queue with *suffix* exists."""
        with self.queue(suffix) as client, suppress(ResourceNotFoundError):
            client.get_queue_properties()
            return True
        return False

    def is_empty(self, suffix: str = "") -> bool:
        with self.queue(suffix) as client:
            return client.get_queue_properties().approximate_message_count == 0

    def stop(self) -> tuple[int, str]:
        """Stop it as the platform does; give the exit code and what it logged."""
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, err


def _queue(settings: Mapping[str, str], suffix: str = "") -> QueueClient:
    return QueueClient.from_connection_string(
        settings["AzureWebJobsStorage"],
        settings["SAMPLE_QUEUE"] + suffix,
        message_encode_policy=BinaryBase64EncodePolicy(),
        message_decode_policy=BinaryBase64DecodePolicy(),
    )


def _fill(settings: Mapping[str, str], bodies: Sequence[bytes]) -> None:
    with _queue(settings) as client:
        client.create_queue()
        for body in bodies:
            client.send_message(body)
