"""What the service needs a person for reaches the log, its own ledger and a ticket of the MSP's own company."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from clients import telemetry
from domain.incident import SERVICE, Incident
from domain.jobs import QUEUES, Notify
from handlers import park
from handlers.delivery import deliver
from handlers.operators import tell_operators
from tests.handlers.conftest import fresh
from tests.handlers.tickets.msp import Msp, desk_of, in_every_system, settings

OWN = 1
TROUBLE = Incident(id="poison", kind="parked", summary="the wells are poisoned", detail="since noon")


@pytest.fixture
def provider():
    return "autotask"


@pytest.fixture
def own_company():
    return OWN


@pytest_asyncio.fixture
async def msp(azurite_connection, provider, own_company) -> AsyncIterator[Msp]:
    async with fresh(azurite_connection, **settings(provider, own_company, **desk_of(provider))) as service:
        system = service.world.psa.by_name[provider]
        system.companies = {OWN, 250}
        yield Msp(service, system)


async def told(msp):
    """The notifications queue is worked on, as its timer asks for it."""
    msp.service.clock.advance(seconds=10)
    await msp.poll()
    for body in await msp.service.messages("notifications"):
        await deliver("notifications", body, msp.service.clients)


async def entries(msp):
    return [entry.detail for entry in await msp.service.clients.storage.ledger.page(SERVICE)]


@in_every_system
async def test_an_incident_reaches_log_ledger_and_a_ticket_of_the_own_company(msp, caplog):
    telemetry.start_series(QUEUES, ())
    await tell_operators(TROUBLE, msp.service.clients)
    await told(msp)

    assert "incident kind=parked id=poison 'the wells are poisoned: since noon'" in caplog.text
    assert [(record.incident, record.kind) for record in caplog.records if hasattr(record, "incident")] == [
        ("poison", "parked")
    ]
    assert await entries(msp) == ["the wells are poisoned: since noon"]
    [ticket] = msp.tickets
    assert ticket.company == OWN
    assert "Holdfast: the wells are poisoned" in ticket.summary
    assert ["since noon" in note.text for note in ticket.notes] == [True]
    assert all(note.internal for note in ticket.notes)


async def test_what_lasts_has_one_ticket_with_a_note_each_time(msp):
    for _ in range(3):
        await tell_operators(TROUBLE, msp.service.clients)
        await told(msp)
    [ticket] = msp.tickets
    assert len(ticket.notes) == 3


async def test_an_outage_of_the_ticket_system_delays_the_ticket_only(msp):
    msp.system.down = True
    await tell_operators(TROUBLE, msp.service.clients)
    await told(msp)
    msp.system.down = False
    await told(msp)
    assert [ticket.company for ticket in msp.tickets] == [OWN]


async def test_a_parked_message_is_told_to_the_operators_once(msp):
    for _ in range(2):
        await deliver("checks", b"hello", msp.service.clients)
        await told(msp)
    [ticket] = msp.tickets
    assert (ticket.company, len(ticket.notes)) == (OWN, 1)
    [detail] = await entries(msp)
    assert detail.startswith(
        "what came from 'checks' could not be worked on: a message on 'checks': message: Invalid JSON"
    )


async def test_a_parked_notification_is_in_log_and_ledger_and_asks_for_no_other(msp, caplog):
    body = Notify(tenant_id=SERVICE, asked_at=msp.service.clock()).body.encode()
    await park.given_up("notifications", body, msp.service.clients)

    assert "incident kind=parked id=parked-notifications" in caplog.text
    assert len(await entries(msp)) == 1
    assert await msp.service.clients.storage.tickets.news.all() == []
    assert await msp.service.messages("notifications") == []
    assert await msp.service.hidden("notifications") == 0


@pytest.mark.parametrize("own_company", [None])
async def test_without_an_own_company_no_ticket_is_made(msp):
    await tell_operators(TROUBLE, msp.service.clients)
    await told(msp)
    assert msp.tickets == []
    assert await msp.service.clients.storage.tickets.news.all() == []
    assert len(await entries(msp)) == 1


async def test_what_the_blast_radius_holds_is_told_to_the_operators(msp, caplog):
    service = msp.service
    settings = service.clients.settings.model_copy(update={"most_tenants_per_hour": 1})
    service.clients = replace(service.clients, settings=settings)
    for number in range(2):
        tenant = service.world.add_tenant(f"t{number}.example")
        tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
        await service.look_after(tenant)
    await service.sweep()
    await told(msp)

    assert "incident kind=radius id=radius-" in caplog.text
    assert "more than 1 of 2 tenants would get inbound-lockdown:Set-InboundConnector within an hour" in caplog.text
    [ticket] = msp.tickets
    assert (ticket.company, ticket.summary.count("Holdfast: steps of one kind are held by the blast radius")) == (
        OWN,
        1,
    )


async def test_cheap_drift_in_many_tenants_holds_its_own_kind_of_step_alone_and_hides_no_attack(msp, caplog):
    """An attack: harmless drift in limit+1 tenants, so that the real one goes unrepaired and unheard of."""
    service, lock, cheap = msp.service, "inbound-lockdown", "oof-connector"
    settings = service.clients.settings.model_copy(update={"most_tenants_per_hour": 2})
    service.clients = replace(service.clients, settings=settings)
    tenants = [service.world.add_tenant(f"t{number}.example") for number in range(4)]
    for company, tenant in enumerate(tenants, start=300):
        msp.system.companies.add(company)
        await service.look_after(tenant, psa={"provider": msp.system.name, "company_id": str(company)})
        tenant.admin("Set-OutboundConnector", Identity="Automatic Replies (Out of Office) Only", Enabled=False)
    await service.sweep()
    held = [tenant for tenant in tenants if (await service.state(tenant, cheap)).state == "held"]
    assert len(held) == len(tenants) - 2

    await told(msp)
    assert "incident kind=radius" in caplog.text
    assert any(
        f"more than 2 of 4 tenants would get {cheap}:Set-OutboundConnector" in each for each in await entries(msp)
    )
    assert [each.company for each in msp.tickets if "held by the blast radius" in each.summary] == [OWN]

    mended, guarded = held
    mended.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    guarded.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    service.world.dns.set(guarded.domains[0], "MX", "10 mail.elsewhere.example.")
    service.clock.advance(minutes=5)
    await service.sweep()
    assert (await service.state(mended, lock)).state == "compliant"
    assert (await service.state(guarded, lock)).state == "held"
    assert (await service.state(mended, cheap)).state == "held"
    await told(msp)
    company = 300 + tenants.index(guarded)
    assert [each.company for each in msp.tickets if lock in each.summary] == [company]
