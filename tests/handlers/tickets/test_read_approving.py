"""With mode `approve` the ticket lists the exact steps, and a PSA user's yes approves that plan and no other."""

import pytest

from handlers.delivery import deliver
from tests.handlers.tickets.msp import in_every_system

LOCK = "inbound-lockdown"


@pytest.fixture
async def waiting(msp, tenant):
    """A ticket that lists a plan: the lock-down was switched off, and the tenant's mode is `approve`."""
    await msp.service.look_after(tenant, mode="approve", psa={"provider": msp.system.name, "company_id": "250"})
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await msp.service.check(tenant, controls=(LOCK,))
    await msp.work()
    [ticket] = msp.tickets
    return ticket


async def plan_of(msp, tenant):
    return (await msp.service.state(tenant, LOCK)).plan


async def test_the_ticket_lists_the_exact_steps_and_the_plan(msp, tenant, waiting):
    [note] = waiting.notes
    assert note.internal
    assert "Set-InboundConnector" in note.text
    assert f"approved {await plan_of(msp, tenant)}" in note.text
    assert tenant.writes == []


@in_every_system
async def test_a_status_set_by_a_psa_user_approves_and_the_ledger_names_them(msp, tenant, waiting):
    msp.system.changes(msp.agent, waiting.id, status=msp.status["approved"])
    await msp.work()
    assert len(tenant.writes) == 1
    [approved] = [entry for entry in await msp.service.ledger(tenant, LOCK) if entry.event == "approved"]
    assert approved.actor == f"{msp.agent} ({msp.system.name} ticket {waiting.id})"
    assert "proven by reading again" in waiting.notes[-1].text


@in_every_system
async def test_a_note_word_by_a_psa_user_approves(msp, tenant, waiting):
    msp.system.writes(msp.agent, waiting.id, f"Approved {await plan_of(msp, tenant)}")
    await msp.work()
    assert len(tenant.writes) == 1


@in_every_system
async def test_a_customers_word_approves_nothing(msp, tenant, waiting):
    msp.system.writes("402", waiting.id, "approved", "contact")
    await msp.work()
    await msp.poll()
    await msp.work()
    assert tenant.writes == []


UNLISTED = "4712"


async def listed(msp, tenant):
    company = {"provider": msp.system.name, "company_id": "250", "approvers": [msp.agent]}
    await msp.service.look_after(tenant, mode="approve", psa=company)


async def approvers(msp, tenant):
    return [entry.actor for entry in await msp.service.ledger(tenant, LOCK) if entry.event == "approved"]


@in_every_system
@pytest.mark.parametrize("unlisted_last", [True, False])
async def test_the_word_of_an_agent_who_may_not_decide_hides_nobody_elses(msp, tenant, waiting, unlisted_last):
    await listed(msp, tenant)
    for by in [msp.agent, UNLISTED] if unlisted_last else [UNLISTED, msp.agent]:
        msp.system.writes(by, waiting.id, "approved")
    await msp.work()
    assert await approvers(msp, tenant) == [f"{msp.agent} ({msp.system.name} ticket {waiting.id})"]
    assert len(tenant.writes) == 1


async def test_the_status_of_an_agent_who_may_not_decide_hides_nobody_elses_word(msp, tenant, waiting):
    await listed(msp, tenant)
    msp.system.writes(msp.agent, waiting.id, "approved")
    msp.system.changes(UNLISTED, waiting.id, status=msp.status["approved"])
    await msp.work()
    assert await approvers(msp, tenant) == [f"{msp.agent} ({msp.system.name} ticket {waiting.id})"]


async def test_the_word_of_an_agent_who_may_not_decide_approves_nothing(msp, tenant, waiting):
    await listed(msp, tenant)
    msp.system.writes(UNLISTED, waiting.id, "approved")
    msp.system.changes(UNLISTED, waiting.id, status=msp.status["approved"])
    await msp.work()
    assert tenant.writes == []


async def test_a_customers_status_approves_nothing(msp, tenant, waiting):
    msp.system.changes("402", waiting.id, "contact", status=msp.status["approved"])
    await msp.work()
    assert tenant.writes == []


@pytest.mark.parametrize("provider", ["connectwise", "autotask"])
async def test_a_customers_status_is_no_yes_of_who_saves_the_ticket_next(msp, tenant, waiting):
    msp.system.changes("402", waiting.id, "contact", status=msp.status["approved"])
    await msp.work()
    msp.system.changes(msp.agent, waiting.id, summary="renamed")
    await msp.work()
    assert tenant.writes == []


@in_every_system
async def test_a_word_in_a_note_that_mail_can_make_approves_nothing(msp, tenant, waiting):
    msp.system.writes(msp.agent, waiting.id, "approved", internal=False)
    await msp.work()
    assert tenant.writes == []


