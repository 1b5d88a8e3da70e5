"""A person accepts a control's drift until a date, or ends that before; by itself it ends in loop/check.py."""

from collections.abc import Callable

from pydantic import AwareDatetime, Field

from clients.connect import Clients
from clients.storage.states import TenantStates
from domain.errors import NothingAccepted
from domain.exemption import Exemption, refuse_end
from domain.ledger import Entry
from handlers.loop.check import ask_for_look
from handlers.on_request import RequestBody, known_control, known_tenant

type _Change = Callable[[TenantStates], tuple[TenantStates, list[Entry]]]


class ExemptionRequest(RequestBody):
    """Why the drift is accepted, who answers for it, and when that ends."""

    reason: str = Field(min_length=1, max_length=1000)
    owner: str = Field(min_length=1, max_length=256)
    until: AwareDatetime


async def accept(tenant_id: str, control: str, wish: ExemptionRequest, by: str, clients: Clients) -> Exemption:
    """Accept the control's drift until a moment in the future; a second exception replaces the first.

    What a person holds open stays so: only `end` ends a hold.

    Raises:
        RequestError: UnknownTenant, UnknownControl; BadField: the end is not in the future, or before that of a hold.
    """
    config, now = await known_tenant(tenant_id, clients), clients.now()
    refuse_end(wish.until, now)
    asked = made = Exemption(reason=wish.reason, owner=wish.owner, until=wish.until)
    entry = Entry(
        at=now,
        tenant_id=config.tenant_id,
        control=known_control(control),
        event="exception_made",
        detail=asked.sentence,
        reason=wish.reason,
        actor=by,
        requested_by=by,
    )

    def accepted(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        nonlocal made
        made = asked.instead_of(states.exceptions.get(entry.control), now)
        after = states.excepting({entry.control: made})
        return after, [entry] if after.exceptions != states.exceptions else []

    await _write(entry, accepted, clients)
    return made


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

    def ended(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        if entry.control not in states.exceptions:
            raise NothingAccepted(entry.control)
        return states.excepting({entry.control: None}), [entry]

    await _write(entry, ended, clients)


async def _write(entry: Entry, change: _Change, clients: Clients) -> None:
    """Write the change and its entry together, and have the control checked, so that its state says so."""
    await clients.storage.states.change(entry.tenant_id, change)
    await ask_for_look(entry.tenant_id, (entry.control,), clients)
