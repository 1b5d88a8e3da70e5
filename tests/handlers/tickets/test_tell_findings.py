"""A way round the filter that came up beside a proven state is told at once, whatever holds everything else."""

from datetime import timedelta
from typing import Any

import pytest

from domain.gate import Brake
from simulator.faults import Fault
from tests.handlers.tickets.msp import COMPANY, notes, told

SENDER = "203.0.113.77"
WAY: dict[str, Any] = {
    "Name": "Backup relay",
    "ConnectorType": "Partner",
    "SenderDomains": ["*"],
    "SenderIPAddresses": [SENDER],
}


def frozen(service):
    start = service.clock() - timedelta(hours=1)
    return {"freeze": [{"start": start, "end": start + timedelta(days=7), "reason": "migration"}]}


@pytest.mark.parametrize("held", ["brake", "observe", "freeze", "unreadable beside it"])
async def test_a_new_way_round_has_its_ticket_at_once_whatever_brake_mode_or_freeze_say(msp, tenant, held):
    service = msp.service
    await service.sweep()
    await told(msp)
    assert msp.tickets == []
    company = {"psa": {"provider": msp.system.name, "company_id": str(COMPANY)}}
    if held == "brake":
        await service.clients.storage.switches.set_brake(Brake(engaged=True, reason="stop", by="ann"))
    if held == "observe":
        await service.look_after(tenant, mode="observe", **company)
    if held == "freeze":
        await service.look_after(tenant, **frozen(service), **company)
    if held == "unreadable beside it":
        tenant.faults.script(Fault("server_error", cmdlet="Get-RemoteDomain", times=99))
    tenant.admin("New-InboundConnector", **WAY)
    service.clock.advance(minutes=15)
    await service.sweep()
    await told(msp)
    [ticket] = msp.tickets
    assert ticket.company == COMPANY
    assert notes(ticket, SENDER) == [1]
    service.clock.advance(minutes=15)
    await service.sweep()
    await told(msp)
    assert notes(ticket, SENDER) == [1]


async def test_what_was_there_before_the_kind_was_looked_for_is_summed_up_and_only_what_comes_later_is_told(
    msp, tenant
):
    """As after an update of an installation that has tenants."""
    service, storage = msp.service, msp.service.clients.storage
    tenant.admin("New-InboundConnector", **WAY)
    await service.sweep()
    states = await storage.states.load(tenant.tenant_id)
    before = {key: each for key, each in states.controls.items() if key not in {"lock-bypass", "mail-flow"}}
    former = type(states)(controls=before, mx=states.mx, lock=states.lock, begun=frozenset(), etag=states.etag)
    await storage.states.save(tenant.tenant_id, former)
    await told(msp)
    first = len(msp.tickets)
    await service.sweep()
    await told(msp)
    state = await service.state(tenant, "lock-bypass")
    assert (state.state, state.detail) == (
        "compliant",
        "findings from before this version, to be declared or removed: 1",
    )
    assert len(msp.tickets) == first
    tenant.admin("New-InboundConnector", **WAY | {"Name": "Another", "SenderIPAddresses": ["198.51.100.9"]})
    await service.sweep()
    await told(msp)
    assert "198.51.100.9" in (await service.state(tenant, "lock-bypass")).detail
    assert sum(sum(notes(ticket, "198.51.100.9")) for ticket in msp.tickets) == 1


@pytest.mark.parametrize("installed", [False, True], ids=["a new tenant", "an installation that has tenants"])
async def test_where_a_part_could_never_be_read_a_new_way_round_has_its_ticket_all_the_same(msp, tenant, installed):
    """A role is missing for one read of many: the control is unknown from its first look on."""
    service, storage = msp.service, msp.service.clients.storage
    tenant.faults.script(Fault("server_error", cmdlet="Get-RemoteDomain", times=999))
    if installed:
        states = await storage.states.load(tenant.tenant_id)
        await storage.states.save(tenant.tenant_id, type(states)(begun=frozenset(), etag=states.etag))
        tenant.admin("New-InboundConnector", **WAY | {"Name": "Old", "SenderIPAddresses": ["198.51.100.9"]})
    await service.sweep()
    await told(msp)
    tenant.admin("New-InboundConnector", **WAY)
    service.clock.advance(minutes=15)
    await service.sweep()
    await told(msp)
    assert (await service.state(tenant, "lock-bypass")).state == "unknown"
    assert sum(sum(notes(ticket, SENDER)) for ticket in msp.tickets) == 1
    assert sum(sum(notes(ticket, "198.51.100.9")) for ticket in msp.tickets) == 0
