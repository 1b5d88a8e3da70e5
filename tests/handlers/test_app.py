"""What the functions do when they are woken, with good settings and while one is missing or malformed."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast

import azure.functions as func
import httpx
import pytest
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient
from opentelemetry import metrics

from clients.connect import Clients
from clients.settings import load
from devhost.azurite import azurite
from handlers import app, workers
from tests.devhost.processes import devhost, eventually, run_devhost
from tests.handlers.harness import empty
from tests.test_function_app import SETTINGS

FAULTS = {
    "malformed": ({"HOLDFAST_CLOUD": "moon"}, "HOLDFAST_CLOUD: is malformed; it should be one of global,"),
    "missing": ({"HOLDFAST_CLIENT_ID": ""}, "HOLDFAST_CLIENT_ID: is missing; it should be the GUID of"),
}
BODIES = {"checks": '{"of": "a later version"}', "tickets-poison": "anything"}


@pytest.fixture(scope="module")
async def storage() -> AsyncIterator[str]:
    """An account of the module's own, empty at its start."""
    async with azurite() as connection:
        yield connection


@pytest.fixture
def queues(storage: str) -> Iterator[QueueServiceClient]:
    """The account's queues, with one message on two of them."""
    with QueueServiceClient.from_connection_string(storage) as service:
        for name, body in BODIES.items():
            with service.get_queue_client(name) as queue:
                if name not in {each.name for each in service.list_queues()}:
                    queue.create_queue()
                queue.clear_messages()
                queue.send_message(body)
        yield service
        for name in BODIES:
            service.delete_queue(name)


def is_put_back(queue: QueueClient) -> bool:
    """Whether its one message is there and cannot be seen, with no function at it."""
    hidden = queue.get_queue_properties().approximate_message_count == 1
    return hidden and not queue.peek_messages()


@pytest.mark.parametrize("fault", FAULTS)
def test_on_azure_everything_answers_503_with_the_setting_and_every_message_waits(
    storage: str, queues: QueueServiceClient, tmp_path: Path, fault: str
) -> None:
    given, line = FAULTS[fault]
    ready = tmp_path / "ready.json"
    settings = SETTINGS | {"AzureWebJobsStorage": storage, "AZURE_FUNCTIONS_ENVIRONMENT": "Production"} | given
    fast = {"HOLDFAST_TICK_SCHEDULE": "* * * * * *"}
    with devhost("--ready-file", str(ready), **(settings | fast)) as process:
        eventually(lambda: ready.exists() or process.poll() is not None, "the host is ready")
        url = json.loads(ready.read_text())["url"]
        for method, path in (("GET", "health"), ("GET", "tenants"), ("POST", "webhooks/psa/halopsa"), ("GET", "")):
            answer = httpx.request(method, f"{url}/api/{path}")
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
            assert answer.json()["detail"].startswith(line)
            assert "moon" not in answer.text
        for name in BODIES:
            with queues.get_queue_client(name) as queue:
                eventually(partial(is_put_back, queue), f"{name} is put back")
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f"incident kind=settings id=settings {line}" in said
    assert "failed" not in said
    with queues.get_queue_client("checks-poison") as poison:
        assert poison.get_queue_properties().approximate_message_count == 0
    with TableServiceClient.from_connection_string(storage) as tables:
        assert "tenants" not in {table.name for table in tables.list_tables()}, "something was begun"


async def test_what_is_put_back_comes_up_again_as_it_was(
    storage: str, queues: QueueServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "PUT_BACK_S", 1)
    monkeypatch.setenv("AzureWebJobsStorage", storage)
    with queues.get_queue_client("checks") as checks, queues.get_queue_client("tickets-poison") as poison:
        for queue in (checks, poison):
            queue.clear_messages()
        await app.FaultyApp("a fault").on_message("checks", b"one")
        await app.FaultyApp("a fault").on_given_up("tickets", b"two")
        for queue, body in ((checks, "one"), (poison, "two")):
            assert [message.content for message in eventually(queue.peek_messages, "it came up")] == [body]


class Collector(metrics.NoOpMeterProvider):
    """Who takes metrics in, as Azure Monitor's provider does."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed = 0

    def force_flush(self, _timeout_ms: int) -> None:
        self.flushed += 1


@pytest.fixture
async def working(azurite_connection: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[app.WorkingApp]:
    """An app in a worker process of its own."""
    opened = list[Clients]()
    monkeypatch.setattr(workers, "_opened", opened)
    yield app.WorkingApp(load(SETTINGS | {"AzureWebJobsStorage": azurite_connection}))
    for clients in opened:
        await clients.aclose()
    await empty(azurite_connection)


async def test_metrics_leave_at_the_end_of_each_tick_and_park_and_not_of_each_message(
    working: app.WorkingApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector()
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: collector)
    flushed = []
    for work in (
        working.on_timer(),
        working.on_given_up("checks", b"not ours"),
        working.on_timer(),
        working.on_message("checks", b"not ours"),
        working.on_message("checks", b"not ours either"),
    ):
        await work
        flushed.append(collector.flushed)
    assert flushed == [1, 2, 3, 3, 3]


async def test_metrics_leave_with_the_first_message_of_an_instance(
    working: app.WorkingApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector()
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: collector)
    for _ in range(2):
        await working.on_message("checks", b"not ours")
    assert collector.flushed == 1


def get(path: str) -> func.HttpRequest:
    return func.HttpRequest("GET", f"http://127.0.0.1/api/{path}", headers={}, body=b"")


@pytest.mark.parametrize("path", ["health", "tenants"])
async def test_metrics_leave_where_a_request_did_the_tick(
    working: app.WorkingApp, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    await working.on_timer()
    [clients] = workers.opened()
    done, version = await clients.storage.fleet.cursor() or pytest.fail("no tick was done")
    await clients.storage.fleet.move(replace(done, done=done.done - timedelta(minutes=10)), version)
    collector = Collector()
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: collector)
    for _ in range(2):
        await working.on_request(get(path), cast("func.Context", None))
    assert collector.flushed == 1


def test_a_developer_gets_the_line_at_once(storage: str) -> None:
    given, line = FAULTS["malformed"]
    ended = run_devhost(**(SETTINGS | {"AzureWebJobsStorage": storage} | given))
    assert ended.returncode == 1
    assert line in ended.stderr.splitlines()[-1]
