"""The ticket of a cause: one while it lasts, closed and opened again with it, whatever dies on the way."""

import pytest
from azure.data.tables.aio import TableClient

from tests.handlers.tickets.msp import COMPANY, desk_of, in_every_system, notes, told

TROUBLES = [("lost", 2), ("threads", 2), ("throttled", 3), ("lost", 4), ("html", 4)]
"""At which call: 2 opens the ticket, 3 reads it, 4 writes the note. Only what is lost was done."""


def closing(provider, **more):
    desk = desk_of(provider)
    return desk | {"closing": {"status": desk["outcomes"]["ok"]} | more}


class TestClosing:
    """Where the MSP wants tickets closed when their cause is gone."""

    @pytest.fixture
    def desk(self, provider):
        return closing(provider, reopen_days=1, reopen_status=desk_of(provider)["placement"]["status"])

    @in_every_system
    async def test_a_ticket_is_closed_when_its_cause_is_gone_and_opened_again_when_it_is_back(self, msp, tenant):
        await msp.drift(tenant)
        await told(msp)
        await msp.mend(tenant)
        await told(msp)
        [ticket] = msp.tickets
        assert ticket.closed
        await msp.drift(tenant)
        await told(msp)
        [ticket] = msp.tickets
        assert (ticket.closed, ticket.status) == (False, msp.status["open"])
        assert notes(ticket, "a person is needed") == [2]

    async def test_a_cause_that_comes_back_later_has_a_new_ticket(self, msp, tenant):
        await msp.drift(tenant)
        await told(msp)
        await msp.mend(tenant)
        await told(msp)
        msp.service.clock.advance(days=2)
        await msp.drift(tenant)
        await told(msp)
        assert [ticket.closed for ticket in msp.tickets] == [True, False]

    async def test_a_ticket_that_somebody_has_taken_over_is_not_closed(self, msp, tenant):
        await msp.drift(tenant)
        await told(msp)
        [ticket] = msp.tickets
        msp.system.changes(msp.agent, ticket.id, status=77)
        await msp.mend(tenant)
        await told(msp)
        assert ticket.status == 77
        assert notes(ticket, "found as documented") == [1]

    async def test_a_person_may_change_the_priority_and_it_stays(self, msp, tenant):
        await msp.drift(tenant)
        await told(msp)
        [ticket] = msp.tickets
        msp.system.changes(msp.agent, ticket.id, priority="1")
        await msp.mend(tenant)
        await told(msp)
        assert ticket.priority == "1"


class Died(BaseException):
    """The process ended here."""


@in_every_system
async def test_what_needs_a_person_has_one_ticket_with_an_internal_note(msp, tenant):
    await msp.drift(tenant)
    await told(msp)
    [ticket] = msp.tickets
    assert (ticket.company, ticket.status, ticket.priority) == (COMPANY, msp.status["open"], "3")
    assert "alert-policies" in ticket.summary
    [note] = ticket.notes
    assert note.internal
    assert "a person is needed" in note.text
    assert "person is needed" not in ticket.details


async def test_a_cause_that_comes_and_goes_keeps_its_ticket_while_it_is_open(msp, tenant):
    await msp.drift(tenant)
    await told(msp)
    await msp.mend(tenant)
    await told(msp)
    await msp.drift(tenant)
    await told(msp)
    [ticket] = msp.tickets
    assert notes(ticket, "a person is needed", "found as documented") == [2, 1]
    assert not ticket.closed


async def test_a_ticket_that_a_person_closed_stays_closed_and_news_have_a_new_one(msp, tenant):
    await msp.drift(tenant)
    await told(msp)
    [first] = msp.tickets
    msp.system.changes(msp.agent, first.id, status=msp.status["closed"])
    await msp.mend(tenant)
    await told(msp)
    assert len(msp.tickets) == 1
    await msp.drift(tenant)
    await told(msp)
    assert [ticket.closed for ticket in msp.tickets] == [True, False]
    assert len(first.notes) == 1


async def test_a_ticket_that_was_deleted_is_opened_anew(msp, tenant):
    await msp.drift(tenant)
    await told(msp)
    msp.system.deletes(msp.tickets[0].id)
    await msp.mend(tenant)
    await msp.drift(tenant)
    await told(msp)
    [ticket] = msp.tickets
    assert notes(ticket, "a person is needed") == [1]


async def test_trouble_at_any_call_neither_doubles_nor_loses_a_ticket_or_a_note(msp):
    msp.system.companies = set(range(300, 300 + len(TROUBLES)))
    await msp.poll()  # looks up where the API is
    for company, (trouble, call) in enumerate(TROUBLES, 300):
        tenant = msp.service.world.add_tenant(f"t{company}.example", alert_set="not_found")
        await msp.service.look_after(tenant, psa={"provider": msp.system.name, "company_id": str(company)})
        msp.service.clock.advance(hours=1)  # out of the blast radius
        await msp.drift(tenant)
        msp.system.trouble.extend([None] * call)
        msp.system.trouble.append(trouble)
        await msp.work()
        assert not msp.system.trouble
        await msp.poll()
        await msp.work()
        mine = [ticket for ticket in msp.tickets if ticket.company == company]
        assert [notes(ticket, "a person is needed") for ticket in mine] == [[1]], (trouble, call)


async def test_a_death_at_any_write_neither_doubles_nor_loses_a_ticket_or_a_note(msp, monkeypatch):
    msp.system.companies = set(range(300, 308))
    left = [1000]

    def mortal(method):
        async def write(self, *args, **given):
            left[0] -= 1
            if left[0] == -1:
                raise Died
            return await method(self, *args, **given)

        return write

    for name in ("create_entity", "upsert_entity", "update_entity", "delete_entity"):
        monkeypatch.setattr(TableClient, name, mortal(getattr(TableClient, name)))
    for company in range(300, 308):
        tenant = msp.service.world.add_tenant(f"t{company}.example", alert_set="not_found")
        await msp.service.look_after(tenant, psa={"provider": msp.system.name, "company_id": str(company)})
        await msp.drift(tenant)
        left[0] = company - 300
        with pytest.raises(Died):
            await msp.work()
        left[0] = 1000
        await msp.poll()
        await msp.work()
        mine = [ticket for ticket in msp.tickets if ticket.company == company]
        assert [notes(ticket, "a person is needed") for ticket in mine] == [[1]], company


@in_every_system
@pytest.mark.parametrize("by", ["contact", "agent"])
async def test_a_ticket_with_our_key_that_we_did_not_open_is_left_alone(msp, tenant, by):
    """The key as it was before it had a secret follows from what is public: a customer's mail carried it first."""
    for key in msp.service.clients.psa.marks.keys(tenant.tenant_id, "alert-policies"):
        msp.system.opens("4242", by, company=COMPANY, summary=f"Help [{key}]", key=key)
    await msp.drift(tenant)
    await told(msp)
    *theirs, ours = msp.tickets
    assert [len(ticket.notes) for ticket in (*theirs, ours)] == [0, 0, 1]


@in_every_system
async def test_a_ticket_that_we_opened_before_keys_had_a_secret_is_not_doubled(msp, tenant):
    _, before = msp.service.clients.psa.marks.keys(tenant.tenant_id, "alert-policies")
    status = msp.status["open"]
    msp.system.opens(msp.system.own, company=COMPANY, summary=f"Holdfast [{before}]", key=before, status=status)
    await msp.drift(tenant)
    await told(msp)
    [ticket] = msp.tickets
    assert len(ticket.notes) == 1
