"""Everything that can wake this service, in the order work flows through it."""

import azure.functions as func

from clients import profiles
from domain.jobs import QueueName
from handlers.app import open_app

# Read at import: a malformed profile stops the start, and so does a faulty setting on a developer's machine.
profiles.all_profiles()
holdfast = open_app()

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
    await holdfast.on_timer()


def on_message(queue: QueueName, name: str) -> None:
    @app.function_name(name)
    @app.queue_trigger(arg_name="message", queue_name=queue, connection=STORAGE)
    async def woken(message: func.QueueMessage) -> None:
        await holdfast.on_message(queue, message.get_body())

    @app.function_name(f"park_{queue}")
    @app.queue_trigger(arg_name="message", queue_name=f"{queue}-poison", connection=STORAGE)
    async def given_up(message: func.QueueMessage) -> None:
        await holdfast.on_given_up(queue, message.get_body())


for queue, name in WORKERS.items():
    on_message(queue, name)


@app.route("{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def http(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer people, programs and the ticket systems' webhooks: keys and signatures are checked by the API itself."""
    return await holdfast.on_request(req, context)
