"""The ticket that asked is answered, and no sooner given up than it is gone."""

from handlers.delivery import deliver
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
