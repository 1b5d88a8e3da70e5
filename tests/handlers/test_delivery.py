"""Nothing on a queue is lost, believed without reading, or tried for ever."""

import json

import pytest

from clients.storage import documents
from domain import jobs
from domain.jobs import QUEUES
from handlers import on_request
from handlers.delivery import deliver
from simulator.faults import Fault

TENANT_ID = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"

FOREIGN = {
    "not_json": b"hello",
    "binary": b"\x00\xff\xfe",
    "oversized": b"x" * 40_000,
    "no_version": b'{"kind": "check", "version": 0, "tenant_id": "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"}',
    "other_kind": b'{"kind": "reboot"}',
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=list(FOREIGN))
@pytest.mark.parametrize("queue", QUEUES)
async def test_a_foreign_message_is_parked_with_content_and_reason(service, queue, body):
    await deliver(queue, body, service.clients)
    [(content, reason)] = await service.clients.storage.parked.all(queue)
    assert content == body
    assert reason.startswith(f"a message on '{queue}': message")


async def test_a_parked_message_shows_in_the_ledger_of_its_tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    body = json.dumps({"kind": "check", "version": 0, "tenant_id": tenant.tenant_id}).encode()
    await deliver("checks", body, service.clients)
    [entry] = await service.ledger(tenant)
    assert entry.event == "parked"
    assert "version" in entry.detail


async def test_a_job_for_a_tenant_that_is_gone_is_done(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.check(tenant)
    await service.remediate(tenant, "oof-rule")
    assert await service.states(tenant) == {}


async def test_a_config_that_no_longer_makes_sense_is_told_and_stops_nobody(service):
    """A profile may go, or an override may no longer fit it, while tenants still name them."""
    lost = service.world.add_tenant("lost.example")
    fine = service.world.add_tenant("fine.example")
    await service.look_after(lost, profile="gone")
    await service.look_after(fine)
    await service.sweep()
    await service.remediate(lost, "oof-rule")
    state = await service.state(lost, "oof-rule")
    assert state.state == "unknown"
    assert "profile: 'gone' does not exist" in state.detail
    assert (await service.state(fine, "oof-rule")).state == "compliant"


async def test_shuffled_doubled_and_lost_messages_change_nothing_but_time(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    await service.ask("fast")
    await service.messages("checks")  # lost
    await service.remediate(tenant, "spoof-allow", "inbound-lockdown")  # nobody asked
    await service.sweep()
    await service.remediate(tenant, "inbound-lockdown")  # late
    assert (await service.state(tenant, "inbound-lockdown")).state == "compliant"
    assert len(tenant.writes) == 1


async def throttled_remediation(service, retry_after):
    """A remediation of a tenant whose Exchange asks to come back after *retry_after* seconds."""
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    tenant.faults.script(Fault("throttled", retry_after=retry_after, times=50))
    await service.remediate(tenant, "oof-rule")
    return tenant


@pytest.mark.parametrize("asked_s", [45, 60])
async def test_a_wait_of_up_to_a_minute_is_spent_hidden_in_the_queue(service, posted, asked_s):
    await throttled_remediation(service, asked_s)
    [message] = posted
    assert message.queue == "remediations"
    assert asked_s - 1 <= message.hidden_s <= 60
    assert json.loads(message.body)["attempt"] == 1


async def test_a_longer_wait_is_kept_until_a_tick_finds_it_due(service, posted):
    tenant = await throttled_remediation(service, 300)
    assert posted == []

    await service.ask("slow")
    assert [json.loads(message.body)["attempt"] for message in posted] == [0]

    service.clock.advance(seconds=301)
    await service.ask("slow")
    await service.ask("slow")
    late = [json.loads(m.body) for m in posted if json.loads(m.body)["attempt"] == 1]
    assert [(each["tenant_id"], each["controls"]) for each in late] == [(tenant.tenant_id, ["oof-rule"])]
    assert posted[-1].hidden_s == 0


async def test_a_job_that_was_put_back_too_often_is_let_go(service, posted):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    async with service.clients.storage.leases.hold(tenant.tenant_id):
        await service.remediate(tenant, "oof-rule", attempt=19)
        assert [json.loads(message.body)["attempt"] for message in posted] == [20]
        await deliver("remediations", posted[0].body, service.clients)
    assert len(posted) == 1


def later(tenant_id: str) -> bytes:
    return json.dumps({"kind": "visit", "version": 2, "tenant_id": tenant_id, "looks": ["mx"]}).encode()


async def test_a_message_of_a_later_version_waits_for_a_worker_that_understands_it(service, posted):
    body = later(TENANT_ID)
    for _ in range(14):
        await deliver("checks", body, service.clients)
        assert posted[-1].hidden_s == 60
        body = posted[-1].body
        service.clock.advance(seconds=60)
    assert json.loads(body) | json.loads(later(TENANT_ID)) == json.loads(body)
    assert await service.clients.storage.parked.all("checks") == []


async def test_a_message_of_a_later_version_is_worked_on_after_the_upgrade(service, posted, monkeypatch):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    body = json.dumps({"kind": "check", "version": 2, "tenant_id": tenant.tenant_id, "lane": "fast"}).encode()
    await deliver("checks", body, service.clients)
    assert await service.states(tenant) == {}

    monkeypatch.setattr(jobs, "MESSAGE_VERSION", 2)
    await deliver("checks", posted[-1].body, service.clients)
    assert (await service.state(tenant, "oof-rule")).state == "compliant"


@pytest.mark.parametrize("queue", QUEUES)
async def test_a_message_of_a_later_version_that_no_worker_takes_is_parked(service, posted, queue):
    body = later(TENANT_ID)
    await deliver(queue, body, service.clients)
    service.clock.advance(minutes=15)
    await deliver(queue, posted[-1].body, service.clients)
    [(_, reason)] = await service.clients.storage.parked.all(queue)
    assert reason == f"a message on '{queue}': message.version: 2 is later than 1"


@pytest.fixture
async def upgraded(service, monkeypatch):
    """A tenant whose states a later version has written."""
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    with monkeypatch.context() as later_version:
        later_version.setattr(documents, "ROW_VERSION", documents.ROW_VERSION + 1)
        await service.check(tenant)
        await service.messages("remediations")
    return tenant


async def test_states_of_a_later_version_are_unknown_and_left_as_they_are(service, upgraded, posted, monkeypatch):
    shown = await service.clients.storage.states.load(upgraded.tenant_id)
    assert {(each.state, each.detail) for each in shown.controls.values()} == {("unknown", "newer version")}

    await service.check(upgraded, lane="fast")
    await service.remediate(upgraded, "inbound-lockdown")
    assert upgraded.writes == []
    assert posted == []

    monkeypatch.setattr(documents, "ROW_VERSION", documents.ROW_VERSION + 1)
    assert (await service.state(upgraded, "inbound-lockdown")).state == "drifted"


async def test_what_a_person_asked_for_waits_while_the_states_are_of_a_later_version(service, upgraded, posted):
    operation = await on_request.check(upgraded.tenant_id, on_request.Requester("ann"), service.clients)
    [body] = await service.messages("checks")
    await deliver("checks", body, service.clients)
    assert [message.hidden_s for message in posted[1:]] == [60]

    spent = json.dumps(json.loads(body) | {"attempt": 20}).encode()
    await deliver("checks", spent, service.clients)
    assert (await service.clients.storage.operations.get(operation.id)).state == "failed"
