"""Timer functions fire on schedule, and once for what was missed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from azure.storage.blob import ContainerClient

from tests.devhost.processes import Sample, eventually

NEVER = "0001-01-01T00:00:00+00:00"


@contextmanager
def schedule_monitor(storage: str) -> Iterator[ContainerClient]:
    with ContainerClient.from_connection_string(storage, "azure-webjobs-hosts") as container:
        if not container.exists():
            container.create_container()
        yield container


def three_o_clock(days_ago: int) -> datetime:
    """The last time `nightly` was due, or days before it."""
    now = datetime.now(UTC)
    today = now.replace(hour=3, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago + (today > now))


def status(last: datetime, following: datetime) -> str:
    return json.dumps({"Last": last.isoformat(), "Next": following.isoformat(), "LastUpdated": last.isoformat()})


def test_a_timer_fires_again_and_again_although_it_fails(storage: str, tmp_path: Path) -> None:
    with Sample.running(tmp_path, storage, {"SAMPLE_TICK": "* * * * * *"}) as sample:
        assert [seen["past_due"] for seen in sample.sees("tick", 2)] == [False, False]


def test_a_timer_that_asks_for_it_runs_at_start(sample: Sample) -> None:
    assert [seen["past_due"] for seen in sample.sees("at_start")] == [False]


def test_the_first_start_stores_the_next_occurrence_and_runs_nothing(own_sample: Sample) -> None:
    own_sample.sees("at_start")
    blob = f"timers/{own_sample.settings['AzureFunctionsWebHost__hostid']}/nightly/status"

    with schedule_monitor(own_sample.settings["AzureWebJobsStorage"]) as container:
        stored = json.loads(eventually(lambda: _read(container, blob), "the status is stored"))

    assert stored["Last"] == NEVER
    assert stored["Next"] == (three_o_clock(0) + timedelta(days=1)).isoformat()
    assert own_sample.seen("nightly") == []


def test_missed_occurrences_are_made_up_for_once_at_start(storage: str, tmp_path: Path) -> None:
    host_id = uuid4().hex
    with schedule_monitor(storage) as container:
        stored = status(three_o_clock(3), three_o_clock(2))
        container.upload_blob(f"timers/{host_id}/nightly/status", stored)

        with Sample.running(tmp_path, storage, {"AzureFunctionsWebHost__hostid": host_id}) as sample:
            (seen,) = sample.sees("nightly")
            assert (seen["past_due"], seen["status"]) == (True, json.loads(stored))
            sample.sees("at_start")
            sample.stop()
        with Sample.running(tmp_path, storage, {"AzureFunctionsWebHost__hostid": host_id}) as sample:
            sample.sees("at_start", 2)
            assert len(sample.seen("nightly")) == 1


def test_a_changed_schedule_has_missed_nothing(storage: str, tmp_path: Path) -> None:
    host_id = uuid4().hex
    with schedule_monitor(storage) as container:
        an_hour_off = three_o_clock(2) + timedelta(hours=1)
        container.upload_blob(f"timers/{host_id}/nightly/status", status(three_o_clock(3), an_hour_off))

        with Sample.running(tmp_path, storage, {"AzureFunctionsWebHost__hostid": host_id}) as sample:
            sample.sees("at_start")
            eventually(
                lambda: NEVER in _read(container, f"timers/{host_id}/nightly/status"), "the schedule starts afresh"
            )
            assert sample.seen("nightly") == []


def _read(container: ContainerClient, blob: str) -> str:
    client = container.get_blob_client(blob)
    return client.download_blob(encoding="utf-8").readall() if client.exists() else ""
