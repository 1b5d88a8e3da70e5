"""One trace from visit to proof, metrics that begin at zero, and log lines with ids and no secrets."""

import json
import logging
import re
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from clients import telemetry
from devhost import telemetry as collector
from domain.controls import CATALOGUE
from domain.gate import Brake
from domain.jobs import QUEUES, VisitShard
from handlers import on_request
from handlers.delivery import deliver
from handlers.loop.tick import tick
from handlers.on_request import ReprovisionRequest, Requester
from simulator.faults import Fault

DRIFT = ("Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": False})


class Metrics:
    """What changed since the last look, as Prometheus would see it."""

    def __init__(self) -> None:
        self._before = self._now()

    def value(self, name: str, **labels: str) -> float:
        return self._now().get(_series(name, labels), 0.0)

    def grown(self, name: str, **labels: str) -> float:
        return self.value(name, **labels) - self._before.get(_series(name, labels), 0.0)

    def __contains__(self, series: tuple[str, dict[str, str]]) -> bool:
        return _series(*series) in self._now()

    def _now(self) -> dict[str, float]:
        lines = collector.exposition().decode().splitlines()
        found = (re.fullmatch(r"(holdfast_\w+)(?:\{(.*)\})? (\S+)", line) for line in lines)
        return {
            _series(each[1], dict(re.findall(r'(\w+)="([^"]*)"', each[2] or ""))): float(each[3])
            for each in found
            if each
        }


def _series(name: str, labels: dict[str, str]) -> str:
    kept = {key: value for key, value in labels.items() if not key.startswith("otel_")}
    return f"{name}{sorted(kept.items())}"


@pytest.fixture
def metrics() -> Metrics:
    collector.start()
    telemetry.start_series(QUEUES, ("outlook.office365.com",))
    return Metrics()


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    collector.start()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    kept = InMemorySpanExporter()
    processor = SimpleSpanProcessor(kept)
    provider.add_span_processor(processor)
    yield kept
    processor.shutdown()


@pytest.fixture
async def drifted(service):
    """A healthy tenant that was looked at, and in which an admin then closed the connector."""
    tenant = service.world.add_tenant("contoso.example", state="healthy", alert_set="works")
    await service.look_after(tenant)
    await service.sweep()
    tenant.admin(DRIFT[0], **DRIFT[1])
    service.clock.advance(minutes=5)
    return tenant


def of(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


@pytest.mark.usefixtures("drifted")
async def test_one_trace_leads_from_the_visit_to_the_proof(service, spans):
    await service.sweep()

    [proof] = of(spans, "prove")
    together = {span.name for span in spans.get_finished_spans() if trace_of(span) == trace_of(proof)}
    assert together == {"visit", "look", "remediations", "apply", "prove"}
    [work] = [span for span in of(spans, "remediations") if trace_of(span) == trace_of(proof)]
    [visit] = [span for span in of(spans, "visit") if trace_of(span) == trace_of(proof)]
    assert work.parent is not None
    assert visit.context is not None
    assert work.parent.span_id == visit.context.span_id


async def test_what_a_caller_asks_for_stays_in_the_trace_of_the_request(service, drifted, spans):
    invocation = trace.SpanContext(0xC0FFEE, 7, is_remote=True, trace_flags=trace.TraceFlags(0))
    with trace.use_span(trace.NonRecordingSpan(invocation)):
        await on_request.reprovision(drifted.tenant_id, ReprovisionRequest(), Requester("ann"), service.clients)
    await service.work()

    [proof] = of(spans, "prove")
    assert trace_of(proof) == 0xC0FFEE


async def test_a_message_that_is_put_back_stays_in_its_trace(service, drifted, spans):
    drifted.faults.script(Fault("throttled", retry_after=300, times=50))
    await service.check(drifted, lane="fast", trace=f"00-{'a' * 32}-{'b' * 16}-01")

    [span] = of(spans, "checks")
    assert trace_of(span) == int("a" * 32, 16)
    async with service.queues.get_queue_client("checks") as queue:
        await queue.clear_messages()


async def test_a_correction_is_kept_whatever_share_of_traces_is(service, drifted):
    """The flag of a remediation's traceparent says so to every sampler that asks its parent."""
    context = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(0))
    with trace.use_span(trace.NonRecordingSpan(context)):
        await service.check(drifted, lane="fast")

    [body] = await service.messages("remediations")
    assert json.loads(body)["trace"].endswith("-01")


