"""What keeps an app from starting is told in one line, with exit code 1."""

import socket
from pathlib import Path

import pytest

from tests.devhost.processes import SAMPLE_APP, run_devhost

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
