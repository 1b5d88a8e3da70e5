"""Every operation ends: one that nothing works on is sent again once, and then ends as lost."""

import json
from datetime import UTC, datetime

import pytest
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableServiceClient

from domain.operations import LOST
from handlers import operations, unfinished
from handlers.delivery import deliver
from handlers.loop.tick import tick
from handlers.unfinished import take_up_unheard
from simulator.faults import Fault
from tests.handlers.web import ask, of

HEARD_BY = datetime(2030, 1, 1, tzinfo=UTC)
LOCK = "inbound-lockdown"
OFF = {"Identity": "ExchangeDefender", "Enabled": False}


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", **OFF)
    await service.look_after(tenant)
    return tenant


async def accepted(service, tenant, action="reprovision", body=None):
    answer = await ask(service, "POST", f"tenants/{tenant.tenant_id}/{action}", body)
    assert answer.status_code == 202
    return of(answer)["id"]


async def shown(service, operation_id):
    return of(await ask(service, "GET", f"operations/{operation_id}"))


async def cleared(service):
    """Somebody clears every queue, and half an hour later a tick finds the slow look due."""
    for queue in ("checks", "remediations"):
        await service.messages(queue)
    service.clock.advance(minutes=30)
    await tick(service.clients)


@pytest.mark.parametrize(("action", "body"), [("check", None), ("reprovision", {"controls": [LOCK]})])
async def test_an_operation_whose_queue_was_cleared_is_done_after_all(service, tenant, action, body):
    await tick(service.clients)
    operation = await accepted(service, tenant, action, body)
    await cleared(service)
    assert (await shown(service, operation))["state"] == "queued"
    await service.work()
    assert (await shown(service, operation))["state"] == "succeeded"
    assert len(tenant.writes) == 1
    assert await service.clients.storage.unfinished.has(operation) is False


async def test_one_that_is_lost_twice_ends_and_says_so_where_people_look(service, tenant):
    await tick(service.clients)
    operation = await accepted(service, tenant)
    await cleared(service)
    await cleared(service)
    ended = await shown(service, operation)
    assert (ended["state"], ended["controls"][0]["detail"]) == ("failed", LOST)
    assert ended["finished_at"]
    [told] = [each for each in await service.ledger(tenant) if each.event == "operation_lost"]
    assert (told.operation_id, told.requested_by) == (operation, "key dev")


async def test_what_was_told_to_be_lost_is_not_done_behind_anybodys_back(service, tenant):
    operation = await accepted(service, tenant, body={"controls": [LOCK]})
    [late] = await service.messages("remediations")
    for _ in range(2):
        service.clock.advance(minutes=30)
        await take_up_unheard(service.clients)
        await service.messages("remediations")
    await deliver("remediations", late, service.clients)
    assert tenant.writes == []
    assert (await shown(service, operation))["state"] == "failed"


async def test_a_second_message_beside_one_that_was_only_slow_writes_nothing_twice(service, tenant):
    operation = await accepted(service, tenant, body={"controls": [LOCK]})
    [slow] = await service.messages("remediations")
    service.clock.advance(minutes=30)
    await take_up_unheard(service.clients)
    [again] = await service.messages("remediations")
    for body in (slow, again):
        await deliver("remediations", body, service.clients)
    assert len(tenant.writes) == 1
    assert (await shown(service, operation))["state"] == "succeeded"


@pytest.mark.parametrize("controls", [{"controls": [LOCK]}, None])
async def test_a_message_that_comes_once_more_after_the_end_undoes_nothing_that_was_changed_since(
    service, tenant, controls
):
    await service.look_after(tenant, mode="observe")
    operation = await accepted(service, tenant, body=controls)
    [body] = await service.messages("remediations")
    await deliver("remediations", body, service.clients)
    assert (await shown(service, operation))["state"] == "succeeded"
    tenant.admin("Set-InboundConnector", **OFF)
    writes = len(tenant.writes)
    await deliver("remediations", body, service.clients)
    assert len(tenant.writes) == writes


def changes(tenant):
    return sum(each.changed for each in tenant.writes)


async def test_what_a_service_turned_away_is_done_for_the_person_whichever_of_its_messages_comes_again(service, tenant):
    await service.look_after(tenant, mode="observe")
    tenant.faults.script(Fault("throttled", cmdlet="Set-InboundConnector", retry_after=300))
    operation = await accepted(service, tenant, body={"controls": [LOCK]})
    [body] = await service.messages("remediations")
    await deliver("remediations", body, service.clients)
    assert (await shown(service, operation))["finished_at"]
    assert changes(tenant) == 0
    service.clock.advance(minutes=6)
    await deliver("remediations", body, service.clients)
    assert changes(tenant) == 1
    assert (await service.state(tenant, LOCK)).state == "compliant"
    tenant.admin("Set-InboundConnector", **OFF)
    await deliver("remediations", body, service.clients)
    assert changes(tenant) == 1