@pytest.mark.usefixtures("drifted")
async def test_drift_and_its_correction_are_counted_and_timed(service, metrics):
    await service.sweep()

    about = {"control": "inbound-lockdown"}
    assert metrics.grown("holdfast_drift_total", **about) == 1
    assert metrics.grown("holdfast_corrections_total", **about) == 1
    assert metrics.grown("holdfast_time_to_detect_seconds_count", **about) == 1
    assert 299 < metrics.grown("holdfast_time_to_detect_seconds_sum", **about) < 301
    assert metrics.grown("holdfast_time_to_fixed_seconds_count", **about) == 1
    assert metrics.grown("holdfast_checks_total", lane="fast", outcome="looked") == 1
    assert metrics.grown("holdfast_queue_age_seconds_count", queue="checks") == 1
    assert metrics.grown("holdfast_queue_age_seconds_count", queue="remediations") == 1


async def test_what_cannot_be_read_is_counted(service, drifted, metrics):
    drifted.faults.script(Fault("truncated", cmdlet="Get-InboundConnector", times=50))
    await service.sweep()

    assert metrics.grown("holdfast_unknowns_total", control="inbound-lockdown") == 1
    assert metrics.grown("holdfast_controls_total", control="inbound-lockdown") == 1


async def visit(service, tenant, *looks):
    shard = VisitShard(tenants=(tenant.tenant_id,), looks=looks, due_by=service.clock())
    await deliver("checks", shard.body.encode(), service.clients)
    return shard


BESIDE = pytest.mark.parametrize(("look", "state"), [("alerts", "false-alerts"), ("audit", "audit-feed")])


@BESIDE
async def test_a_look_at_alerts_or_the_audit_feed_is_counted_by_how_it_ended(service, drifted, metrics, look, state):
    shard = await visit(service, drifted, look)
    await deliver("checks", shard.body.encode(), service.clients)
    drifted.access.permissions.clear()
    drifted.expire_tokens()
    service.clock.advance(minutes=5)
    await visit(service, drifted, look)

    assert (await service.state(drifted, state)).state == "unknown"
    counted = {
        each: metrics.grown("holdfast_checks_total", lane=look, outcome=each) for each in telemetry.CHECK_RESULTS
    }
    assert counted == {"looked": 1, "skipped": 1, "unread": 1, "moved": 0, "failed": 0}


@BESIDE
async def test_a_look_at_alerts_or_the_audit_feed_that_fails_is_counted(service, drifted, metrics, spoil, look, state):
    await visit(service, drifted, look)
    await spoil("states", f"{drifted.tenant_id} {look}", newer=True)
    service.clock.advance(minutes=5)
    await visit(service, drifted, look)

    assert (await service.state(drifted, state)).state == "unknown"
    assert metrics.grown("holdfast_checks_total", lane=look, outcome="failed") == 1


async def test_a_visit_of_which_nothing_can_be_kept_is_counted(service, drifted, metrics, meanwhile):
    async def storage_fails():
        raise RuntimeError("out of order")

    drifted.faults.script(Fault("throttled", retry_after=300))
    meanwhile(r"^(PUT|POST|PATCH) .*/states\(.*rest", storage_fails)
    await visit(service, drifted, "fast")

    assert metrics.grown("holdfast_checks_total", lane="visit", outcome="failed") == 1


async def test_an_answer_that_asks_to_come_back_is_counted(service, drifted, metrics):
    drifted.faults.script(Fault("throttled", retry_after=1))
    await service.sweep()

    assert metrics.grown("holdfast_throttles_total", host="outlook.office365.com") == 1


