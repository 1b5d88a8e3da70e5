import json

import pytest
import pytest_asyncio
from azure.core.exceptions import ServiceRequestError
from azure.storage.queue.aio import QueueClient
from standardwebhooks import Webhook

from handlers.delivery import deliver
from handlers.tickets.webhooks import MOST_TICKETS
from simulator.psa.desk import Delivery
from tests.handlers.harness import holdfast
from tests.handlers.tickets.msp import STANDARD_SECRET, answer, in_every_system, reprovision

FORGED = {
    "unsigned": lambda d: (d.body, {}),
    "wrongly_signed": lambda d: (d.body, dict.fromkeys(d.headers, "sha1=AAAA")),
    "empty": lambda d: (d.body[:0], {}),
}


@in_every_system
@pytest.mark.parametrize("forge", FORGED.values(), ids=list(FORGED))
async def test_what_is_not_authentic_is_refused_and_put_on_no_queue(msp, forge):
    reprovision(msp)
    body, headers = forge(msp.system.deliveries[0])
    assert await msp.receive(type(msp.system.deliveries[0])(msp.system.name, headers, body, 1)) == 401
    assert await msp.service.messages("tickets") == []


CHANGED = {
    "truncated": lambda body: body[:-2],
    "written_again": lambda body: json.dumps(json.loads(body), indent=1).encode(),
    "of_another_ticket": lambda body: body.replace(b"482", b"999"),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=list(CHANGED))
@pytest.mark.parametrize("provider", ["connectwise", "autotask"])
async def test_a_changed_body_is_refused(msp, change):
    reprovision(msp)
    delivery = msp.system.deliveries[0]
    body = change(delivery.body)
    assert await msp.receive(type(delivery)(delivery.system, delivery.headers, body, 1)) == 401


async def test_a_body_that_is_too_long_is_refused_unread(msp):
    reprovision(msp)
    delivery = msp.system.deliveries[0]
    body = delivery.body + b" " * 262_144
    assert await msp.receive(type(delivery)(delivery.system, delivery.headers, body, 1)) == 413


@pytest.mark.parametrize("provider", ["halopsa"])
async def test_an_authentic_body_that_is_none_is_told(msp):
    assert await msp.receive(_delivery(msp, b'{"ticket": ')) == 400
    assert await msp.receive(_delivery(msp, b"\xff\xfe")) == 400


def _delivery(msp, body):
    reprovision(msp)
    one = msp.system.deliveries[0]
    return type(one)(one.system, one.headers, body, 1)


@pytest.mark.parametrize("provider", ["halopsa"])
@pytest.mark.parametrize("form", ["flat", "batch"])
@pytest.mark.usefixtures("tenant")
async def test_a_payload_of_the_msps_own_form_is_understood(msp, form):
    msp.system.form = form
    ticket = reprovision(msp)
    await msp.work()
    assert ticket.closed


@pytest.mark.parametrize("provider", ["halopsa"])
async def test_a_batch_of_more_tickets_than_a_request_has_time_for_is_413_and_puts_none_on_the_queue(msp):
    batch = [{"ticket_id": number + 1} for number in range(MOST_TICKETS + 1)]
    assert await msp.receive(_delivery(msp, json.dumps(batch).encode())) == 413
    assert await msp.service.messages("tickets") == []
    assert await msp.receive(_delivery(msp, json.dumps(batch[1:]).encode())) == 202


@pytest.mark.parametrize("provider", ["halopsa"])
async def test_a_malformed_item_of_a_batch_keeps_none_of_the_others_out(msp, caplog):
    assert await msp.receive(_delivery(msp, b'[{"ticket_id": 1}, {"ticket_id": "x"}, 7, {"ticket_id": 2}]')) == 202
    assert len(await msp.service.messages("tickets")) == 2
    assert "skipped=2 reason='ticket.id should be the id of a ticket'" in caplog.text
    assert await msp.receive(_delivery(msp, b'[{"ticket_id": "x"}, 7]')) == 400


