"""Channels hear of each incident once: begun, changed hands, ended; what is away delays its own notices only."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio
from azure.data.tables.aio import TableClient

from domain.incident import SERVICE, Incident
from domain.jobs import Notify
from domain.ledger import Entry
from domain.psa.records import MOST_FAILURES
from handlers.delivery import deliver
from handlers.loop.tick import tick
from handlers.notices import ask_for_unsent
from handlers.operators import end_incident, tell_operators
from tests.clients.storage.test_chains import put_without_link
from tests.handlers.conftest import fresh
from tests.handlers.harness import Service
from tests.handlers.tickets.msp import COMPANY, desk_of, settings
from tests.handlers.web import ask
from tests.receiver import Receiver, receiver

TROUBLE = Incident(id="poison", kind="parked", summary="the wells are poisoned", detail="since noon")
ALERT = "Phish delivered due to an IP allow policy"


@pytest.fixture
def ops() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest.fixture
def customer() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest_asyncio.fixture
async def service(azurite_connection, ops, customer) -> AsyncIterator[Service]:
    environment = {
        "HOLDFAST_NOTIFY": "notify-ops",
        "HOLDFAST_NOTIFY_OPS": f"json://127.0.0.1:{ops.port}/",
        "HOLDFAST_NOTIFY_CONTOSO": f"json://127.0.0.1:{customer.port}/",
    }
    async with fresh(azurite_connection, **environment) as service:
        yield service


async def told(service):
    """The queue is worked on, as the tick asks for it."""
    service.clock.advance(seconds=10)
    await ask_for_unsent(service.clients)
    for body in await service.messages("notifications"):
        await deliver("notifications", body, service.clients)


async def asked_again(service):
    """A tick comes round that looks for what is untold."""
    service.clock.advance(minutes=5)
    await tick(service.clients)
    await told(service)


def stages(channel):
    return [(body["incident"], body["stage"]) for body in channel.bodies]


async def tell(service, incident=TROUBLE):
    await tell_operators(incident, service.clients)
    await told(service)


async def test_an_incident_has_one_number_through_begun_changed_hands_and_ended(service, ops, customer):
    await tell(service)
    await tell(service)  # it lasts, and there is nothing new to tell
    await ask(service, "POST", "incidents/poison/take", {"reason": "I look"})
    await tell(service)
    await end_incident("poison", "cleaned", service.clients, by="key dev")
    await tell(service, OTHER)
    assert stages(ops)[:3] == [("poison", "begun"), ("poison", "changed hands"), ("poison", "ended")]
    assert len({body["number"] for body in ops.bodies[:3]}) == 1
    assert "key dev is to act now" in ops.bodies[1]["message"]
    assert "cleaned" in ops.bodies[2]["message"]
    assert stages(ops)[3:] == [("other", "begun")]
    assert customer.bodies == []


async def test_a_channel_that_is_away_is_told_when_it_is_back_and_once(service, ops):
    ops.status = 503
    await tell(service)
    assert ops.bodies == []
    assert await service.clients.storage.notices.unsent.all() == [SERVICE]
    ops.status = 200
    await asked_again(service)
    await asked_again(service)
    assert stages(ops).count(("poison", "begun")) == 1
    assert await service.clients.storage.notices.unsent.all() == []


async def test_a_channel_that_takes_nothing_for_an_hour_is_an_incident_until_it_does(service, ops):
    ops.status = 503
    await tell(service)
    service.clock.advance(minutes=61)
    await asked_again(service)
    [channel] = [each for each in (await listed(service)) if each["id"] == "channel-ops"]
    assert "notify-ops since 2026-11-23 12:00 UTC" in channel["detail"]
    ops.status = 200
    await asked_again(service)
    await asked_again(service)
    assert [each["id"] for each in await listed(service)] == ["poison"]
    assert stages(ops).count(("channel-ops", "ended")) == 1


OTHER = Incident(id="other", kind="parked", summary="another", detail="thing")


async def test_a_notice_that_a_channel_refuses_keeps_no_other_from_it(service, ops):
    ops.refuses = b"poisoned"
    await tell(service)
    await tell(service, OTHER)
    assert stages(ops) == [("other", "begun")]
    ops.refuses = b""
    await asked_again(service)
    await asked_again(service)
    assert stages(ops) == [("other", "begun"), ("poison", "begun")]
    assert await service.clients.storage.notices.unsent.all() == []


async def test_where_a_channel_refuses_many_notices_every_other_has_its_turn(service, ops):
    ops.refuses = b"poisoned"
    for number in range(7):
        await tell_operators(replace(TROUBLE, id=f"poison-{number}"), service.clients)
    await tell_operators(OTHER, service.clients)
    for _ in range(3):
        await told(service)
    assert ("other", "begun") in stages(ops)


async def test_a_notice_that_a_channel_refuses_for_a_week_is_given_up_and_told(service, ops):
    ops.refuses = b"poisoned"
    await tell_operators(TROUBLE, service.clients)
    await tell(service, OTHER)
    for _ in range(MOST_FAILURES):
        service.clock.advance(hours=6)
        await told(service)
    [untold] = [each for each in await listed(service) if each["id"].startswith("untold-")]
    assert "notify-ops: service poison" in untold["detail"]
    assert (untold["id"], "begun") in stages(ops)
    await told(service)
    assert await service.clients.storage.notices.unsent.all() == []
    asked = ops.asked
    service.clock.advance(hours=12)
    await told(service)
    assert ops.asked == asked
    ops.refuses = b""
    await end_incident("poison", "cleaned", service.clients)
    await tell(service, OTHER)
    await told(service)
    assert ("poison", "ended") not in stages(ops)  # of what it never heard, it does not hear that it is over
    [ended] = [each for each in ops.bodies if (each["incident"], each["stage"]) == (untold["id"], "ended")]
    assert "nothing left to tell" in ended["message"]


async def listed(service):
    return json.loads((await ask(service, "GET", "incidents")).get_body())


async def test_a_worker_that_dies_after_sending_sends_again_under_the_same_number(service, ops, monkeypatch):
    async def dies(*_: object) -> None:
        raise RuntimeError("the worker dies")

    await tell_operators(TROUBLE, service.clients)
    job = Notify(tenant_id=SERVICE, asked_at=service.clock())
    with monkeypatch.context() as patched:
        patched.setattr(service.clients.storage.notices, "put_told", dies)
        with pytest.raises(RuntimeError):
            await deliver("notifications", job.body.encode(), service.clients)
    service.clock.advance(minutes=2)  # its lease has run out
    await deliver("notifications", job.body.encode(), service.clients)
    await told(service)
    assert stages(ops) == [("poison", "begun")] * 2
    assert ops.bodies[0] == ops.bodies[1]


async def test_a_tenants_channel_hears_of_the_tenant_and_of_nobody_else(service, ops, customer):
    tenant, other = (
        service.world.add_tenant(f"{each}.example", alert_set="not_found") for each in ("contoso", "other")
    )
    await service.look_after(tenant, name="Contoso", notify=["notify-contoso"])
    await service.look_after(other)
    for each in (tenant, other):
        each.admin("Set-ProtectionAlert", Identity=ALERT, Disabled=False)
        await service.check(each, controls=("alert-policies",))
    for body in await service.messages("remediations"):
        await deliver("remediations", body, service.clients)
    await told(service)
    tenant.admin("Set-ProtectionAlert", Identity=ALERT, Disabled=True)
    await service.check(tenant, controls=("alert-policies",))
    await told(service)
    incident = f"alert-policies-{tenant.tenant_id[:8]}"
    assert stages(customer)[0] == (incident, "begun")
    assert stages(customer)[-1] == (incident, "ended")
    assert customer.bodies[0]["title"].endswith("] Contoso: setting alert-policies")
    assert ops.bodies == []


async def test_what_a_worker_of_the_version_before_wrote_in_an_upgrade_is_told_and_so_is_what_follows(
    service, customer, azurite_connection
):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant, name="Contoso", notify=["notify-contoso"])
    spf, dkim = (
        Entry(at=service.clock(), tenant_id=tenant.tenant_id, control=each, event="needs_person", detail="look at it")
        for each in ("spf", "dkim")
    )
    await put_without_link(azurite_connection, spf)
    await service.clients.storage.ledger.append(dkim)
    await told(service)
    assert {(body["incident"].partition("-")[0], body["stage"]) for body in customer.bodies} == {
        ("spf", "begun"),
        ("dkim", "begun"),
    }
    assert all(body["number"] != "0" for body in customer.bodies)
    assert await service.clients.storage.notices.unsent.all() == []


@pytest.mark.parametrize("number_is_kept", [True, False])
async def test_an_incident_whose_first_entry_is_gone_ends_all_the_same_and_keeps_no_other_untold(
    service, ops, azurite_connection, number_is_kept
):
    await tell(service)
    if not number_is_kept:  # a former version told of it
        rows = service.clients.storage.notices
        told_of = await rows.told(SERVICE, "notify-ops")
        threads = {cause: replace(each, number=0) for cause, each in told_of.threads.items()}
        await rows.put_told(SERVICE, "notify-ops", replace(told_of, threads=threads))
    [begun] = await service.clients.storage.ledger.page(SERVICE)
    await end_incident("poison", "cleaned", service.clients)
    async with TableClient.from_connection_string(azurite_connection, "ledger") as table:
        await table.delete_entity(SERVICE, begun.id)
    await tell(service, OTHER)
    assert sorted(stages(ops)[1:]) == [("other", "begun"), ("poison", "ended")]
    [first, last] = [body["number"] for body in ops.bodies if body["incident"] == "poison"]
    assert last == (first if number_is_kept else "0")
    assert await service.clients.storage.notices.unsent.all() == []


async def test_what_is_stored_of_one_channel_and_makes_no_sense_keeps_no_other_untold(
    service, ops, customer, azurite_connection
):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant, name="Contoso", notify=["notify-contoso", "notify-ops"])
    row = {"PartitionKey": f"notices {tenant.tenant_id}", "RowKey": "notify-contoso", "body0": "{"}
    async with TableClient.from_connection_string(azurite_connection, "tickets") as table:
        await table.create_entity(row)
    entry = Entry(at=service.clock(), tenant_id=tenant.tenant_id, control="spf", event="needs_person", detail="look")
    await service.clients.storage.ledger.append(entry)
    for _ in range(2):
        with pytest.raises(ValueError, match="JSON"):
            await told(service)
    assert [body["stage"] for body in ops.bodies] == ["begun"]
    assert customer.bodies == []
    assert await service.clients.storage.notices.unsent.all() == [tenant.tenant_id]


async def test_an_entry_that_makes_no_sense_keeps_no_later_one_from_being_told(service, ops, azurite_connection):
    await tell(service)
    [entry] = await service.clients.storage.ledger.page(SERVICE)
    async with TableClient.from_connection_string(azurite_connection, "ledger") as table:
        await table.update_entity({"PartitionKey": SERVICE, "RowKey": entry.id, "body0": '{"tenant_id": "service"}'})
    await tell(service, OTHER)
    assert stages(ops) == [("poison", "begun"), ("other", "begun")]


async def test_what_cannot_be_told_to_the_ticket_system_is_told_to_channels(azurite_connection, ops):
    ticket_system = settings("autotask", COMPANY, **desk_of("autotask"))
    environment = {"HOLDFAST_NOTIFY": "notify-ops", "HOLDFAST_NOTIFY_OPS": f"json://127.0.0.1:{ops.port}/"}
    async with fresh(azurite_connection, **ticket_system, **environment) as service:
        async with TableClient.from_connection_string(azurite_connection, "tickets") as table:
            await table.create_entity({"PartitionKey": "told", "RowKey": SERVICE, "body0": "{"})
        await tell_operators(TROUBLE, service.clients)
        with pytest.raises(ValueError, match="JSON"):
            await told(service)
    assert stages(ops) == [("poison", "begun")]


async def test_a_tenants_text_calls_nobody(service, customer):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant, name="@everyone <!here>", notify=["notify-contoso"])
    entry = Entry(at=service.clock(), tenant_id=tenant.tenant_id, event="parked", detail="<@U1> said @here")
    await service.clients.storage.ledger.append(entry)
    await told(service)
    [body] = customer.bodies
    text = body["title"] + body["message"]
    assert not any(call in text for call in ("@everyone", "@here", "<!", "<@"))


async def test_what_a_worker_wrote_and_announced_no_more_is_told_although_others_were_told_meanwhile(service, ops):
    await tell_operators(OTHER, service.clients)
    async with service.queues.get_queue_client("notifications") as queue:
        await queue.clear_messages()  # its message is hidden for two seconds by another clock, and worked on below
    message = Notify(tenant_id=SERVICE, asked_at=service.clock())
    service.clock.advance(seconds=1.9)
    await service.clients.storage.ledger.listener.expect(SERVICE)
    service.clock.advance(seconds=0.1)
    await deliver("notifications", message.body.encode(), service.clients)
    service.clock.advance(seconds=0.5)
    await service.clients.storage.ledger.append(TROUBLE.entry(service.clock()), announced=False)
    await told(service)
    assert stages(ops) == [("other", "begun"), ("poison", "begun")]
    assert await service.clients.storage.notices.unsent.all() == []


async def test_two_workers_at_once_tell_once(service, ops):
    await tell_operators(TROUBLE, service.clients)
    async with service.clients.storage.leases.hold(f"notices-{SERVICE}"):
        await told(service)
        assert ops.bodies == []
    await told(service)
    assert stages(ops) == [("poison", "begun")]


async def test_an_installation_without_channels_sends_none(service, ops):
    clients = replace(service.clients, channels=type(service.clients.channels)())
    await tell_operators(TROUBLE, clients)
    await deliver("notifications", Notify(tenant_id=SERVICE, asked_at=service.clock()).body.encode(), clients)
    assert ops.bodies == []


async def test_a_tenant_names_channels_and_never_holds_a_url(service):
    tenant = service.world.add_tenant("contoso.example")
    config = {"tenant_id": tenant.tenant_id, "name": "Contoso", "initial_domain": tenant.initial_domain}
    for wrong in ("https://hooks.example", "slack://a/b/c", "notify-gone", "ops"):
        answer = await ask(service, "PUT", f"tenants/{tenant.tenant_id}", config | {"notify": [wrong]})
        assert answer.status_code == 422
    answer = await ask(service, "PUT", f"tenants/{tenant.tenant_id}", config | {"notify": ["notify-contoso"]})
    assert answer.status_code == 201