@pytest.mark.parametrize(
    ("retry_after", "job", "outcome"),
    [(0, {}, "done"), (45, {}, "again"), (300, {}, "due"), (0, {"version": 2}, "newer"), (0, {"seen": 1}, "foreign")],
)
async def test_a_message_is_counted_by_how_it_ended(service, metrics, retry_after, job, outcome):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    if retry_after:
        tenant.faults.script(Fault("throttled", retry_after=retry_after, times=50))
    message = {"kind": "remediate", "tenant_id": tenant.tenant_id, "controls": ["oof-rule"]} | job
    await deliver("remediations", json.dumps(message).encode(), service.clients)

    for each in telemetry.DELIVERED:
        assert metrics.grown("holdfast_messages_total", queue="remediations", outcome=each) == (each == outcome)


async def test_a_job_that_is_let_go_is_counted(service, metrics):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    async with service.clients.storage.leases.hold(tenant.tenant_id):
        await service.remediate(tenant, "oof-rule", attempt=20)

    assert metrics.grown("holdfast_messages_total", queue="remediations", outcome="let_go") == 1


async def test_a_message_that_is_put_aside_is_counted(service, metrics):
    await deliver("checks", b"not ours", service.clients)

    assert metrics.grown("holdfast_parked_total", queue="checks") == 1


async def test_every_series_begins_at_zero(metrics):
    for control in CATALOGUE:
        for name in ("drift", "corrections", "needs_person", "unknowns", "controls"):
            assert (f"holdfast_{name}_total", {"control": control}) in metrics
    for queue in QUEUES:
        assert ("holdfast_parked_total", {"queue": queue}) in metrics
    for look in ("fast", "slow", "asked", "alerts", "audit"):
        for outcome in telemetry.CHECK_RESULTS:
            assert ("holdfast_checks_total", {"lane": look, "outcome": outcome}) in metrics
    assert ("holdfast_checks_total", {"lane": "visit", "outcome": "failed"}) in metrics
    assert ("holdfast_throttles_total", {"host": "outlook.office365.com"}) in metrics


@pytest.mark.usefixtures("drifted")
async def test_a_tick_measures_the_oldest_look_the_queues_and_the_brake(service, metrics):
    service.clock.advance(minutes=40)
    await service.clients.storage.switches.set_brake(Brake(engaged=True, changed_at=service.clock()))
    service.clock.advance(minutes=10)
    await service.sweep()

    assert metrics.value("holdfast_tenants") == 1
    assert metrics.value("holdfast_brake_engaged_seconds") >= 600
    assert metrics.value("holdfast_queue_depth", queue="checks") >= 1
    assert ("holdfast_check_oldest_seconds", {"lane": "fast"}) in metrics


@pytest.mark.usefixtures("metrics")
async def test_a_tick_tells_in_a_log_line_what_no_lost_metric_may_hide(service, caplog):
    caplog.set_level(logging.INFO)
    await service.look_after(service.world.add_tenant("told.example"), known=False)
    await tick(service.clients)
    await deliver("checks", b"not ours", service.clients)
    await service.clients.storage.switches.set_brake(Brake(engaged=True, changed_at=service.clock()))
    service.clock.advance(minutes=16)
    await tick(service.clients)

    told = [record for record in caplog.records if record.getMessage().startswith("fleet_measured tenants=1 ")][-1]
    assert (told.cursor_s, told.brake_s, told.parked, told.needs_person) == ("960", "960", "1", "0")
    assert {"fast_s", "slow_s"} <= vars(told).keys()


@pytest.mark.usefixtures("metrics")
async def test_log_lines_carry_the_ids_of_their_work_and_no_secret(service, drifted, caplog):
    caplog.set_level(logging.DEBUG)
    await service.sweep()

    [corrected] = [record for record in caplog.records if getattr(record, "event", "") == "corrected"]
    assert (corrected.tenant, corrected.control) == (drifted.tenant_id, "inbound-lockdown")
    text = "\n".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records if record.name.startswith("holdfast")
    )
    assert service.world.client_secret not in text
    assert "eyJ" not in text
    assert "Bearer" not in text
