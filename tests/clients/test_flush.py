"""Metrics leave a worker before its instance can go."""

import asyncio

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader

from clients.flush import EVERY_S, Flush


class Arrived(MetricExporter):
    """An ingestion endpoint that takes everything."""

    def __init__(self):
        super().__init__()
        self.exports = 0

    def export(self, *_metrics, **_options):
        self.exports += 1
        return MetricExportResult.SUCCESS

    def force_flush(self, *_timeout, **_options):
        return True

    def shutdown(self, *_timeout, **_options):
        return None


@pytest.fixture
def arrived(monkeypatch):
    """A provider as Azure Monitor's is, which exports every five minutes by itself."""
    exporter = Arrived()
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=300_000)])
    provider.get_meter("m").create_counter("c").add(1)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    yield exporter
    provider.shutdown()


async def test_what_was_counted_arrives_at_once(arrived):
    await Flush().now()
    assert arrived.exports == 1


async def test_a_queue_function_flushes_at_most_every_thirty_seconds(arrived):
    seconds = [0.0]
    flush = Flush(lambda: seconds[0], never)
    for at in (0, EVERY_S - 1, EVERY_S, EVERY_S + 1, 2 * EVERY_S):
        seconds[0] = at
        await flush.if_due()
    assert arrived.exports == 3
    await flush.aclose()


async def never(_seconds):
    await asyncio.Event().wait()


async def test_what_the_last_messages_of_a_burst_counted_leaves_once_thirty_seconds_are_over(arrived):
    seconds, waited, over = [0.0], [], asyncio.Event()

    async def wait(left_s):
        waited.append(left_s)
        await over.wait()

    flush = Flush(lambda: seconds[0], wait)
    for at in (0, 10, 20, 25):
        seconds[0] = at
        await flush.if_due()
        await asyncio.sleep(0)
    assert (arrived.exports, waited) == (1, [EVERY_S - 10])
    over.set()
    async with asyncio.timeout(10):
        while arrived.exports < 2:
            await asyncio.sleep(0.01)
    await flush.aclose()
    assert arrived.exports == 2


async def test_what_waits_for_its_time_leaves_when_the_worker_ends(arrived):
    flush = Flush(lambda: 0.0, never)
    await flush.if_due()
    await flush.if_due()
    await flush.aclose()
    assert arrived.exports == 2
    await flush.aclose()
    assert arrived.exports == 2


async def test_an_endpoint_that_fails_ends_no_work(monkeypatch, caplog):
    class Failing:
        def force_flush(self, _timeout_ms):
            raise OSError("no route")

    monkeypatch.setattr(metrics, "get_meter_provider", Failing)
    await Flush().now()
    assert "metrics_not_sent error=OSError" in caplog.text


async def test_where_nobody_collects_nothing_happens(monkeypatch):
    monkeypatch.setattr(metrics, "get_meter_provider", object)
    await Flush().now()