@pytest.mark.parametrize("provider", ["halopsa"])
async def test_the_tickets_of_a_batch_are_put_on_the_queue_side_by_side(msp, monkeypatch):
    send, under_way, most = QueueClient.send_message, [], []

    async def counted(self, content, **given):
        under_way.append(content)
        most.append(len(under_way))
        await send(self, content, **given)
        under_way.remove(content)

    monkeypatch.setattr(QueueClient, "send_message", counted)
    batch = json.dumps([{"ticket_id": number} for number in range(1, 41)] * 2).encode()
    assert await msp.receive(_delivery(msp, batch)) == 202
    assert await msp.service.hidden("tickets") == 40
    assert max(most) > 1


async def test_a_deactivation_changes_nothing(msp):
    assert await msp.receive(msp.system.deactivation()) == 401
    body = b'{"Action":"Deactivated"}'
    signed = msp.system.signed(body)
    one = msp.system.deactivation()
    assert await msp.receive(type(one)(one.system, signed, body, 0)) == 202
    assert await msp.service.messages("tickets") == []


async def test_a_system_that_is_not_connected_has_no_way_in(msp):
    reprovision(msp)
    one = msp.system.deliveries[0]
    for other in ("connectwise", "standard", "syncro"):
        assert await msp.receive(type(one)(other, one.headers, one.body, 1)) == 404


STRANGE_KEYS = {
    "another_host": ("na.myconnectwise.net", "na.myconnectwise.net.evil.example"),
    "another_company_of_the_same_host": ("companyName=northwindmsp", "companyName=other"),
    "a_second_company_in_the_address": ("companyName=northwindmsp", "companyName=northwindmsp&companyName=other"),
    "a_second_company_in_other_letters": ("companyName=northwindmsp", "companyName=northwindmsp&companyname=other"),
    "another_instance": ("70a1f4c2d95b3e0001be4471", "70a1f4c2d95b3e0001be4472"),
    "plain_http": ("https://", "http://"),
    "a_user_before_the_host": ("https://na.", "https://na.myconnectwise.net@na."),
    "another_port": ("myconnectwise.net/", "myconnectwise.net:8443/"),
}


@pytest.mark.parametrize(("before", "after"), STRANGE_KEYS.values(), ids=list(STRANGE_KEYS))
@pytest.mark.parametrize("provider", ["connectwise"])
async def test_a_key_is_fetched_for_nobody_but_our_own_system(msp, before, after):
    reprovision(msp)
    delivery = msp.system.deliveries[0]
    body = delivery.body.replace(before.encode(), after.encode())
    signed = msp.system.signed(body)  # perfectly, with a key that they chose
    asked = msp.service.microsoft.call_count
    assert await msp.receive(type(delivery)(delivery.system, signed, body, 1)) == 401
    assert msp.service.microsoft.call_count == asked


@pytest.mark.parametrize("provider", ["connectwise"])
async def test_a_key_is_kept_and_fetched_again_when_it_was_exchanged(msp):
    reprovision(msp)
    reprovision(msp)
    assert await msp.deliver() == [202, 202]
    path = "GET /v2026_1//system/callbackkey/index.rails"
    assert msp.system.requests[path] == 1
    msp.service.clock.advance(minutes=2)
    msp.system.signing_key = "another"
    reprovision(msp)
    assert await msp.deliver() == [202]
    assert msp.system.requests[path] == 2


@pytest.mark.parametrize("provider", ["connectwise"])
async def test_forged_signatures_do_not_make_us_ask_for_keys_without_end(msp):
    reprovision(msp)
    delivery = msp.system.deliveries[0]
    forged = {**delivery.headers, "x-content-signature": "AAAA"}
    for _ in range(50):
        assert await msp.receive(type(delivery)(delivery.system, forged, delivery.body, 1)) == 401
    assert msp.system.requests.total() <= 2
    for number in range(50):
        body = delivery.body.replace(b"c4d7e913", b"%08d" % number)
        await msp.receive(type(delivery)(delivery.system, forged, body, 1))
    assert msp.system.requests.total() <= 13


@pytest.mark.parametrize("provider", ["connectwise"])
async def test_a_key_that_cannot_be_had_now_has_the_sender_come_again(msp):
    reprovision(msp)
    msp.system.down = True
    assert await msp.receive(msp.system.deliveries[0]) == 429
    msp.system.down = False
    assert await msp.deliver() == [202]


