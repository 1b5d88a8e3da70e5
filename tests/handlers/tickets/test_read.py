"""A ticket asks, and is answered: webhooks in, results out, through real queues and tables, in all three systems."""

import json
import random

import pytest
import pytest_asyncio
from azure.storage.queue.aio import QueueClient
from standardwebhooks import Webhook

from handlers.delivery import deliver
from handlers.loop.sweep import sweep
from simulator.psa.desk import Delivery
from tests.handlers.harness import holdfast
from tests.handlers.tickets.msp import COMPANY, STANDARD_SECRET, STATUS, answer, in_every_system, reprovision

# --- a ticket asks ---------------------------------------------------------------------------------------------------


@in_every_system
async def test_a_ticket_that_asks_for_a_reprovision_gets_its_result_and_is_closed(msp, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    ticket = reprovision(msp)
    assert await msp.deliver() == [202]
    await msp.work()
    [note] = ticket.notes
    assert ticket.closed
    assert note.internal
    assert "succeeded" in note.text
    assert "Set-InboundConnector" in note.text
    assert "Proven by reading again" in note.text
    assert [status for status, _ in ticket.history] == [
        STATUS[msp.system.name]["running"],
        STATUS[msp.system.name]["closed"],
    ]
    [connector] = tenant.admin("Get-InboundConnector")
    assert connector["Enabled"]


async def test_a_reprovision_that_leaves_something_to_do_says_so(msp, tenant):
    tenant.admin("Set-ProtectionAlert", Identity="Phish delivered due to an ETR override", Disabled=False)
    ticket = reprovision(msp)
    await msp.work()
    assert ticket.status == STATUS[msp.system.name]["failed"]
    assert "needs_person" in ticket.notes[0].text


async def test_the_ledger_names_the_ticket_that_asked(msp, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    ticket = reprovision(msp)
    await msp.work()
    corrected = [e for e in await msp.service.ledger(tenant, "inbound-lockdown") if e.event == "corrected"]
    assert [entry.requested_by for entry in corrected] == [f"{msp.system.name} ticket {ticket.id}"]


@pytest.mark.usefixtures("tenant")
async def test_an_edit_of_a_ticket_that_asked_asks_nothing_again(msp):
    ticket = reprovision(msp)
    await msp.work()
    msp.system.changes(msp.system.own, ticket.id, summary="renamed")
    msp.system.changes("4712", ticket.id, summary="renamed again")
    await msp.work()
    assert len(ticket.notes) == 1


@pytest.mark.usefixtures("tenant")
async def test_a_ticket_set_back_into_its_trigger_asks_again(msp):
    ticket = reprovision(msp)
    await msp.work()
    msp.system.changes("4712", ticket.id, status=STATUS[msp.system.name]["new"])
    await msp.work()
    assert [note.text.count("has ended") for note in ticket.notes] == [1, 1]


NOT_ASKING = {
    "of_another_board": {"container": "38"},
    "of_another_type": {"type": "92"},
    "of_another_subtype": {"subtype": "15"},
    "of_another_status": {"status": 777},
}


@pytest.mark.parametrize("fields", NOT_ASKING.values(), ids=list(NOT_ASKING))
@pytest.mark.usefixtures("tenant")
async def test_a_ticket_that_fits_no_trigger_asks_nothing(msp, fields):
    ticket = reprovision(msp, **fields)
    assert await msp.deliver() == [202]
    await msp.work()
    assert ticket.notes == []


async def test_a_company_that_is_nobodys_tenant_is_told_and_nothing_is_done(msp, tenant):
    ticket = reprovision(msp, company=251)
    await msp.work()
    assert [note.text.splitlines()[0] for note in ticket.notes] == [
        "Nothing was done: no tenant of Holdfast has company 251 of this system as theirs."
    ]
    assert tenant.writes == []


@pytest.mark.usefixtures("tenant")
async def test_that_nothing_is_done_is_told_once_though_an_answer_is_lost(msp):
    for call in range(5):
        ticket = reprovision(msp, company=251)
        msp.system.trouble.extend([*[None] * call, "lost"])
        await msp.work()
        msp.system.trouble.clear()
        assert len(ticket.notes) == 1, call


@pytest.mark.usefixtures("tenant")
async def test_a_company_with_two_tenants_is_told_and_nothing_is_done(msp):
    other = msp.service.world.add_tenant("other.example")
    await msp.service.look_after(other, psa={"provider": msp.system.name, "company_id": str(COMPANY)})
    ticket = reprovision(msp)
    await msp.work()
    assert "2 tenants" in ticket.notes[0].text


@in_every_system
@pytest.mark.usefixtures("tenant")
async def test_a_ticket_whose_webhook_was_lost_is_found(msp):
    await msp.poll()
    msp.system.drops = True
    ticket = reprovision(msp)
    await msp.poll()
    await msp.work()
    assert ticket.closed


@pytest.mark.usefixtures("tenant")
async def test_an_old_body_does_not_count_the_ticket_does(msp):
    """The delivery says New; meanwhile somebody closed the ticket."""
    ticket = reprovision(msp)
    delivery = msp.system.deliveries.popleft()
    msp.system.drops = True
    msp.system.changes("4712", ticket.id, status=msp.system.closed_status)
    assert await msp.receive(delivery) == 202
    await msp.work()
    assert ticket.notes == []


@pytest.mark.usefixtures("tenant")
async def test_a_deleted_ticket_is_no_trouble(msp):
    ticket = reprovision(msp)
    msp.system.deletes(ticket.id)
    assert set(await msp.deliver()) == {202}
    await msp.work()
    assert await msp.service.clients.storage.parked.all("tickets") == []


@pytest.mark.usefixtures("tenant")
async def test_a_psa_that_is_away_is_asked_again(msp):
    ticket = reprovision(msp)
    assert await msp.deliver() == [202]
    msp.system.trouble.extend(["unavailable"] * 5)
    await msp.work()
    assert ticket.closed


# --- doubled, shuffled, forged ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("tenant")
async def test_ten_thousand_doubled_and_shuffled_deliveries_ask_once_for_each_ticket(msp):
    made = [reprovision(msp) for _ in range(5)]
    deliveries = list(msp.system.deliveries) * 2_000
    msp.system.deliveries.clear()
    random.Random(7).shuffle(deliveries)  # noqa: S311 - the same order on every run
    clients = msp.service.clients
    assert {await msp.receive(delivery) for delivery in deliveries} == {202}
    assert await msp.service.hidden("tickets") == 5
    for delivery in deliveries[:50]:  # later, and from another worker
        clients.psa.hinted.drop(f"{msp.system.name} {delivery.ticket}")
        await msp.receive(delivery)
    await msp.work()
    assert [len(ticket.notes) for ticket in made] == [1] * 5


@pytest.mark.usefixtures("tenant")
async def test_a_delivery_that_is_played_back_later_does_nothing(msp):
    ticket = reprovision(msp)
    delivery = msp.system.deliveries[0]
    await msp.work()
    msp.service.clock.advance(minutes=30)
    await msp.receive(delivery)
    await msp.work()
    assert len(ticket.notes) == 1


@pytest.mark.usefixtures("tenant")
async def test_our_own_change_asks_nothing(msp):
    if msp.system.name == "halopsa":
        return  # it does not say who changed a ticket; reading it again finds nothing
    ticket = reprovision(msp)
    await msp.work()
    msp.system.changes(msp.system.own, ticket.id, summary="renamed")
    await msp.deliver()
    assert await msp.service.messages("tickets") == []


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
async def test_a_malformed_item_of_a_batch_keeps_none_of_the_others_out(msp, caplog):
    assert await msp.receive(_delivery(msp, b'[{"ticket_id": 1}, {"ticket_id": "x"}, 7, {"ticket_id": 2}]')) == 202
    assert len(await msp.service.messages("tickets")) == 2
    assert "skipped=2 reason=ticket.id should be the id of a ticket" in caplog.text
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


async def test_a_queue_that_cannot_take_it_has_the_sender_come_again(msp):
    queue = msp.service.queues.get_queue_client("tickets")
    await queue.delete_queue()
    try:
        reprovision(msp)
        turned_away = await answer(msp.service, msp.system.deliveries[0])
        assert (turned_away.status_code, turned_away.headers["Retry-After"]) == (429, "5")
    finally:
        await queue.create_queue()
    assert await msp.deliver() == [202]


# --- anything else: Standard Webhooks --------------------------------------------------------------------------------


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
    assert [entry.requested_by for entry in corrected] == ["standard ticket T-9"]


async def test_a_standard_webhook_of_an_unknown_company_does_nothing(standard):
    service, _ = standard
    body = b'{"action": "reprovision", "company_id": "999"}'
    assert (await answer(service, Delivery("standard", signed(service.clock, body), body, 1))).status_code == 202
    [message] = await service.messages("tickets")
    await deliver("tickets", message, service.clients)
    assert await service.messages("remediations") == []


async def test_a_ticket_that_cannot_be_read_is_asked_for_until_it_can_be(msp, tenant):
    """The timer would not find it: it lists only what has changed since it last could."""
    reprovision(msp)
    await msp.deliver()
    [body] = await msp.service.messages("tickets")
    msp.system.down = True
    for _ in range(3):
        await deliver("tickets", json.dumps(json.loads(body) | {"attempt": 12}).encode(), msp.service.clients)
        assert await msp.service.messages("tickets") == []
        msp.service.clock.advance(minutes=5)
        await sweep("fast", 0, msp.service.clients)
        [body] = await msp.service.messages("tickets")

    msp.system.down = False
    await deliver("tickets", body, msp.service.clients)
    asked = [json.loads(each)["tenant_id"] for each in await msp.service.messages("remediations")]
    assert asked == [tenant.tenant_id]
