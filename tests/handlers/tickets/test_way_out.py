"""The way out by ticket: where the config allows it, an agent's note opens the lock, once."""

from datetime import timedelta

import pytest

from tests.handlers.tickets.msp import in_every_system

LOCK = "inbound-lockdown"


@pytest.fixture
async def ticket(msp, tenant):
    """A ticket of ours about a tenant that is locked; its config lets agents open it."""
    await configured(msp, tenant, may_open=True)
    await msp.service.sweep()
    await msp.drift(tenant)
    await msp.work()
    [ticket] = msp.tickets
    return ticket


async def configured(msp, tenant, **psa):
    await msp.service.look_after(tenant, psa={"provider": msp.system.name, "company_id": "250"} | psa)


def restricts(tenant):
    [lock] = tenant.admin("Get-InboundConnector")
    return lock["RestrictDomainsToIPAddresses"]


OTHER_AGENT = "4712"


async def held_open(msp, tenant):
    """Until when, from now, in hours."""
    states = await msp.service.clients.storage.states.load(tenant.tenant_id)
    return round((states.exceptions[LOCK].held_open_until - msp.service.clock()).total_seconds() / 3600)


async def read_again_and_again(msp, ticket):
    """The ticket is read three times, as somebody writes more on it."""
    for text in ("thank you", "and again"):
        await msp.poll()
        await msp.work()
        msp.system.writes(msp.agent, ticket.id, text)
    await msp.poll()
    await msp.work()


def word(msp, hours=4):
    return f"holdfast open until {(msp.service.clock() + timedelta(hours=hours)).isoformat()} mail is refused"


@in_every_system
async def test_an_agents_note_opens_the_lock_until_then_and_the_ledger_names_them(msp, tenant, ticket):
    msp.system.writes(msp.agent, ticket.id, word(msp))
    await msp.poll()
    await msp.work()
    assert not restricts(tenant)
    opened = next(each for each in await msp.service.ledger(tenant, LOCK) if each.event == "opened")
    assert (opened.actor, opened.reason) == (f"{msp.agent} ({msp.system.name} ticket {ticket.id})", "mail is refused")


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("provider", ["connectwise"])
async def test_a_note_opens_the_lock_though_nobody_can_say_who_approved_the_plan(msp, tenant):
    msp.system.lists_members = False
    company = {"provider": msp.system.name, "company_id": "250", "may_open": True}
    await msp.service.look_after(tenant, mode="approve", psa=company)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RequireTls=False)
    await msp.service.check(tenant, controls=(LOCK,))
    await msp.work()
    planned = msp.tickets[-1]
    msp.system.changes(msp.agent, planned.id, status=msp.status["approved"])
    msp.system.writes(msp.agent, planned.id, word(msp))
    await msp.poll()
    await msp.work()
    assert not restricts(tenant)


async def test_the_same_note_opens_it_once(msp, tenant, ticket):
    msp.system.writes(msp.agent, ticket.id, word(msp, hours=48))
    await msp.poll()
    await msp.work()
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RestrictDomainsToIPAddresses=True)
    msp.system.writes(msp.agent, ticket.id, "thank you")
    await msp.poll()
    await msp.work()
    assert restricts(tenant)


async def test_a_customers_note_opens_nothing(msp, tenant, ticket):
    msp.system.writes("402", ticket.id, word(msp), "contact")
    await msp.poll()
    await msp.work()
    assert restricts(tenant)


@pytest.mark.parametrize("psa", [{"may_open": False}, {"may_open": True, "approvers": ["somebody else"]}])
async def test_nobody_opens_by_ticket_where_the_config_does_not_allow_it(msp, tenant, ticket, psa):
    await configured(msp, tenant, **psa)
    msp.system.writes(msp.agent, ticket.id, word(msp))
    await msp.poll()
    await msp.work()
    assert restricts(tenant)


@in_every_system
@pytest.mark.parametrize("unlisted_last", [True, False])
async def test_an_agent_who_may_not_decide_keeps_nobody_from_being_let_out(msp, tenant, ticket, unlisted_last):
    await configured(msp, tenant, may_open=True, approvers=[msp.agent])
    notes = [(OTHER_AGENT, "holdfast open until 2099-01-01 x"), (OTHER_AGENT, word(msp, 300)), (msp.agent, word(msp))]
    for by, text in reversed(notes) if unlisted_last else notes:
        msp.system.writes(by, ticket.id, text)
    await msp.poll()
    await msp.work()
    assert not restricts(tenant)
    assert await held_open(msp, tenant) == 4
    opened = [each.actor for each in await msp.service.ledger(tenant, LOCK) if each.event == "opened"]
    assert opened == [f"{msp.agent} ({msp.system.name} ticket {ticket.id})"]


@in_every_system
async def test_an_end_too_far_ahead_is_answered_once_and_the_next_note_opens(msp, tenant, ticket):
    typo = msp.system.writes(msp.agent, ticket.id, word(msp, hours=24 * 400))
    msp.system.writes(msp.agent, ticket.id, word(msp))
    await read_again_and_again(msp, ticket)
    assert not restricts(tenant)
    answers = [note for note in ticket.notes if f"Nothing was opened by note {typo.id}" in note.text]
    assert [("at most a year ahead" in note.text, note.internal) for note in answers] == [(True, True)]


@pytest.mark.parametrize("provider", ["connectwise"])
@pytest.mark.parametrize("api_member_in", [{"member"}, {"createdBy"}, set()])
async def test_our_own_answer_is_known_however_connectwise_names_an_api_member(msp, tenant, ticket, api_member_in):
    msp.system.api_member_in = api_member_in
    msp.system.writes(msp.agent, ticket.id, word(msp, hours=24 * 400))
    await read_again_and_again(msp, ticket)
    assert ["Nothing was opened" in note.text for note in ticket.notes].count(True) == 1
    assert restricts(tenant)


async def test_a_note_that_was_answered_opens_nothing_when_its_end_has_come_nearer(msp, tenant, ticket):
    msp.system.writes(msp.agent, ticket.id, word(msp, hours=24 * 400))
    await msp.poll()
    await msp.work()
    msp.service.clock.advance(days=60)
    msp.system.writes(msp.agent, ticket.id, "is this still open?")
    await msp.work()
    assert restricts(tenant)


async def test_a_later_note_holds_it_open_for_longer(msp, tenant, ticket):
    msp.system.writes(msp.agent, ticket.id, word(msp))
    await msp.poll()
    await msp.work()
    msp.system.writes(msp.agent, ticket.id, word(msp, hours=8))
    await msp.poll()
    await msp.work()
    assert await held_open(msp, tenant) == 8
