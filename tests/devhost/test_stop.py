"""The command starts what it needs, says where it is, and leaves nothing behind."""

import json
import signal
import stat
from pathlib import Path

import httpx
import pytest

from tests.devhost.processes import PATIENCE_S, SAMPLE_APP, Sample, devhost, eventually, is_listening


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
    assert listed["things"] == ["http", "GET,PUT", f"{own_sample.url}/api/things/{{id:int}}", "(anonymous)"]
    assert out.endswith(f"12 functions on {own_sample.url}, key {own_sample.key}\n")


def test_the_ready_file_is_for_its_owner_only(sample: Sample) -> None:
    assert stat.S_IMODE((sample.folder / "ready.json").stat().st_mode) == 0o600


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
