"""Metrics and traces. Only OpenTelemetry's API is used here: who collects is the host's business.

In Azure that is the distribution that Microsoft's runtime starts, on a desk the dev host (docs/decisions). Where nobody
collects, all of this costs next to nothing.

Metrics name no tenant, for ten thousand would be ten thousand series; spans and log lines do. None carries a secret, or
a word of anybody's mail.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Literal, get_args

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from clients import log_lines
from domain.controls import CATALOGUE
from domain.jobs import CheckTenant, Message, ReadAudit, RemediateTenant, TriageAlerts
from domain.ledger import Entry, LedgerEvent
from domain.reading import LANES
from domain.states import ControlState

log = logging.getLogger("holdfast.ledger")

_W3C = TraceContextTextMapPropagator()
_TRACEPARENT = "traceparent"
_meter = metrics.get_meter("holdfast")
_tracer = trace.get_tracer("holdfast")

CHECKS = _meter.create_counter("holdfast.checks", "{check}", "Looks at a tenant, by lane and outcome")
CONTROLS = _meter.create_counter("holdfast.controls", "{control}", "Controls that were judged")
UNKNOWNS = _meter.create_counter("holdfast.unknowns", "{control}", "Controls that could not be read")
DRIFT = _meter.create_counter("holdfast.drift", "{control}", "Controls that newly differ from what is documented")
CORRECTIONS = _meter.create_counter("holdfast.corrections", "{control}", "Controls put back and proven")
NEEDS_PERSON = _meter.create_counter("holdfast.needs_person", "{control}", "Controls that newly need a person")
MESSAGES = _meter.create_counter("holdfast.messages", "{message}", "Messages worked on, by queue and how that ended")
PARKED = _meter.create_counter("holdfast.parked", "{message}", "Messages put aside, by queue")
THROTTLES = _meter.create_counter("holdfast.throttles", "{answer}", "Answers that asked to come back later, by host")
_SECONDS = [30, 60, 120, 240, 330, 420, 600, 960, 1800, 3600, 7200]
"""Boundaries of the histograms of seconds: the objectives' own (domain/objectives.py) are among them."""

TIME_TO_DETECT = _meter.create_histogram(
    "holdfast.time_to_detect",
    "s",
    "From the last good read to the one that showed drift",
    explicit_bucket_boundaries_advisory=_SECONDS,
)
OBJECTIVES_COUNTED = _meter.create_counter(
    "holdfast.objective", "1", "Drifts that were seen, or proven put back, within their objective (met) or later"
)
TIME_TO_FIXED = _meter.create_histogram(
    "holdfast.time_to_fixed", "s", "From drift seen to proven put back", explicit_bucket_boundaries_advisory=_SECONDS
)
QUEUE_AGE = _meter.create_histogram("holdfast.queue.age", "s", "How long a message waited after its time had come")
QUEUE_DEPTH = _meter.create_gauge("holdfast.queue.depth", "{message}", "Messages on a queue, also those not due yet")
OLDEST_CHECK = _meter.create_gauge("holdfast.check.oldest", "s", "Age of the oldest look at any tenant, by lane")
TENANTS = _meter.create_gauge("holdfast.tenants", "{tenant}", "Tenants that are looked after")
BRAKE = _meter.create_gauge("holdfast.brake.engaged", "s", "How long nothing may be written; 0 while it may")

type Delivered = Literal["done", "again", "due", "let_go", "newer", "foreign"]
DELIVERED: tuple[Delivered, ...] = get_args(Delivered.__value__)
"""What became of a message: ended; put back hidden; kept until it is due; put back too often; left to a worker of its
own, later version; no message of ours."""

type CheckResult = Literal["looked", "unread", "moved", "skipped", "failed"]
CHECK_RESULTS: tuple[CheckResult, ...] = get_args(CheckResult.__value__)
"""How a look ends: recorded; its alerts or its feed, or a piece of them, could not be read, which its state says; put
back because another worker wrote, or is at it; no such tenant, or it was looked at meanwhile; by an error that nobody
expected."""

COUNTED_LOOKS = (*LANES, "asked", "alerts", "audit")
"""What a look is counted as: a lane, one that was asked for, or one at what is beside the controls."""

_COUNTED: dict[LedgerEvent, metrics.Counter] = {
    "drift_found": DRIFT,
    "corrected": CORRECTIONS,
    "needs_person": NEEDS_PERSON,
}

_FAILED_VISIT = {"lane": "visit", "outcome": "failed"}

_CHATTY = ("azure", "httpx")
"""Loggers that tell every request at INFO: each line would be paid for."""


def start_series(queues: Iterable[str], hosts: Iterable[str]) -> None:
    """Begin every series at zero, so that no chart has a hole, and give every log line the ids of its work."""
    for look in COUNTED_LOOKS:
        for outcome in CHECK_RESULTS:
            CHECKS.add(0, {"lane": look, "outcome": outcome})
    CHECKS.add(0, _FAILED_VISIT)
    for counter in (CONTROLS, UNKNOWNS, *_COUNTED.values()):
        for control in CATALOGUE:
            counter.add(0, {"control": control})
    for queue in queues:
        PARKED.add(0, {"queue": queue})
        for delivered in DELIVERED:
            MESSAGES.add(0, {"queue": queue, "outcome": delivered})
    for host in hosts:
        THROTTLES.add(0, {"host": host})
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    log_lines.install()


