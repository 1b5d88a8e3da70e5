"""Collects what the app tells OpenTelemetry, as Azure Monitor does in Azure, and shows its metrics to Prometheus.

Traces are carried on and kept nowhere: their ids are in the messages and in the host's own log.
"""

import os

from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

_RESOURCE = Resource.create({"service.name": "devhost"})
_started: list[bool] = []


def start() -> None:
    """Collect from now on; a second call changes nothing, for OpenTelemetry takes one collector a process."""
    if _started:
        return
    _started.append(True)
    # The runtime hands each invocation's trace to its function only where this says that somebody wants it.
    os.environ.setdefault("PYTHON_ENABLE_OPENTELEMETRY", "true")
    metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()], resource=_RESOURCE))
    trace.set_tracer_provider(TracerProvider(resource=_RESOURCE))


def exposition() -> bytes:
    """Every metric as it is now, in Prometheus' text format."""
    return generate_latest(REGISTRY)
