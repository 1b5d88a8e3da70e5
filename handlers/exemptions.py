"""A person accepts a control's drift until a date, or ends that before; by itself it ends in loop/check.py."""

from pydantic import AwareDatetime, Field

from clients.connect import Clients
from clients.storage.states import TenantStates
from domain.errors import NothingAccepted
from domain.exemption import Exemption, refuse_end
from domain.ledger import Entry
from handlers.loop.check import ask_for_look
from handlers.on_request import RequestBody, known_control, known_tenant


class ExemptionRequest(RequestBody):
    """Why the drift is accepted, who answers for it, and when that ends."""

    reason: str = Field(min_length=1, max_length=1000)
    owner: str = Field(min_length=1, max_length=256)
    until: AwareDatetime


async def accept(tenant_id: str, control: str, wish: ExemptionRequest, by: str, clients: Clients) -> Exemption:
    """Accept the control's drift until a moment in the future; a second exception replaces the first.

    Raises:
        RequestError: UnknownTenant, UnknownControl; BadField: the end is not in the future.
    """
    config, now = await known_tenant(tenant_id, clients), clients.now()
    refuse_end(wish.until, now)
    exemption = Exemption(reason=wish.reason, owner=wish.owner, until=wish.until)
    entry = Entry(
        at=now,
        tenant_id=config.tenant_id,
        control=known_control(control),
        event="exception_made",
        detail=exemption.sentence,
        reason=wish.reason,
        actor=by,
        requested_by=by,
    )
    await _write(entry, exemption, clients)
    return exemption


async def end(tenant_id: str, control: str, by: str, clients: Clients) -> None:
    """End an exception before its time.

    Raises:
        RequestError: UnknownTenant, UnknownControl; NothingAccepted: there is none.
    """
    config = await known_tenant(tenant_id, clients)
    entry = Entry(
        at=clients.now(),
        tenant_id=config.tenant_id,
        control=known_control(control),
        event="exception_ended",
        detail="taken back",
        actor=by,
        requested_by=by,
    )
    await _write(entry, None, clients)


async def _write(entry: Entry, exemption: Exemption | None, clients: Clients) -> None:
    """Write the change and its entry together, and have the control checked, so that its state says so."""

    def changed(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        after = states.excepting({entry.control: exemption})
        if exemption is None and after.exceptions == states.exceptions:
            raise NothingAccepted(entry.control)
        return after, [entry] if after.exceptions != states.exceptions else []

    await clients.storage.states.change(entry.tenant_id, changed)
    await ask_for_look(entry.tenant_id, (entry.control,), clients)
