"""Everything that can wake this service, in the order work flows through it."""

from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import TYPE_CHECKING

import azure.functions as func

from clients import profiles
from clients import settings as environment
from clients.connect import Clients
from clients.flush import Flush
from domain.jobs import QueueName
from handlers import park, workers
from handlers.delivery import deliver
from handlers.loop.heal import Healer
from handlers.loop.tick import tick

if TYPE_CHECKING:
    from handlers.api.app import Platform

# Read at import, so that a missing setting or a malformed profile stops the start with one line that names it.
settings = environment.load()
profiles.all_profiles()
worker_clients = partial(workers.clients, settings)
healer = Healer()
flush = Flush()

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

STORAGE = "AzureWebJobsStorage"

WORKERS: dict[QueueName, str] = {
    "checks": "visit",
    "remediations": "remediate",
    "alerts": "alerts",
    "tickets": "tickets",
    "notifications": "notify",
}
"""Queues, each with the function that works on its messages; `park_<queue>` keeps those that the platform gave up."""


@app.function_name("tick")
@app.timer_trigger(arg_name="timer", schedule="%HOLDFAST_TICK_SCHEDULE%")
async def on_timer(timer: func.TimerRequest) -> None:
    """Ask for every look that has come due: the only timer."""
    try:
        await tick(await worker_clients())
    finally:
        await flush.now()


def on_message(
    name: str,
    queue: str,
    work: Callable[[bytes, Clients], Awaitable[None]],
    flushed: Callable[[], Awaitable[None]] = flush.if_due,
) -> None:
    @app.function_name(name)
    @app.queue_trigger(arg_name="message", queue_name=queue, connection=STORAGE)
    async def woken(message: func.QueueMessage) -> None:
        clients = await worker_clients()
        await healer.look(clients)
        try:
            await work(message.get_body(), clients)
        finally:
            await flushed()


for queue, name in WORKERS.items():
    on_message(name, queue, partial(deliver, queue))
    on_message(f"park_{queue}", f"{queue}-poison", partial(park.given_up, queue), flush.now)


@app.route("{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def http(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer people, programs and the ticket systems' webhooks: keys and signatures are checked by the API itself."""
    answer = await api().answer(req, context)
    for clients in workers.opened():
        await healer.look(clients)
    return answer


@cache
def api() -> "Platform":
    """The API, imported when an instance answers its first request: one that serves a queue never does."""
    from handlers.api.app import Platform  # noqa: PLC0415

    return Platform(settings, worker_clients)
