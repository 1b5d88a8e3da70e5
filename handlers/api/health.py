"""Whether the service can work; the one endpoint that answers anybody."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from fastapi import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from clients.connect import Clients
from domain.errors import BadField
from domain.incident import SERVICE
from handlers.api.problems import documented, problem
from handlers.api.routing import Configured, Neighbours, router_of
from handlers.guard import RENEW
from handlers.health import LATE_INTERVALS
from handlers.loop.tick import overdue, tick, ticks, timer_last_ran

router = router_of("health")

SHORTEST_INTERVAL = timedelta(minutes=1)
"""A schedule of seconds, as the dev host takes it, counts as one of a minute: a busy machine is late by some."""


AHEAD_AT_MOST = timedelta(minutes=5)
"""By how much the clock of who asks may be ahead of ours."""


class Health(BaseModel):
    """The service's own storage answers, its ticks are done, and somebody can call the API."""

    model_config = ConfigDict(frozen=True)

    status: Literal["ok"] = "ok"


@router.get("/health", name="health", response_model=Health, responses=documented(413, 422, 503))
async def health(
    clients: Neighbours, settings: Configured, timer_since: AwareDatetime | None = None
) -> Health | Response:
    """Whether the service can work; with *timer_since*, also whether the tick's timer itself has run since then."""
    if timer_since and timer_since > clients.now() + AHEAD_AT_MOST:
        raise BadField("query.timer_since", "should not be in the future")
    await clients.storage.switches.brake()
    if await clients.storage.chains.is_remade(SERVICE):
        return problem(503, f"the ledger was made anew, and the brake is engaged: {RENEW}")
    if late := await _late(clients):
        return problem(503, late)
    if timer_since and not await _ran_since(timer_since, clients):
        since = f"{timer_since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return problem(503, f"the tick's timer has not run since {since} (docs/operations.md#ticks-silent)")
    if not settings.api_keys() and not settings.api_audience:
        return problem(503, "HOLDFAST_KEYS: is empty, and HOLDFAST_API_AUDIENCE too: nobody can call the API")
    return Health()


async def _ran_since(since: datetime, clients: Clients) -> bool:
    """Whether the timer's own tick ended after *since*: those that others do, as health does, tell nothing of it."""
    ran = await timer_last_ran(clients)
    return ran is not None and ran >= since


async def _late(clients: Clients) -> str:
    """How late the tick is, where it is over three intervals late; it is done here, then, and where none was yet."""
    by, interval = await overdue(clients), ticks(clients.settings, clients.now()).interval
    if by is None:
        await tick(clients)
    if not by or interval is None or by <= LATE_INTERVALS * max(interval, SHORTEST_INTERVAL):
        return ""
    await tick(clients)
    return f"the tick is {by.total_seconds():.0f} s late: its timer does not run (docs/operations.md#ticks-silent)"
