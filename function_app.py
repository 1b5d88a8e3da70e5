"""Everything that can wake this service, in the order work flows through it."""

from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import TYPE_CHECKING

import azure.functions as func

from clients import profiles
from clients import settings as environment
from clients.connect import Clients
from domain.jobs import QueueName, ReadAudit, TriageAlerts
from handlers import park, workers
from handlers.delivery import deliver
from handlers.loop.sweep import sweep, sweep_security
from handlers.tickets.poll import look_for_changes
from handlers.workers import interval_s

if TYPE_CHECKING:
    from handlers.api.app import Platform

# Read at import, so that a missing setting or a malformed profile stops the start with one line that names it.
settings = environment.load()
profiles.all_profiles()
worker_clients = partial(workers.clients, settings)

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

STORAGE = "AzureWebJobsStorage"


TIMERS: dict[str, tuple[str, Callable[[float, Clients], Awaitable[None]]]] = {
    "sweep_fast": ("HOLDFAST_FAST_SCHEDULE", partial(sweep, "fast")),
    "sweep_slow": ("HOLDFAST_SLOW_SCHEDULE", partial(sweep, "slow")),
    "sweep_alerts": ("HOLDFAST_ALERTS_SCHEDULE", partial(sweep_security, TriageAlerts)),
    "read_audit_feed": ("HOLDFAST_AUDIT_SCHEDULE", partial(sweep_security, ReadAudit)),
    "poll_tickets": ("HOLDFAST_PSA_SCHEDULE", lambda _, clients: look_for_changes(clients)),
}
"""Timers, each with the setting that is its schedule, and what it does with the seconds between two of its runs."""

WORKERS: dict[QueueName, str] = {
    "checks": "check_tenant",
    "remediations": "remediate_tenant",
    "tickets": "read_ticket",
    "notifications": "notify",
    "alerts": "triage_alerts",
}
"""Queues, each with the function that works on its messages; `park_<queue>` keeps those that the platform gave up."""


def on_timer(name: str, schedule: str, work: Callable[[float, Clients], Awaitable[None]]) -> None:
    @app.function_name(name)
    @app.timer_trigger(arg_name="timer", schedule=f"%{schedule}%")
    async def woken(timer: func.TimerRequest) -> None:
        await work(interval_s(timer), await worker_clients())


def on_message(name: str, queue: str, work: Callable[[bytes, Clients], Awaitable[None]]) -> None:
    @app.function_name(name)
    @app.queue_trigger(arg_name="message", queue_name=queue, connection=STORAGE)
    async def woken(message: func.QueueMessage) -> None:
        await work(message.get_body(), await worker_clients())


for name, (schedule, work) in TIMERS.items():
    on_timer(name, schedule, work)
for queue, name in WORKERS.items():
    on_message(name, queue, partial(deliver, queue))
    on_message(f"park_{queue}", f"{queue}-poison", partial(park.given_up, queue))


@app.route("{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def http(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer people, programs and the ticket systems' webhooks: keys and signatures are checked by the API itself."""
    return await api().answer(req, context)


@cache
def api() -> "Platform":
    """The API, imported when an instance answers its first request: one that serves a queue never does."""
    from handlers.api.app import Platform  # noqa: PLC0415

    return Platform(settings, worker_clients)
