"""The states that stand beside those of the controls: what the alerts come to, and whether the audit feed is read."""

from collections.abc import Callable
from datetime import datetime

from clients.connect import Clients
from clients.storage.states import TenantStates
from domain.ledger import Entry, of_transition
from domain.states import ControlState


async def keep_state(
    tenant_id: str, name: str, change: Callable[[ControlState, datetime], ControlState], clients: Clients
) -> None:
    """Keep what *change* makes of the tenant's state *name*, with its entry in the ledger where that is news."""

    def changed(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        before, now = states.of(name), clients.now()
        after = change(before, now)
        entry = of_transition(before, after, at=now, tenant_id=tenant_id)
        return states.with_changes({name: after}), [entry] if entry else []

    await clients.storage.states.change(tenant_id, changed)
