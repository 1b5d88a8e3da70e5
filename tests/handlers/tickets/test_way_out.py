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
