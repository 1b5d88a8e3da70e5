"""The ticket that asked is answered, and no sooner given up than it is gone."""

from dataclasses import replace
from hashlib import sha256

from handlers.delivery import deliver
from handlers.operators import open_incidents
from tests.handlers.tickets.msp import notes, reprovision, told


async def test_the_ticket_that_asked_is_told_after_an_outage_too(msp, tenant):
    ticket = reprovision(msp)
    await msp.deliver()
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    msp.system.down = True
    await told(msp)
    assert ticket.notes == []
    msp.system.down = False
    await told(msp)
    assert notes(ticket, "has ended") == [1]
    assert ticket.closed
    assert tenant.writes == []


async def test_a_ticket_that_takes_no_note_any_more_is_not_tried_for_ever(msp, tenant):
    ticket = reprovision(msp)
    await msp.deliver()
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    msp.system.deletes(ticket.id)
    await told(msp)
    assert await msp.service.clients.storage.tickets.news.all() == []
    assert tenant.writes == []


async def test_an_answer_that_is_refused_for_a_while_is_not_lost(msp, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    ticket = reprovision(msp)
    await msp.deliver()
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    msp.system.trouble.extend(["fault"] * 100)  # more than are asked for
    await msp.work()
    msp.system.trouble.clear()
    await told(msp)
    assert notes(ticket, "has ended: succeeded") == [1]


async def test_one_answer_that_cannot_be_given_keeps_no_other_waiting_and_is_told_once_it_is_given_up(msp, tenant):
    """A worker died at the first answer, so that the ticket's notes are read, and one of them is odd."""
    first, second = reprovision(msp), reprovision(msp)
    await msp.deliver()
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    table, news = msp.service.clients.storage.tickets, msp.service.clients.storage.tickets.news
    [asking] = [each async for each in table.asking(tenant.tenant_id) if each.ticket_id == str(first.id)]
    await table.put_asking(tenant.tenant_id, replace(asking, stage="answering"))
    msp.system.writes(msp.agent, first.id, "mine").id = "n-1"
    await told(msp)
    assert notes(second, "has ended") == [1]
    assert await news.all() == [tenant.tenant_id]
    assert await open_incidents(msp.service.clients) == {}
    msp.service.clock.advance(days=7)
    await told(msp)
    assert await news.all() == []
    [entries] = (await open_incidents(msp.service.clients)).values()
    assert f"{msp.system.name} ticket {first.id}: an id was expected" in entries[-1].detail


async def test_an_operation_that_makes_no_sense_is_never_answered_and_keeps_no_other_waiting(msp, tenant, spoil):
    first = reprovision(msp)
    await msp.deliver()
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    await msp.service.work()
    await spoil("operations", "operation")
    second = reprovision(msp)
    await told(msp)
    assert (notes(first, "has ended"), notes(second, "has ended")) == ([0], [1])
    assert f"unread-{msp.system.name}-{first.id}" in await open_incidents(msp.service.clients)
    assert tenant.writes == []


async def test_a_mark_that_a_customer_writes_does_not_keep_the_answer_out(msp, tenant):
    """The operation's name follows from the ticket's number. The worker died before it wrote the answer."""
    ticket = reprovision(msp)
    await msp.deliver()
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    table = msp.service.clients.storage.tickets
    [asking] = [each async for each in table.asking(tenant.tenant_id)]
    await table.put_asking(tenant.tenant_id, replace(asking, stage="answering"))
    guessed = f"[hf-{sha256(asking.operation_id.encode()).hexdigest()[:12]}]"
    msp.system.writes("4242", ticket.id, f"Thanks {guessed}", "contact")
    msp.system.writes(
        "4242", ticket.id, f"Thanks {msp.service.clients.psa.marks.note([asking.operation_id])}", "contact"
    )
    await told(msp)
    assert notes(ticket, "has ended") == [1]
