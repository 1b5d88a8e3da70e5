"""The command starts what it needs, says where it is, and leaves nothing behind; what keeps it from starting is one line."""

import json
import signal
import socket
import stat
from pathlib import Path

import httpx
import pytest

from devhost.__main__ import fastest
from tests.devhost.processes import PATIENCE_S, SAMPLE_APP, Sample, devhost, eventually, is_listening, run_devhost

APP = "import azure.functions as func\napp = func.FunctionApp()\n"
TIMER = '@app.timer_trigger(arg_name="timer", schedule="{schedule}")\ndef {name}(timer: func.TimerRequest): ...\n'
DAILY = TIMER.format(schedule="0 0 3 * * *", name="daily")
STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}


@pytest.mark.parametrize(
    ("app", "says"),
    [
        pytest.param(None, "has no function_app.py", id="no app"),
        pytest.param(APP, "lists no functions", id="no functions"),
        pytest.param(APP + DAILY + DAILY, "does not have a unique function name", id="two of one name"),
        pytest.param("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'", id="import"),
        pytest.param("raise RuntimeError('SECRET is not set:\\nset it')", "SECRET is not set: set it", id="setting"),
        pytest.param(APP + DAILY.replace("0 0 3 * * *", "daily"), "function daily: schedule daily", id="schedule"),
        pytest.param(
            APP + "@app.blob_trigger(arg_name='b', path='x', connection='')\ndef seen(b: func.InputStream): ...\n",
            "function seen: the devhost has no blobTrigger binding",
            id="trigger the devhost does not run",
        ),
        pytest.param(
            APP + "@app.queue_output(arg_name='out', queue_name='orders', connection='')\n"
            "@app.route('a')\ndef sends(req: func.HttpRequest, out: func.Out[str]) -> str: ...\n",
            "function sends: the devhost has no queue binding",
            id="output the devhost would drop",
        ),
    ],
)
def test_an_app_that_cannot_run_is_refused_in_one_line(tmp_path: Path, app: str | None, says: str) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    if app is not None:
        (tmp_path / "function_app.py").write_text(app)

    ended = run_devhost("--folder", str(tmp_path), **STORAGE)

    assert ended.returncode == 1
    *warnings, told = ended.stderr.splitlines()
    assert told.startswith("devhost: ")
    assert says in told
    assert all(" WARNING " in line for line in warnings), "Microsoft's library may warn, and that is all"


def test_the_traceback_is_there_for_those_who_ask(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("def fails():\n    raise RuntimeError('no')\nfails()\n")

    ended = run_devhost("--verbose", "--folder", str(tmp_path), **STORAGE)

    assert "in fails" in ended.stderr


def test_a_port_in_use_is_named(storage: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = {"SAMPLE_QUEUE": "port-in-use", "SAMPLE_TICK": "0 0 0 1 1 *", "SAMPLE_LOG": "unused"}
        ended = run_devhost(
            "--folder", str(SAMPLE_APP), HOLDFAST_DEV_PORT=port, AzureWebJobsStorage=storage, **settings
        )

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"devhost: port {port} ")


def test_a_port_that_is_none_is_named() -> None:
    ended = run_devhost("--folder", str(SAMPLE_APP), HOLDFAST_DEV_PORT="http", **STORAGE)

    assert (ended.returncode, ended.stderr.strip()) == (
        1,
        "devhost: HOLDFAST_DEV_PORT must be a port from 0 to 65535, not 'http'",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_host_and_azurite_with_exit_code_0(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    settings = {"SAMPLE_QUEUE": "orders", "SAMPLE_TICK": "0 0 0 1 1 *", "SAMPLE_LOG": str(tmp_path / "log")}
    arguments = ["--folder", str(SAMPLE_APP), "--ready-file", str(ready)]
    with devhost(*arguments, HOLDFAST_DEV_KEY="s3cret", **settings) as process:
        eventually(ready.exists, "the devhost is ready")
        announced = json.loads(ready.read_text())
        assert is_listening(announced["storage"])
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, err) == (0, "")
    assert not is_listening(announced["storage"])
    assert announced["key"] == "s3cret"
    assert "s3cret" not in out


def test_the_functions_are_listed_with_what_triggers_them(own_sample: Sample) -> None:
    own_sample.process.terminate()
    out, _ = own_sample.process.communicate(timeout=PATIENCE_S)
    listed = {line.split()[0]: line.split()[1:] for line in out.splitlines()}

    assert listed["nightly"] == ["timer", "0", "0", "3", "*", "*", "*"]
    assert listed["work"] == ["queue", own_sample.settings["SAMPLE_QUEUE"]]
    assert listed["web"] == ["http", f"{own_sample.url}/api/"]
    assert out.endswith(f"6 functions on {own_sample.url}, key {own_sample.key}\n")


def test_functions_run_on_the_event_loop_of_the_platforms_worker(sample: Sample) -> None:
    assert httpx.get(f"{sample.url}/api/loop").text == "uvloop"


def test_the_ready_file_is_for_its_owner_only(sample: Sample) -> None:
    assert stat.S_IMODE((sample.folder / "ready.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("schedules", "tick"),
    [
        ({}, "0 * * * * *"),
        ({"HOLDFAST_FAST_SCHEDULE": "0 */5 * * * *", "HOLDFAST_SLOW_SCHEDULE": "0 */15 * * * *"}, "0 * * * * *"),
        ({"HOLDFAST_FAST_SCHEDULE": "*/5 * * * * *", "HOLDFAST_PSA_SCHEDULE": "*/2 * * * * *"}, "*/2 * * * * *"),
        ({"HOLDFAST_FAST_SCHEDULE": "often", "OTHER_SCHEDULE": "* * * * * *"}, "0 * * * * *"),
    ],
)
def test_the_tick_keeps_up_with_the_fastest_schedule(schedules: dict[str, str], tick: str) -> None:
    assert fastest(schedules) == tick
