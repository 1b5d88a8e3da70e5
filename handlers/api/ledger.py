"""What is known of a tenant: how each control stands, and what happened."""

from contextlib import suppress
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from clients.storage.documents import NewerRow
from domain.control import Drift
from domain.controls import CATALOGUE
from domain.errors import UnreadableConfig
from domain.exemption import Exemption
from domain.findings import is_inventoried
from domain.ledger import ENTRY_ID, Entry
from domain.states import Actor, ControlState, StateName
from domain.steps import ShownStep
from handlers import config_proposals
from handlers.api.access import as_role, with_headers
from handlers.api.routing import PREFIX, Neighbours, TenantInPath, router_of
from handlers.config_proposals import ShownProposal
from handlers.on_request import canonical_id, known_tenant

LARGEST_PAGE = 1000

router = router_of("ledger")


class ShownControl(BaseModel):
    """One control of a tenant: of its state, what people have a use for, and its exception if it has one."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: StateName
    since: AwareDatetime | None
    read_at: AwareDatetime | None
    profile_version: str
    drift: tuple[Drift, ...]
    detail: str
    steps: tuple[ShownStep, ...]
    plan: str
    actor: Actor | None
    exception: Exemption | None


class TenantState(BaseModel):
    """How every control of a tenant stands. *inventoried*: each finding of its first sight is answered.

    *proposed*: the config that waits for another person.
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    inventoried: bool
    proposed: ShownProposal | None
    controls: tuple[ShownControl, ...]


def _shown(state: ControlState, exemption: Exemption | None) -> ShownControl:
    return ShownControl(
        id=state.id,
        state=state.state,
        since=state.since,
        read_at=state.read_at,
        profile_version=state.profile_version,
        drift=state.drift,
        detail=state.detail,
        steps=state.steps,
        plan=state.plan,
        actor=state.actor,
        exception=exemption,
    )


@router.get("/tenants/{tenant_id}/state", **as_role("Reader", 404))
async def get_state(tenant_id: TenantInPath, clients: Neighbours) -> TenantState:
    """How each control of a tenant stands, of one whose config cannot be read, too."""
    known, config = canonical_id(tenant_id), None
    with suppress(NewerRow, UnreadableConfig):
        config = await known_tenant(known, clients)
    now, states = clients.now(), await clients.storage.states.load(known)
    # Also those that no check has reached yet.
    listed = {**CATALOGUE, **states.controls}
    shown = tuple(_shown(states.of(each), states.exceptions.get(each)) for each in listed)
    looked = {"fast", "slow"} <= states.looked.keys()
    inventoried = config is not None and looked and is_inventoried(states.inventory(config, now))
    waiting = await config_proposals.waiting(known, clients)
    proposed = config_proposals.shown_proposal(waiting) if waiting else None
    return TenantState(tenant_id=known, inventoried=inventoried, proposed=proposed, controls=shown)


@router.get("/tenants/{tenant_id}/ledger", **as_role("Reader", 404, ok=with_headers("Link")))
async def get_ledger(
    tenant_id: TenantInPath,
    clients: Neighbours,
    response: Response,
    after: Annotated[
        str, Query(pattern=f"^{ENTRY_ID.pattern}$", description="The id of the last entry of the page before.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Entries on a page.")] = 100,
) -> list[Entry]:
    """What happened in a tenant, newest first."""
    config = await known_tenant(tenant_id, clients)
    entries = await clients.storage.ledger.page(config.tenant_id, after=after, limit=limit + 1)
    if len(entries) > limit:
        query = urlencode({"after": entries[limit - 1].id, "limit": limit})
        response.headers["Link"] = f'<{PREFIX}/tenants/{config.tenant_id}/ledger?{query}>; rel="next"'
    return entries[:limit]