def count_entry(entry: Entry) -> None:
    """Count and log one new entry of the ledger: all that anybody wants to hear of ends there."""
    if counter := _COUNTED.get(entry.event):
        counter.add(1, {"control": entry.control})
    with log_lines.ids(event=entry.event, tenant=entry.tenant_id, control=entry.control, operation=entry.operation_id):
        log.info("%s tenant=%s control=%s", entry.event, entry.tenant_id, entry.control)


def delivered(queue: str, outcome: Delivered) -> None:
    """Count one message that was worked on."""
    MESSAGES.add(1, {"queue": queue, "outcome": outcome})


def count_judged(before: ControlState, after: ControlState) -> None:
    """Count one control that was looked at, and how long its drift can have gone unseen."""
    about = {"control": after.id}
    CONTROLS.add(1, about)
    if after.state == "unknown":
        UNKNOWNS.add(1, about)
    if before.state == "compliant" and after.state == "drifted" and before.read_at and after.read_at:
        TIME_TO_DETECT.record((after.read_at - before.read_at).total_seconds(), about)


def looked(job: CheckTenant | TriageAlerts | ReadAudit, outcome: CheckResult) -> None:
    """Count one look at a tenant: in each of its lanes, or as one of the other COUNTED_LOOKS."""
    for look in _counted_as(job):
        CHECKS.add(1, {"lane": look, "outcome": outcome})


def _counted_as(job: CheckTenant | TriageAlerts | ReadAudit) -> Iterable[str]:
    if not isinstance(job, CheckTenant):
        return (job.kind,)
    return ("asked",) if job.operation_id or not job.lanes else job.lanes


def visit_failed() -> None:
    """Count one visit whose tenant's rows could not be read or kept."""
    CHECKS.add(1, _FAILED_VISIT)


def throttled(host: str) -> None:
    """Count one answer that asked to come back later."""
    THROTTLES.add(1, {"host": host})


def fixed(control: str, seen_at: datetime | None, now: datetime) -> None:
    """Measure how long a drift that is proven put back was there after it was seen."""
    if seen_at:
        TIME_TO_FIXED.record((now - seen_at).total_seconds(), {"control": control})


@contextmanager
def visiting(tenant_id: str) -> Iterator[None]:
    """Begin the trace of one tenant's visit: all that follows from it is part of it, and its log lines name the tenant.

    Each visit has a trace of its own, linked to the shard's: twenty-five tenants in one could not be read by anybody.
    """
    with log_lines.ids(tenant=tenant_id), _spanned("visit", SpanKind.CONSUMER, {"tenant": tenant_id}, Context()):
        yield


@contextmanager
def working(queue: str, job: Message, now: datetime) -> Iterator[None]:
    """Do what *job*, a message of *queue*, asks for: in the trace that it brings, with its ids on every log line."""
    if job.due_at:
        QUEUE_AGE.record(max(0.0, (now - job.due_at).total_seconds()), {"queue": queue})
    known = {"tenant": getattr(job, "tenant_id", None), "operation": getattr(job, "operation_id", None)}
    attributes = {name: value for name, value in known.items() if value}
    with log_lines.ids(**known), _spanned(queue, SpanKind.CONSUMER, attributes, _context(job.trace)):
        yield


@contextmanager
def span(name: str, **attributes: str) -> Iterator[None]:
    """A part of the work that is worth seeing by itself."""
    with _spanned(name, SpanKind.INTERNAL, attributes):
        yield


@contextmanager
def _spanned(name: str, kind: SpanKind, attributes: dict[str, str], parent: Context | None = None) -> Iterator[None]:
    """A span of *parent*'s trace, or of the current one; then the invocation that it runs in is only linked to."""
    invocation = trace.get_current_span().get_span_context()
    links = [Link(invocation)] if parent is not None and invocation.is_valid else []
    # What an error says may quote an answer, so only its class is kept.
    with _tracer.start_as_current_span(
        name, parent, kind, attributes, links, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def stamped[T: Message](job: T, due_at: datetime) -> T:
    """*job* as it is sent: in the current trace, with the time from which somebody should work on it.

    A remediation's trace is kept whatever share of all is: it is the one that somebody will want to see.
    """
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, _sampled() if isinstance(job, RemediateTenant) else None)
    return replace(job, trace=carrier.get(_TRACEPARENT, job.trace), due_at=due_at)


def _sampled() -> Context:
    """The current context, its trace one that is kept."""
    current = trace.get_current_span().get_span_context()
    flags = TraceFlags(current.trace_flags | TraceFlags.SAMPLED)
    kept = SpanContext(current.trace_id, current.span_id, current.is_remote, flags, current.trace_state)
    return trace.set_span_in_context(NonRecordingSpan(kept))


def _context(parent: str | None) -> Context | None:
    """The context of a W3C traceparent; None, which means the current one, where there is none."""
    return _W3C.extract({_TRACEPARENT: parent}, Context()) if parent else None