async def test_over_http_the_sender_is_told_by_status_alone(msp):
    reprovision(msp)
    one = msp.system.deliveries[0]
    taken = await answer(msp.service, one)
    assert (taken.status_code, taken.get_body()) == (202, b"")
    refused = await answer(msp.service, type(one)(one.system, {}, one.body, 1))
    assert (refused.status_code, refused.get_body()) == (401, b"")


async def test_a_queue_that_cannot_take_it_has_the_sender_come_again(msp, monkeypatch):
    async def away(*_args, **_kwargs):
        raise ServiceRequestError("the storage account does not answer")

    reprovision(msp)
    with monkeypatch.context() as storage:
        storage.setattr(QueueClient, "send_message", away)
        turned_away = await answer(msp.service, msp.system.deliveries[0])
    assert (turned_away.status_code, turned_away.headers["Retry-After"]) == (429, "5")
    assert await msp.deliver() == [202]


async def test_a_queue_that_vanished_is_made_again_by_what_comes_for_it(msp):
    await msp.service.queues.get_queue_client("tickets").delete_queue()
    reprovision(msp)
    assert (await answer(msp.service, msp.system.deliveries[0])).status_code == 202


@pytest_asyncio.fixture
async def standard(azurite_connection, emptied):  # noqa: ARG001 - it cleans up
    secrets = {"HOLDFAST_PSA_STANDARD": json.dumps({"secrets": [STANDARD_SECRET]})}
    async with holdfast(azurite_connection, **secrets) as service:
        tenant = service.world.add_tenant("contoso.example")
        await service.look_after(tenant, psa={"provider": "standard", "company_id": "250"})
        yield service, tenant


def signed(clock, body, message="msg_1"):
    now = clock()
    stamp = str(int(now.timestamp()))
    return {
        "Webhook-Id": message,
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": Webhook(STANDARD_SECRET).sign(message, now, body.decode()),
    }


async def test_a_standard_webhook_asks_once_for_each_of_its_ids(standard):
    service, tenant = standard
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    body = b'{"action": "reprovision", "company_id": "250", "ticket_id": "T-9"}'
    headers = signed(service.clock, body)
    for _ in range(5):
        assert (await answer(service, Delivery("standard", headers, body, 1))).status_code == 202
    [message] = await service.messages("tickets")
    for _ in range(3):
        await deliver("tickets", message, service.clients)
    await service.work()
    await deliver("tickets", message, service.clients)
    assert await service.messages("remediations") == []
    corrected = [e for e in await service.ledger(tenant, "inbound-lockdown") if e.event == "corrected"]
    assert [(entry.actor, entry.requested_by) for entry in corrected] == [("holdfast", None)]


@pytest.mark.parametrize("mode", ["observe", "approve"])
@pytest.mark.parametrize("may_reprovision", [False, True])
async def test_a_standard_webhook_passes_the_mode_only_where_the_tenants_config_says_so(
    standard, mode, may_reprovision
):
    service, tenant = standard
    company = {"provider": "standard", "company_id": "250", "may_reprovision": may_reprovision}
    await service.look_after(tenant, mode=mode, psa=company)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    body = b'{"action": "reprovision", "company_id": "250"}'
    assert (await answer(service, Delivery("standard", signed(service.clock, body), body, 1))).status_code == 202
    [message] = await service.messages("tickets")
    await deliver("tickets", message, service.clients)
    await service.work()
    [connector] = tenant.admin("Get-InboundConnector")
    assert connector["Enabled"] is may_reprovision


@pytest.mark.parametrize("odd", ["T-9\\nevil", "T 9", "x" * 65, "a/b", "\\u202e", {"a": 1}, ["a"]])
@pytest.mark.parametrize("field", ["ticket_id", "company_id"])
async def test_an_id_from_outside_is_a_word(standard, field, odd):
    service, _ = standard
    body = json.dumps({"action": "check", "company_id": "250"} | {field: odd}).encode()
    assert (await answer(service, Delivery("standard", signed(service.clock, body), body, 1))).status_code == 400
    assert await service.messages("tickets") == []


async def test_a_standard_webhook_of_an_unknown_company_does_nothing(standard):
    service, _ = standard
    body = b'{"action": "reprovision", "company_id": "999"}'
    assert (await answer(service, Delivery("standard", signed(service.clock, body), body, 1))).status_code == 202
    [message] = await service.messages("tickets")
    await deliver("tickets", message, service.clients)
    assert await service.messages("remediations") == []
