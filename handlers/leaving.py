"""How far a tenant has come in leaving, and what is still to be done, in the safe order."""

from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from clients.connect import Clients
from domain.leaving import to_put_back
from handlers.on_request import known_tenant

_EVER = datetime(2020, 1, 1, tzinfo=UTC)
"""Before any ledger."""


class LeftBehind(BaseModel):
    """One ledger entry of ours that is to be undone, with what it wrote."""

    model_config = ConfigDict(frozen=True)

    control: str
    entry: str
    powershell: tuple[str, ...]


class Leaving(BaseModel):
    """What is to be done, in this order, as the last look had it.

    *locked*: some connector still refuses mail. *held_open_until*: nothing closes it before, as it is held open, or an
    exception of it lasts longer. *mx_at_filter*: domains whose MX have not left the filter yet. *put_back*: what
    Holdfast switched off or made. *consent*: the line that takes its access away, which an admin of the tenant types
    last.
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    locked: bool
    held_open_until: AwareDatetime | None
    mx_at_filter: tuple[str, ...]
    put_back: tuple[LeftBehind, ...]
    consent: str


async def leaving_of(tenant_id: str, clients: Clients) -> Leaving:
    """Raises UnknownId or UnknownTenant."""
    config, now = await known_tenant(tenant_id, clients), clients.now()
    states = await clients.storage.states.load(config.tenant_id)
    entries = await clients.storage.ledger.events(config.tenant_id, _EVER, "corrected", "undone")
    open_until = states.exceptions.get("inbound-lockdown")
    principal = f"(Get-MgServicePrincipal -Filter \"appId eq '{clients.settings.client_id}'\").Id"
    return Leaving(
        tenant_id=config.tenant_id,
        locked=states.was_locked_when_last_seen(now),
        held_open_until=open_until.until if open_until and open_until.holds_at(now) else None,
        mx_at_filter=tuple(sorted(name for name, each in states.mx.domains.items() if each.at_filter)),
        put_back=tuple(
            LeftBehind(control=each.control, entry=each.id, powershell=tuple(step.powershell for step in each.steps))
            for each in to_put_back(entries[::-1])
        ),
        consent=f"Remove-MgServicePrincipal -ServicePrincipalId {principal}",
    )
