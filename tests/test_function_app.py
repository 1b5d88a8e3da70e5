"""Microsoft's own code indexes our function_app.py, and finds the functions, triggers and routes listed here."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.devhost.processes import ROOT

# The runtime takes one app per process, so the product's is indexed in one of its own.
INDEX = """
import asyncio, json, os, pathlib
from devhost.runtime import load
from devhost.settings import read_host_json
from devhost.triggers import Triggers

folder = pathlib.Path.cwd()
app = asyncio.run(load(folder))
Triggers.of(app.functions, os.environ, read_host_json(folder).extensions.http.route_prefix)
print(json.dumps({function.name: dict(function.trigger) for function in app.functions}))
"""

SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "HOLDFAST_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
    "HOLDFAST_CLIENT_SECRET": "secret",
    "HOLDFAST_TICK_SCHEDULE": "0 * * * * *",
    "HOLDFAST_FAST_SCHEDULE": "0 */5 * * * *",
    "HOLDFAST_SLOW_SCHEDULE": "0 */15 * * * *",
    "HOLDFAST_PSA_SCHEDULE": "0 */5 * * * *",
    "HOLDFAST_ALERTS_SCHEDULE": "30 */5 * * * *",
    "HOLDFAST_AUDIT_SCHEDULE": "45 */5 * * * *",
}

TIMERS = {"tick": "%HOLDFAST_TICK_SCHEDULE%"}

QUEUES = {
    "visit": "checks",
    "remediate": "remediations",
    "tickets": "tickets",
    "notify": "notifications",
    "alerts": "alerts",
    "park_alerts": "alerts-poison",
    "park_checks": "checks-poison",
    "park_tickets": "tickets-poison",
    "park_notifications": "notifications-poison",
    "park_remediations": "remediations-poison",
}

type Indexed = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def indexed() -> Indexed:
    """The trigger binding of every function, by name, as the host reads it."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | SETTINGS
    answer = subprocess.run(
        [sys.executable, "-c", INDEX], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    found: Indexed = json.loads(answer.stdout)
    return found


def of_kind(indexed: Indexed, kind: str) -> Indexed:
    return {name: trigger for name, trigger in indexed.items() if trigger["type"] == kind}


def test_no_function_is_registered_that_is_not_listed_here(indexed: Indexed) -> None:
    assert indexed.keys() == TIMERS.keys() | QUEUES.keys() | {"http"}


def test_the_only_timer_is_the_tick(indexed: Indexed) -> None:
    timers = of_kind(indexed, "timerTrigger")

    assert {name: trigger["schedule"] for name, trigger in timers.items()} == TIMERS


def test_no_timer_runs_on_every_start_and_scale_out(indexed: Indexed) -> None:
    assert not [name for name, trigger in of_kind(indexed, "timerTrigger").items() if trigger.get("runOnStartup")]


def test_queue_functions_listen_to_their_queues_on_the_apps_storage(indexed: Indexed) -> None:
    queues = of_kind(indexed, "queueTrigger")

    assert {name: trigger["queueName"] for name, trigger in queues.items()} == QUEUES
    assert {trigger["connection"] for trigger in queues.values()} == {"AzureWebJobsStorage"}


def test_every_queue_has_someone_who_parks_what_failed(indexed: Indexed) -> None:
    queues = {trigger["queueName"] for trigger in of_kind(indexed, "queueTrigger").values()}

    assert {queue for queue in queues if queue.endswith("-poison")} == {
        f"{queue}-poison" for queue in queues if not queue.endswith("-poison")
    }


def test_one_function_takes_every_path_and_method_and_leaves_keys_to_the_app(indexed: Indexed) -> None:
    (http,) = of_kind(indexed, "httpTrigger").values()

    assert (http["route"], http["authLevel"], http.get("methods")) == ("{*path}", "ANONYMOUS", None)


def test_an_instance_that_serves_a_queue_never_imports_the_web_framework() -> None:
    code = "import sys, function_app; print(sorted({'fastapi', 'starlette'} & sys.modules.keys()))"
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | SETTINGS
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
