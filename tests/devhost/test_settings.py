from datetime import timedelta
from pathlib import Path

import pytest

from devhost.errors import StartError
from devhost.settings import QueueOptions, connection_string, read_host_json, resolve


def test_an_empty_host_json_means_the_platforms_defaults(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "logging": {}}')

    extensions = read_host_json(tmp_path).extensions

    assert extensions.http.route_prefix == "api"
    assert extensions.queues == QueueOptions(
        batchSize=16,
        newBatchThreshold=None,
        maxDequeueCount=5,
        visibilityTimeout=timedelta(),
        maxPollingInterval=timedelta(seconds=2),
        messageEncoding="base64",
    )


def test_the_threshold_is_half_a_batch_unless_it_is_set() -> None:
    assert QueueOptions(batchSize=16).threshold == 8
    assert QueueOptions(batchSize=16, newBatchThreshold=0).threshold == 0


def test_host_json_is_read(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text(
        """{"version": "2.0", "extensions": {
            "http": {"routePrefix": ""},
            "queues": {"batchSize": 1, "visibilityTimeout": "00:00:30", "messageEncoding": "none"}}}"""
    )

    extensions = read_host_json(tmp_path).extensions

    assert extensions.http.route_prefix == ""
    assert (extensions.queues.batch_size, extensions.queues.message_encoding) == (1, "none")
    assert extensions.queues.visibility_timeout == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("{", "JSON", id="not JSON"),
        pytest.param("{}", "version", id="no version"),
        pytest.param('{"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}', "batchSize", id="too large"),
    ],
)
def test_a_host_json_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str, names: str) -> None:
    (tmp_path / "host.json").write_text(text)

    with pytest.raises(StartError, match=f"host.json.*{names}"):
        read_host_json(tmp_path)


def test_a_folder_without_host_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"no host\.json"):
        read_host_json(tmp_path)


def test_placeholders_are_replaced() -> None:
    assert resolve("%A%-%B%", {"A": "x", "B": "y"}, function="f") == "x-y"


def test_a_placeholder_without_setting_names_function_and_setting() -> None:
    with pytest.raises(StartError, match=r"function f: setting A .* is not set"):
        resolve("%A%", {"A": ""}, function="f")


def test_an_exact_connection_wins_over_an_identity() -> None:
    assert connection_string("Store", {"Store": "text", "Store__accountName": "x"}, function="f") == "text"


@pytest.mark.parametrize(("environ", "says"), [({}, "is not set"), ({"Store__accountName": "x"}, "identity-based")])
def test_a_connection_that_cannot_be_used_is_refused(environ: dict[str, str], says: str) -> None:
    with pytest.raises(StartError, match=f"function f: .*Store.* {says}"):
        connection_string("Store", environ, function="f")
