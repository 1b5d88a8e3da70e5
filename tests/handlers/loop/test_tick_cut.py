"""A worker is cut before any of its effects, and its message is gone with it: the ticks alone make it good."""

from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobClient, BlobLeaseClient

from domain.fleet import LookName
from handlers.delivery import deliver
from handlers.loop.tick import tick
from simulator.faults import Fault
from tests.handlers.web import ask, of
from tests.lives.process import Process, watch

LOCK, COPIER, OURS = "inbound-lockdown", "203.0.113.7/32", "65.99.255.0/24"
OFF = {"Identity": "ExchangeDefender", "Enabled": False}
MOST_EFFECTS = 60


class Drift(NamedTuple):
    """What an admin does to the object *named* at which *looks*, and the *minutes* between the ticks after it.

    They are as many as an interval of its lane and two more. *named* has a place for the tenant's domain.
    """

    noun: str
    named: str
    broken: dict[str, Any]
    looks: tuple[LookName, ...]
    minutes: tuple[int, ...]

    def identity(self, tenant):
        return self.named.format(tenant.domains[0])

    def breaks(self, tenant):
        tenant.admin(f"Set-{self.noun}", Identity=self.identity(tenant), **self.broken)

    def is_mended(self, tenant):
        [row] = tenant.admin(f"Get-{self.noun}", Identity=self.identity(tenant))
        return all(row[name] is not value for name, value in self.broken.items())


SLOWLY: tuple[tuple[LookName, ...], tuple[int, ...]] = (("fast", "slow"), (1, 1, 5, 5, 5))
DRIFTS = {
    LOCK: Drift("InboundConnector", "ExchangeDefender", {"Enabled": False}, ("fast",), (1,) * 7),
    "alert-policies": Drift("ProtectionAlert", "Phish delivered due to an ETR override", {"Disabled": False}, *SLOWLY),
    "dkim": Drift("DkimSigningConfig", "{}", {"Enabled": False}, *SLOWLY),
}


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


async def drifted(service, number, drift, queue):
    """A tenant with one *drift*, and the message about it on *queue*."""
    tenant = service.world.add_tenant(f"t{number}.example", state="healthy", alert_set="works")
    await service.look_after(tenant)
    await service.sweep()
    service.clock.advance(hours=1)
    drift.breaks(tenant)
    await service.ask(*drift.looks)
    if queue == "remediations":
        for body in await service.messages("checks"):
            await deliver("checks", body, service.clients)
    return tenant


async def the_lease_ends(azurite_connection, name):
    """As it does a minute after its worker."""
    lease = BlobClient.from_connection_string(azurite_connection, "leases", name)
    async with lease:
        with suppress(HttpResponseError):
            await BlobLeaseClient(lease).break_lease(lease_break_period=0)


async def ticks(service, *minutes):
    """What the ticks after so many minutes each ask for, worked on."""
    for each in minutes:
        service.clock.advance(minutes=each)
        await tick(service.clients)
        await service.work()


async def cut(service, queue, process):
    """Work on *queue* until the process ends or is at an end; what it left on the queue is lost."""
    for body in await service.messages(queue):
        try:
            with process.running():
                await deliver(queue, body, service.clients)
        except BaseException:
            if not process.dead:
                raise
    await service.messages(queue)


@pytest.mark.parametrize("queue", ["checks", "remediations"])
@pytest.mark.parametrize("control", DRIFTS)
async def test_what_is_cut_before_any_effect_is_proven_within_two_ticks_and_the_interval(
    service, azurite_connection, monkeypatch, control, queue
):
    drift = DRIFTS[control]
    present = list[Bystander]()
    watch(service, monkeypatch, lambda: present[-1] if present else None)
    await tick(service.clients)
    survived = False
    for turn in range(1, MOST_EFFECTS):
        tenant = await drifted(service, turn, drift, queue)
        present.append(Bystander(tenant))
        process = Process(turn)
        await cut(service, queue, process)
        present.clear()
        survived = not process.dead
        if survived:
            break
        await the_lease_ends(azurite_connection, tenant.tenant_id)
        await ticks(service, *drift.minutes)
        state = await service.state(tenant, control)
        assert state.state == "compliant", f"cut before effect {turn}: {state.state} {state.detail}"
        assert drift.is_mended(tenant)
        await service.look_after(tenant, enabled=False)
    assert survived


async def to_open(service, _):
    until = (service.clock() + timedelta(hours=4)).isoformat()
    return "open", {"reason": "mail is refused", "until": until}


