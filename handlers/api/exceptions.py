"""A person accepts a control's drift for a while, or takes that back. It ends by itself (handlers/check.py)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import AwareDatetime, Field

from clients.connect import Clients
from clients.storage.states import TenantStates
from domain.exemption import Exemption
from domain.jobs import CheckTenant
from domain.ledger import Entry
from handlers.api.asks import tenant
from handlers.api.problem import Body, Problem, invalid, known_control, parsed


class ExceptionAsked(Body):
    """What `POST .../except` takes: why, who answers for it, and when it ends."""

    reason: str = Field(min_length=1, max_length=1000)
    owner: str = Field(min_length=1, max_length=256)
    until: AwareDatetime


async def make(tenant_id: str, control: str, body: bytes, by: str, clients: Clients) -> Exemption:
    """Accept the control's drift until a moment in the future; a second one replaces the first.

    Raises:
        Problem: 404 unknown tenant or control; 422 with the field that is wrong.
    """
    asked = parsed(ExceptionAsked, body)
    config, now = await tenant(tenant_id, clients), clients.now()
    if asked.until <= now:
        raise invalid(f"body.until: should be in the future; it is {now.isoformat(timespec='seconds')} now")
    exemption = Exemption(reason=asked.reason, owner=asked.owner, until=asked.until)
    entry = _entry("exception_made", config.tenant_id, known_control(control), by, clients)
    await _write(replace(entry, detail=exemption.sentence, reason=asked.reason), {control: exemption}, clients)
    return exemption


async def take_back(tenant_id: str, control: str, by: str, clients: Clients) -> None:
    """End an exception before its time. Raises Problem 404 where there is none."""
    config = await tenant(tenant_id, clients)
    entry = _entry("exception_ended", config.tenant_id, known_control(control), by, clients)
    await _write(replace(entry, detail="taken back"), {control: None}, clients)


async def _write(entry: Entry, change: Mapping[str, Exemption | None], clients: Clients) -> None:
    """Write *change* and its entry together, and have the control looked at, so that its state says so."""

    def changed(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        after = states.excepting(change)
        if not any(change.values()) and after.exceptions == states.exceptions:
            raise Problem(404, "Not Found", f"there is no exception of '{entry.control}'")
        return after, [entry] if after.exceptions != states.exceptions else []

    await clients.storage.states.change(entry.tenant_id, changed)
    await clients.storage.queues.send(CheckTenant(tenant_id=entry.tenant_id, controls=(entry.control,)))


def _entry(
    event: Literal["exception_made", "exception_ended"], tenant_id: str, control: str, by: str, clients: Clients
) -> Entry:
    return Entry(at=clients.now(), tenant_id=tenant_id, control=control, event=event, actor=by, requested_by=by)