@pytest.mark.parametrize("provider", ["connectwise"])
async def test_a_name_that_is_no_members_approves_nothing(msp, tenant, waiting):
    msp.system.changes("portal", waiting.id, status=msp.status["approved"])
    await msp.work()
    assert tenant.writes == []


async def test_our_own_user_approves_nothing(msp, tenant, waiting):
    msp.system.writes(msp.system.own, waiting.id, "approved")
    msp.system.changes(msp.system.own, waiting.id, status=msp.status["approved"])
    await msp.poll()
    await msp.work()
    assert tenant.writes == []


async def test_the_hash_of_another_plan_approves_nothing(msp, tenant, waiting):
    msp.system.writes(msp.agent, waiting.id, "approved ffffffffffffffff")
    await msp.work()
    assert tenant.writes == []


async def test_a_yes_to_an_older_plan_is_no_yes_to_the_one_that_waits(msp, tenant, waiting):
    """The tenant changes once more, and the new plan is told; the word for the old one comes after it."""
    older = await plan_of(msp, tenant)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RequireTls=False)
    await msp.service.check(tenant, controls=(LOCK,))
    await msp.work()
    assert await plan_of(msp, tenant) != older
    msp.system.writes(msp.agent, waiting.id, f"approved {older}")
    await msp.work()
    assert tenant.writes == []
    msp.system.writes(msp.agent, waiting.id, f"approved {await plan_of(msp, tenant)}")
    await msp.work()
    assert len(tenant.writes) == 1


async def test_a_status_given_to_the_plan_before_does_not_approve_the_next(msp, tenant, waiting):
    msp.system.drops = True
    msp.system.changes(msp.agent, waiting.id, status=msp.status["approved"])
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RequireTls=False)
    await msp.service.check(tenant, controls=(LOCK,))
    await msp.work()
    await msp.poll()
    await msp.work()
    assert tenant.writes == []
    msp.system.changes(msp.agent, waiting.id, status=msp.status["open"])
    await msp.poll()
    await msp.work()
    msp.system.changes(msp.agent, waiting.id, status=msp.status["approved"])
    await msp.poll()
    await msp.work()
    assert len(tenant.writes) == 1


async def test_an_approval_whose_webhook_was_lost_is_found(msp, tenant, waiting):
    msp.system.drops = True
    msp.system.writes(msp.agent, waiting.id, "approved")
    await msp.poll()
    await msp.work()
    assert len(tenant.writes) == 1


async def test_a_yes_that_is_heard_twice_writes_once(msp, tenant, waiting):
    msp.system.writes(msp.agent, waiting.id, "approved")
    deliveries = list(msp.system.deliveries)
    await msp.work()
    msp.system.deliveries.extend(deliveries)
    await msp.work()
    assert len(tenant.writes) == 1
    approved = [entry for entry in await msp.service.ledger(tenant, LOCK) if entry.event == "approved"]
    assert len(approved) == 1


async def test_a_yes_that_is_read_while_the_ticket_is_being_written_on_waits_for_that(msp, tenant, waiting):
    table = msp.service.clients.storage.tickets
    before = await table.cause(tenant.tenant_id, LOCK)
    msp.system.writes(msp.agent, waiting.id, "approved")
    async with msp.service.clients.storage.leases.hold(f"psa-{tenant.tenant_id}"):
        await msp.deliver()
        for body in await msp.service.messages("tickets"):
            await deliver("tickets", body, msp.service.clients)
        assert await table.cause(tenant.tenant_id, LOCK) == before
        assert tenant.writes == []
    await msp.work()
    assert len(tenant.writes) == 1


async def test_a_yes_by_ticket_never_opens_a_tenant_whose_lock_is_not_proven(msp, tenant):
    """Nobody answers for it by ticket until a date, so that it passes the mode and stays held."""
    spoof, policy = "spoof-intelligence", "Office365 AntiPhish Default"
    await msp.service.look_after(tenant, mode="approve", psa={"provider": msp.system.name, "company_id": "250"})
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    tenant.admin("Set-AntiPhishPolicy", Identity=policy, EnableSpoofIntelligence=True)
    await msp.service.check(tenant, controls=(spoof,))
    await msp.work()
    [ticket] = msp.tickets
    plan = (await msp.service.state(tenant, spoof)).plan
    msp.system.writes(msp.agent, ticket.id, f"approved {plan}")
    await msp.work()
    assert tenant.writes == []
    state = await msp.service.state(tenant, spoof)
    assert (state.state, "lock not proven" in state.detail) == ("held", True)
    msp.system.writes(msp.agent, ticket.id, f"approved {state.plan}")
    await msp.work()
    assert tenant.writes == []
