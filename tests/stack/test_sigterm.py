"""SIGTERM as each function works, `park_*` too: the process ends well; its work has ended, or its message comes back."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest
from azure.storage.queue import QueueClient

from devhost.stack import Stack, running
from domain.jobs import (
    QUEUES,
    CheckTenant,
    Message,
    Notify,
    PollTickets,
    RemediateTenant,
    TriageAlerts,
)
from tests.stack.test_stack import NEVER, OFF, SINCE, Worker, eventually, settings_of

LOOKS = ("FAST", "SLOW", "PSA", "ALERTS", "AUDIT")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    never = {f"HOLDFAST_{what}_SCHEDULE": NEVER for what in LOOKS} | {"HOLDFAST_DEV_PORT": "0"}
    with running(never, lambda _text: None) as running_stack:
        yield running_stack


def left(connection: str, queue: str) -> int:
    """How many messages are on *queue*, hidden ones among them."""
    with QueueClient.from_connection_string(connection, queue) as client:
        return client.get_queue_properties().approximate_message_count or 0


def put(connection: str, queue: str, body: str) -> None:
    with QueueClient.from_connection_string(connection, queue) as client:
        client.send_message(body)


def is_taken(connection: str, queue: str) -> bool:
    """Whether a worker has what was put on *queue*."""
    with QueueClient.from_connection_string(connection, queue) as client:
        return not client.peek_messages(1)


def timer_ran(worker: Worker, since: datetime) -> httpx.Response:
    return worker.api.get("health", params={"timer_since": since.isoformat()})


def test_what_sigterm_cuts_off_is_done_by_the_next_worker_and_nothing_is_lost(stack, azurite_connection, tmp_path):
    about = dict(os.environ) | settings_of(stack, azurite_connection)
    tenant = stack.simulator.post("tenants", json={"domains": ["term.example"], "state": "healthy"}).json()
    stack.simulator.post("tenants/term.example/admin", json=OFF)
    tenant_id = tenant["tenant_id"]
    config = {"tenant_id": tenant_id, "name": "term", "initial_domain": tenant["initial_domain"]}
    worker = Worker(about, tmp_path / "0")
    worker.api.put(f"tenants/{tenant_id}", json=config | {"mx_at_filter_since": SINCE}).raise_for_status()
    messages: list[Message] = [
        CheckTenant(tenant_id=tenant_id, lane="fast"),
        RemediateTenant(tenant_id=tenant_id, controls=("inbound-lockdown",)),
        TriageAlerts(tenant_id=tenant_id),
        PollTickets(),
        Notify(tenant_id="service", asked_at=datetime.now(UTC)),
    ]
    assert sorted(each.queue for each in messages) == sorted(QUEUES)
    for number, message in enumerate(messages, start=1):
        poison = f"{message.queue}-poison"
        put(azurite_connection, message.queue, message.body)
        put(azurite_connection, poison, json.dumps({"tenant_id": tenant_id, "given_up": message.queue}))
        for queue in (message.queue, poison):
            eventually(partial(is_taken, azurite_connection, queue), bool)
        assert worker.stop() == 0, message
        worker = Worker(about, tmp_path / str(number))
        for queue in (message.queue, poison):
            eventually(partial(left, azurite_connection, queue), lambda count: count == 0)
    try:
        ledger = f"tenants/{tenant_id}/ledger"
        events = eventually(
            lambda: [e["event"] for e in worker.api.get(ledger).json()], lambda events: "corrected" in events
        )
        assert events.count("corrected") == 1
        log = stack.simulator.get("tenants/term.example/log").json()["entries"]
        assert [each["cmdlet"] for each in log if each["is_write"]] == ["Set-InboundConnector"]
        parked = [json.loads(each["content"])["given_up"] for each in worker.api.get("parked").json()]
        assert sorted(parked) == sorted(QUEUES)
        assert events.count("parked") == len(QUEUES) - 1, "a notice that cannot be told is no entry of its tenant"
    finally:
        worker.stop()


def test_a_tick_that_sigterm_cuts_off_is_done_by_the_next_worker(stack, azurite_connection, tmp_path):
    often = dict(os.environ) | settings_of(stack, azurite_connection) | {"HOLDFAST_TICK_SCHEDULE": "* * * * * *"}
    for number in range(3):
        worker = Worker(often, tmp_path / str(number))
        answer = eventually(partial(timer_ran, worker, datetime.now(UTC)), lambda answer: answer.status_code == 200)
        assert answer.json() == {"status": "ok"}
        assert worker.stop() == 0
