"""Everything that can wake this service, in the order work flows through it."""

from collections.abc import Awaitable, Callable
from functools import partial

import azure.functions as func

from clients import profiles
from clients import settings as environment
from clients.connect import Clients
from domain.jobs import QueueName, ReadAudit, TriageAlerts
from handlers import park, workers
from handlers.api import routes
from handlers.api.http import serve, serve_token
from handlers.api.routes import ENDPOINTS
from handlers.delivery import deliver
from handlers.loop.sweep import sweep, sweep_security
from handlers.tickets import webhooks
from handlers.tickets.poll import look_for_changes
from handlers.workers import interval_s

# Read at import, so that a missing setting or a malformed profile stops the start with one line that names it.
settings = environment.load()
profiles.all_profiles()
connect = partial(workers.clients, settings)

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
        await work(interval_s(timer), await connect())


def on_message(name: str, queue: str, work: Callable[[bytes, Clients], Awaitable[None]]) -> None:
    @app.function_name(name)
    @app.queue_trigger(arg_name="message", queue_name=queue, connection=STORAGE)
    async def woken(message: func.QueueMessage) -> None:
        await work(message.get_body(), await connect())


for name, (schedule, work) in TIMERS.items():
    on_timer(name, schedule, work)
for queue, name in WORKERS.items():
    on_message(name, queue, partial(deliver, queue))
    on_message(f"park_{queue}", f"{queue}-poison", partial(park.given_up, queue))


@app.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the service can work."""
    return await serve(ENDPOINTS["health"], req, connect)


@app.route("tenants", methods=["GET"])
async def list_tenants(req: func.HttpRequest) -> func.HttpResponse:
    """Every tenant's config."""
    return await serve(ENDPOINTS["list_tenants"], req, connect)


@app.route("proposals", methods=["GET"])
async def get_proposals(req: func.HttpRequest) -> func.HttpResponse:
    """The MSP's customers that could be looked after."""
    return await serve(ENDPOINTS["get_proposals"], req, connect)


@app.route("tenants/{tenant_id}", methods=["GET"])
async def get_tenant(req: func.HttpRequest) -> func.HttpResponse:
    """One tenant's config."""
    return await serve(ENDPOINTS["get_tenant"], req, connect)


@app.route("tenants/{tenant_id}", methods=["PUT"])
async def put_tenant(req: func.HttpRequest) -> func.HttpResponse:
    """Add a tenant, or replace its config."""
    return await serve(ENDPOINTS["put_tenant"], req, connect)


@app.route("tenants/{tenant_id}", methods=["DELETE"])
async def delete_tenant(req: func.HttpRequest) -> func.HttpResponse:
    """Stop looking after a tenant."""
    return await serve(ENDPOINTS["delete_tenant"], req, connect)


@app.route("tenants/{tenant_id}/readiness", methods=["GET"])
async def get_readiness(req: func.HttpRequest) -> func.HttpResponse:
    """What a tenant has granted, and what is missing, with the grant that mends it."""
    return await serve(ENDPOINTS["get_readiness"], req, connect)


@app.route("tenants/{tenant_id}/state", methods=["GET"])
async def get_state(req: func.HttpRequest) -> func.HttpResponse:
    """How each control of a tenant stands."""
    return await serve(ENDPOINTS["get_state"], req, connect)


@app.route("tenants/{tenant_id}/ledger", methods=["GET"])
async def get_ledger(req: func.HttpRequest) -> func.HttpResponse:
    """What happened in a tenant, newest first."""
    return await serve(ENDPOINTS["get_ledger"], req, connect)


@app.route("tenants/{tenant_id}/check", methods=["POST"])
async def post_check(req: func.HttpRequest) -> func.HttpResponse:
    """Look at a tenant now."""
    return await serve(ENDPOINTS["post_check"], req, connect)


@app.route("tenants/{tenant_id}/reprovision", methods=["POST"])
async def post_reprovision(req: func.HttpRequest) -> func.HttpResponse:
    """Put a tenant's documented settings back now, or show the steps that would."""
    return await serve(ENDPOINTS["post_reprovision"], req, connect)


@app.route("tenants/{tenant_id}/controls/{control}/approve", methods=["POST"])
async def post_approve(req: func.HttpRequest) -> func.HttpResponse:
    """Take the steps of one plan that waits for a person's yes, if it is still what the tenant needs."""
    return await serve(ENDPOINTS["post_approve"], req, connect)


@app.route("tenants/{tenant_id}/controls/{control}/except", methods=["POST"])
async def post_except(req: func.HttpRequest) -> func.HttpResponse:
    """Accept a control's drift until a date."""
    return await serve(ENDPOINTS["post_except"], req, connect)


@app.route("tenants/{tenant_id}/controls/{control}/except", methods=["DELETE"])
async def delete_except(req: func.HttpRequest) -> func.HttpResponse:
    """Accept a control's drift no longer."""
    return await serve(ENDPOINTS["delete_except"], req, connect)


@app.route("tenants/{tenant_id}/controls/{control}/undo", methods=["POST"])
async def post_undo(req: func.HttpRequest) -> func.HttpResponse:
    """Put back what one ledger entry found, and accept it for a while."""
    return await serve(ENDPOINTS["post_undo"], req, connect)


@app.route("operations/{operation_id}", methods=["GET"])
async def get_operation(req: func.HttpRequest) -> func.HttpResponse:
    """How a request stands."""
    return await serve(ENDPOINTS["get_operation"], req, connect)


@app.route("brake", methods=["GET"])
async def get_brake(req: func.HttpRequest) -> func.HttpResponse:
    """Whether anything may be written at all."""
    return await serve(ENDPOINTS["get_brake"], req, connect)


@app.route("brake", methods=["PUT"])
async def put_brake(req: func.HttpRequest) -> func.HttpResponse:
    """The kill switch."""
    return await serve(ENDPOINTS["put_brake"], req, connect)


@app.route("openapi.json", methods=["GET"])
async def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """All of this as OpenAPI 3.1."""
    return await serve(ENDPOINTS["get_openapi"], req, connect)


@app.route("docs", methods=["GET"])
async def get_docs(req: func.HttpRequest) -> func.HttpResponse:
    """All of this for people."""
    return await serve(ENDPOINTS["get_docs"], req, connect)


@app.route("entra/{*path}", methods=["GET", "PUT", "POST", "DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
async def with_token(req: func.HttpRequest) -> func.HttpResponse:
    """All of the above for people and services that show an Entra ID token instead of a function key."""
    return await serve_token(routes.found, req, connect)


@app.route("webhooks/psa/{provider}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def psa_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """A ticket changed in the MSP's ticket system; its signature is what lets it in."""
    return await webhooks.answer(connect, req.route_params["provider"], req)
