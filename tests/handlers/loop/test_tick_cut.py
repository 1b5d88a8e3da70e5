"""A worker is cut before any of its effects, and its message is gone with it: the ticks alone make it good."""

from contextlib import suppress

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobClient, BlobLeaseClient

from handlers.delivery import deliver
from handlers.loop.tick import tick
from tests.lives.process import Process, watch

OFF = ("Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": False})
MOST_EFFECTS = 60


@pytest.fixture
def environment():
    """Every tenant may be written: the radius has tests of its own."""
    return {"HOLDFAST_MAX_TENANTS_PER_HOUR": "1000", "HOLDFAST_MAX_PERCENT_PER_HOUR": "100"}


class Bystander:
    """Lets everything pass."""

    def __init__(self, tenant):
        self.tenant = tenant

    async def answer(self, request, microsoft, process):
        answer = await microsoft(request)
        process.live()
        return answer


async def drifted(service, number, queue):
    """A tenant with one drift, and the message about it on *queue*."""
    tenant = service.world.add_tenant(f"t{number}.example")
    await service.look_after(tenant)
    await service.sweep()
    service.clock.advance(hours=1)
    tenant.admin(OFF[0], **OFF[1])
    await service.ask("fast")
    if queue == "remediations":
        for body in await service.messages("checks"):
            await deliver("checks", body, service.clients)
    return tenant


async def the_lease_ends(azurite_connection, tenant):
    """As it does a minute after its worker."""
    lease = BlobClient.from_connection_string(azurite_connection, "leases", tenant.tenant_id)
    async with lease:
        with suppress(HttpResponseError):
            await BlobLeaseClient(lease).break_lease(lease_break_period=0)


async def ticks(service, minutes):
    """What the ticks of so many minutes ask for, worked on."""
    for _ in range(minutes):
        service.clock.advance(minutes=1)
        await tick(service.clients)
        await service.work()


@pytest.mark.parametrize("queue", ["checks", "remediations"])
async def test_what_is_cut_before_any_effect_is_proven_within_two_ticks_and_the_interval(
    service, azurite_connection, monkeypatch, queue
):
    present = list[Bystander]()
    watch(service, monkeypatch, lambda: present[-1] if present else None)
    await tick(service.clients)
    survived = False
    for turn in range(1, MOST_EFFECTS):
        tenant = await drifted(service, turn, queue)
        present.append(Bystander(tenant))
        process = Process(turn)
        for body in await service.messages(queue):
            try:
                with process.running():
                    await deliver(queue, body, service.clients)
            except BaseException:
                if not process.dead:
                    raise
        present.clear()
        await service.messages(queue)
        survived = not process.dead
        if survived:
            break
        await the_lease_ends(azurite_connection, tenant)
        await ticks(service, 7)
        state = await service.state(tenant, "inbound-lockdown")
        assert state.state == "compliant", f"cut before effect {turn}: {state.state} {state.detail}"
        assert [each["Enabled"] for each in tenant.rows("InboundConnector")] == [True]
        await service.look_after(tenant, enabled=False)
    assert survived
