"""The poll finds what no webhook told of, whatever is odd about one ticket, one row or one system."""

import json

import pytest
from azure.data.tables.aio import TableClient

from handlers.operators import open_incidents
from tests.clients.psa.deeds import ODD_IN_EVERY_SYSTEM, listing
from tests.handlers.harness import holdfast
from tests.handlers.tickets.msp import COMPANY, Msp, desk_of, in_every_system, reprovision, settings


@pytest.mark.usefixtures("tenant")
async def test_one_ticket_whose_row_makes_no_sense_hides_no_other_and_is_told(msp, spoil):
    await msp.poll()
    odd = reprovision(msp)
    await msp.work()
    await spoil("tickets", str(odd.id))
    msp.system.drops = True
    other = reprovision(msp)
    msp.system.changes(msp.agent, odd.id, status=msp.status["new"])
    await msp.poll()
    await msp.work(webhooks=False)
    assert other.closed
    assert not odd.closed
    [entries] = (await open_incidents(msp.service.clients)).values()
    assert f"{msp.system.name} ticket {odd.id}" in entries[-1].detail


@in_every_system
@pytest.mark.usefixtures("tenant")
async def test_one_row_of_the_list_that_is_no_ticket_hides_no_other_and_is_told_once(msp):
    await msp.poll()
    listing(msp.system, ODD_IN_EVERY_SYSTEM)
    msp.system.drops = True
    ticket = reprovision(msp)
    until = msp.service.clock()
    for _ in range(2):
        await msp.poll()
        await msp.work(webhooks=False)
    assert ticket.closed
    assert (await msp.service.clients.storage.tickets.polled(msp.system.name)).until > until
    [(incident, entries)] = (await open_incidents(msp.service.clients)).items()
    assert (incident, len(entries)) == (f"unread-{msp.system.name}-list", 1)


@in_every_system
async def test_a_system_that_cannot_be_polled_for_an_hour_is_told_once_and_until_it_can(msp):
    await msp.poll()
    good, incident = getattr(msp.system, msp.system.credential), f"unread-{msp.system.name}-poll"
    setattr(msp.system, msp.system.credential, "changed by somebody")
    if msp.system.name == "halopsa":
        msp.system.expire_tokens()
    for minutes, told in ((59, 0), (1, 1), (5, 1)):
        msp.service.clock.advance(minutes=minutes)
        await msp.poll()
        assert len((await open_incidents(msp.service.clients)).get(incident, ())) == told
    setattr(msp.system, msp.system.credential, good)
    await msp.poll()
    assert await open_incidents(msp.service.clients) == {}


@pytest.mark.usefixtures("tenant")
async def test_one_ticket_whose_row_is_of_a_later_version_hides_no_other_and_waits(msp, spoil):
    await msp.poll()
    newer = reprovision(msp)
    await msp.work()
    await spoil("tickets", str(newer.id), newer=True)
    other = reprovision(msp)
    msp.system.changes(msp.agent, newer.id, status=msp.status["new"])
    await msp.poll()
    asked = {json.loads(body)["ticket_id"] for body in await msp.service.messages("tickets")}
    assert asked == {str(newer.id), str(other.id)}


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize("newer", [False, True])
async def test_until_when_changes_were_looked_through_may_make_no_sense(msp, spoil, newer):
    await msp.poll()
    await spoil("tickets", msp.system.name, newer=newer)
    msp.system.drops = True
    ticket = reprovision(msp)
    await msp.poll()
    await msp.work()
    assert ticket.closed


@pytest.mark.usefixtures("emptied")
async def test_a_system_whose_poll_fails_stops_no_other_and_no_news_and_is_polled_again(
    azurite_connection, monkeypatch
):
    both = settings("autotask", **desk_of("autotask")) | settings("halopsa", **desk_of("halopsa"))
    async with holdfast(azurite_connection, **both) as service:
        tenant = service.world.add_tenant("contoso.example", alert_set="not_found")
        await service.look_after(tenant, psa={"provider": "halopsa", "company_id": str(COMPANY)})
        upsert = TableClient.upsert_entity

        async def failing(table, entity, **given):
            if (entity["PartitionKey"], entity["RowKey"]) == ("polled", "autotask"):
                raise RuntimeError("this row cannot be written")
            return await upsert(table, entity, **given)

        monkeypatch.setattr(TableClient, "upsert_entity", failing)
        msp = Msp(service, service.world.psa.by_name["halopsa"])
        msp.system.companies = {COMPANY}
        await msp.drift(tenant)
        await service.messages("notifications")
        with pytest.raises(RuntimeError, match="cannot be written"):
            await msp.poll()
        assert await service.clients.storage.tickets.polled("halopsa")
        [body] = await service.messages("notifications")
        assert json.loads(body)["tenant_id"] == tenant.tenant_id