async def to_undo(service, tenant):
    tenant.admin("Set-InboundConnector", **OFF)
    await service.sweep()
    entry = next(each for each in await service.ledger(tenant, LOCK) if each.event == "corrected")
    return f"controls/{LOCK}/undo", {"entry": entry.id}


async def to_remove(service, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", SenderIPAddresses=[OURS, COPIER])
    await service.look_after(tenant)
    await service.sweep()
    [finding] = of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/findings"))
    return f"findings/{finding['id']}/remove", {"reason": "nobody knows it"}


async def to_check(_, __):
    return "check", None


ASKED = {
    "open": (to_open, {"Enabled": True, "RestrictDomainsToIPAddresses": False, "SenderIPAddresses": [OURS]}),
    "undo": (to_undo, {"Enabled": False, "RestrictDomainsToIPAddresses": True, "SenderIPAddresses": [OURS]}),
    "remove": (to_remove, {"Enabled": True, "RestrictDomainsToIPAddresses": True, "SenderIPAddresses": [OURS]}),
    "check": (to_check, {"Enabled": True, "RestrictDomainsToIPAddresses": True, "SenderIPAddresses": [OURS]}),
}


async def asked_and_cut(service, scene, process, present):
    """A new tenant, and the operation on it that a person asks for in *scene* and *process* works on."""
    service.clock.advance(hours=1)
    tenant = service.world.add_tenant(f"t{process.turn}.example")
    await service.look_after(tenant)
    await service.sweep()
    path, body = await scene(service, tenant)
    operation = of(await ask(service, "POST", f"tenants/{tenant.tenant_id}/{path}", body))["id"]
    present.append(Bystander(tenant))
    await cut(service, "checks" if path == "check" else "remediations", process)
    present.clear()
    return tenant, operation


@pytest.mark.parametrize(("scene", "wanted"), ASKED.values(), ids=list(ASKED))
async def test_what_a_person_asked_for_is_done_after_all_wherever_its_worker_was_cut(
    service, azurite_connection, monkeypatch, scene, wanted
):
    """From its second effect on: before the first nothing tells it from one that waits.

    An undo sends no step twice: where one may have been sent, it looks until a person is told that it does not show.
    """
    present = list[Bystander]()
    watch(service, monkeypatch, lambda: present[-1] if present else None)
    await tick(service.clients)
    ends, process = list[str](), Process()
    for turn in range(2, MOST_EFFECTS):
        process = Process(turn)
        tenant, operation = await asked_and_cut(service, scene, process, present)
        if not process.dead:
            break
        for name in (tenant.tenant_id, f"check-{tenant.tenant_id}"):
            await the_lease_ends(azurite_connection, name)
        await ticks(service, 1, 1, 1)
        ended = of(await ask(service, "GET", f"operations/{operation}"))
        ends.append(ended["state"])
        if ends[-1] == "succeeded":
            [connector] = tenant.rows("InboundConnector")
            assert {name: connector[name] for name in wanted} == wanted, f"cut before effect {turn}"
        await service.look_after(tenant, enabled=False)
    assert not process.dead
    unsure = ["running"] if scene is to_undo else []
    assert [each for each in ends if each != "succeeded"] == unsure


async def test_an_undo_that_was_announced_and_cut_takes_no_hold_away_that_a_person_has_made_since(
    service, azurite_connection, monkeypatch
):
    present = list[Bystander]()
    watch(service, monkeypatch, lambda: present[-1] if present else None)
    await tick(service.clients)
    for turn in range(2, MOST_EFFECTS):
        tenant, operation = await asked_and_cut(service, to_undo, Process(turn), present)
        await the_lease_ends(azurite_connection, tenant.tenant_id)
        if "undoing" in {each.event for each in await service.ledger(tenant, LOCK)}:
            break
        await service.look_after(tenant, enabled=False)
    assert of(await ask(service, "GET", f"operations/{operation}"))["controls"] == []
    path, body = await to_open(service, tenant)
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/{path}", body)
    [opening] = await service.messages("remediations")
    await deliver("remediations", opening, service.clients)
    held = (await service.clients.storage.states.load(tenant.tenant_id)).exceptions[LOCK].held_open_until
    tenant.faults.script(Fault("bad_request", service="exchange", writes=True, times=10**9))
    await ticks(service, 1, 1, 1)
    assert of(await ask(service, "GET", f"operations/{operation}"))["state"] in {"held", "needs_person"}
    exceptions = (await service.clients.storage.states.load(tenant.tenant_id)).exceptions
    assert (held is not None, exceptions[LOCK].held_open_until) == (True, held)
