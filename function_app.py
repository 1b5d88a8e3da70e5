"""Everything that can wake this service, in the order work flows through it."""

from functools import partial

import azure.functions as func

from clients import profiles
from clients import settings as environment
from domain.jobs import ReadAudit, TriageAlerts
from handlers import park, workers
from handlers.api import routes
from handlers.api.http import serve, serve_token
from handlers.api.routes import ENDPOINTS
from handlers.loop import check, remediate, sweep
from handlers.security import dispatch as security
from handlers.tickets import poll, webhooks
from handlers.tickets import read as tickets
from handlers.tickets import tell as notifications
from handlers.workers import interval_s

# Read at import, so that a missing setting or a malformed profile stops the start with one line that names it.
settings = environment.load()
profiles.all_profiles()
connect = partial(workers.clients, settings)

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

STORAGE = "AzureWebJobsStorage"


@app.timer_trigger(arg_name="timer", schedule="%HOLDFAST_FAST_SCHEDULE%")
async def sweep_fast(timer: func.TimerRequest) -> None:
    """Ask for a look at what Exchange shows of every tenant."""
    await sweep.run("fast", interval_s(timer), await connect())


@app.timer_trigger(arg_name="timer", schedule="%HOLDFAST_SLOW_SCHEDULE%")
async def sweep_slow(timer: func.TimerRequest) -> None:
    """Ask for a look at what changes rarely or answers slowly: compliance, DKIM, blocked connectors."""
    await sweep.run("slow", interval_s(timer), await connect())


@app.timer_trigger(arg_name="timer", schedule="%HOLDFAST_ALERTS_SCHEDULE%")
async def sweep_alerts(timer: func.TimerRequest) -> None:
    """Ask for a look at the Defender alerts of every tenant."""
    await sweep.security(TriageAlerts, interval_s(timer), await connect())


@app.timer_trigger(arg_name="timer", schedule="%HOLDFAST_AUDIT_SCHEDULE%")
async def read_audit_feed(timer: func.TimerRequest) -> None:
    """Ask for a look at what administrators did in every tenant."""
    await sweep.security(ReadAudit, interval_s(timer), await connect())


@app.queue_trigger(arg_name="message", queue_name="checks", connection=STORAGE)
async def check_tenant(message: func.QueueMessage) -> None:
    """Look at one tenant: read, compare, record."""
    await check.run(message.get_body(), await connect())


@app.queue_trigger(arg_name="message", queue_name="remediations", connection=STORAGE)
async def remediate_tenant(message: func.QueueMessage) -> None:
    """Put one tenant's drifted controls back, and prove it."""
    await remediate.run(message.get_body(), await connect())


@app.timer_trigger(arg_name="timer", schedule="%HOLDFAST_PSA_SCHEDULE%")
async def poll_tickets(timer: func.TimerRequest) -> None:
    """Look for tickets whose webhook was lost, and for news that no ticket tells yet."""
    await poll.run(await connect())


@app.queue_trigger(arg_name="message", queue_name="tickets", connection=STORAGE)
async def read_ticket(message: func.QueueMessage) -> None:
    """Look at one ticket of the MSP's ticket system, and do what it has come to ask for."""
    await tickets.run(message.get_body(), await connect())


@app.queue_trigger(arg_name="message", queue_name="notifications", connection=STORAGE)
async def notify(message: func.QueueMessage) -> None:
    """Tell the ticket system what is new of one tenant."""
    await notifications.run(message.get_body(), await connect())


@app.queue_trigger(arg_name="message", queue_name="alerts", connection=STORAGE)
async def triage_alerts(message: func.QueueMessage) -> None:
    """Close one tenant's false alerts by their evidence, or read who changed what from its audit feed."""
    await security.run(message.get_body(), await connect())


@app.queue_trigger(arg_name="message", queue_name="checks-poison", connection=STORAGE)
async def park_checks(message: func.QueueMessage) -> None:
    """Keep a check that the platform gave up on where a person sees it."""
    await park.run("checks", message.get_body(), await connect())


@app.queue_trigger(arg_name="message", queue_name="remediations-poison", connection=STORAGE)
async def park_remediations(message: func.QueueMessage) -> None:
    """Keep a remediation that the platform gave up on where a person sees it."""
    await park.run("remediations", message.get_body(), await connect())


@app.queue_trigger(arg_name="message", queue_name="tickets-poison", connection=STORAGE)
async def park_tickets(message: func.QueueMessage) -> None:
    """Keep a look at a ticket that the platform gave up on where a person sees it."""
    await park.run("tickets", message.get_body(), await connect())


@app.queue_trigger(arg_name="message", queue_name="notifications-poison", connection=STORAGE)
async def park_notifications(message: func.QueueMessage) -> None:
    """Keep a notification that the platform gave up on where a person sees it."""
    await park.run("notifications", message.get_body(), await connect())


@app.queue_trigger(arg_name="message", queue_name="alerts-poison", connection=STORAGE)
async def park_alerts(message: func.QueueMessage) -> None:
    """Keep a look at alerts that the platform gave up on where a person sees it."""
    await park.run("alerts", message.get_body(), await connect())


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