async def test_an_operation_that_a_worker_is_at_is_left_alone(service, tenant):
    """It is put back again and again, as another job has the tenant."""
    operation = await accepted(service, tenant, body={"controls": [LOCK]})
    [body] = await service.messages("remediations")
    async with service.clients.storage.leases.hold(tenant.tenant_id):
        for _ in range(2):
            await deliver("remediations", body, service.clients)
            service.clock.advance(minutes=19)
            assert [each async for each in service.clients.storage.unfinished.unheard(service.clock())] == []
    assert (await shown(service, operation))["state"] == "queued"


async def sent_after_a_cut(service, operation):
    """Whether the message of *operation* comes again once a worker has begun with it and was cut."""
    await operations.hear(operation, service.clients)
    service.clock.advance(minutes=1, seconds=1)
    await take_up_unheard(service.clients)
    return [json.loads(body)["operation_id"] for body in await service.messages("remediations")] == [operation]


async def test_what_a_worker_holds_the_lease_for_is_left_to_it_and_taken_up_once_it_is_free(service, tenant):
    operation = await accepted(service, tenant, body={"controls": [LOCK]})
    await service.messages("remediations")
    async with service.clients.storage.leases.hold(tenant.tenant_id):
        assert await sent_after_a_cut(service, operation) is False
    assert await sent_after_a_cut(service, operation) is True


async def test_what_is_cut_again_and_again_is_lost_in_the_end(service, tenant):
    """It may be what ends its workers."""
    operation = await accepted(service, tenant, body={"controls": [LOCK]})
    await service.messages("remediations")
    assert [await sent_after_a_cut(service, operation) for _ in range(3)] == [True, True, False]
    async with service.clients.storage.leases.hold(tenant.tenant_id):
        assert await sent_after_a_cut(service, operation) is False
    assert (await shown(service, operation))["state"] == "queued"
    assert await sent_after_a_cut(service, operation) is False
    for expected in (True, False):
        service.clock.advance(minutes=21)
        await take_up_unheard(service.clients)
        assert bool(await service.messages("remediations")) is expected
    ended = await shown(service, operation)
    assert (ended["state"], ended["controls"][0]["detail"]) == ("failed", LOST)


async def test_nobody_wants_a_lock_opened_after_the_time_it_was_to_be_open_for(service, tenant):
    until = service.clock().replace(minute=10).isoformat()
    operation = await accepted(service, tenant, "open", {"reason": "mail is down", "until": until})
    await service.messages("remediations")
    service.clock.advance(minutes=30)
    await take_up_unheard(service.clients)
    assert await service.messages("remediations") == []
    assert (await shown(service, operation))["state"] == "failed"


async def test_one_that_ended_as_its_worker_died_is_forgotten(service, tenant):
    operation, table = await accepted(service, tenant), service.clients.storage.unfinished
    [kept] = [each async for each in table.unheard(HEARD_BY)]
    await service.work()
    await table.keep(kept)
    service.clock.advance(minutes=30)
    await take_up_unheard(service.clients)
    assert await service.messages("remediations") == []
    assert await table.has(operation) is False


@pytest.fixture
async def tables(azurite_connection):
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        yield tables


async def of_some(service, number):
    """The ids of checks of as many tenants, whose queue was then cleared, in the order that they are found in."""
    for each in range(number):
        tenant = service.world.add_tenant(f"t{each}.example")
        await service.look_after(tenant)
        await accepted(service, tenant, "check")
    await service.messages("checks")
    return sorted([each.operation_id async for each in service.clients.storage.unfinished.unheard(HEARD_BY)])


async def sent_again(service):
    """The operations that messages on the queue are for."""
    return [json.loads(body)["operation_id"] for body in await service.messages("checks")]


@pytest.mark.parametrize("row", [{"version": 99}, {"body0": "{"}], ids=["later version", "malformed"])
async def test_an_operation_that_cannot_be_read_keeps_no_other_from_being_found(
    service, tables, monkeypatch, caplog, row
):
    """It takes no place of those that one look takes up, either."""
    monkeypatch.setattr(unfinished, "MOST_A_LOOK", 1)
    odd, *others = await of_some(service, 3)
    operations = tables.get_table_client("operations")
    await operations.update_entity({"PartitionKey": odd, "RowKey": "operation"} | row, mode=UpdateMode.MERGE)
    service.clock.advance(minutes=30)
    for other in others:
        await take_up_unheard(service.clients)
        assert await sent_again(service) == [other]
    assert f"operation {odd}" in caplog.text
    assert await service.clients.storage.unfinished.has(odd)


async def test_a_message_for_a_queue_of_a_later_version_stays_and_the_others_go(service, tables, caplog):
    later, other = await of_some(service, 2)
    row = {"PartitionKey": "unfinished", "RowKey": later, "queue": "of a later version"}
    await tables.get_table_client("fleet").update_entity(row, mode=UpdateMode.MERGE)
    service.clock.advance(minutes=30)
    await take_up_unheard(service.clients)
    assert await sent_again(service) == [other]
    assert f"operation {later}" in caplog.text
    assert await service.clients.storage.unfinished.has(later)
