"""A filter of another shape is a profile: its tenants are looked after, and nothing they read names another filter."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from clients.profiles import Profiles
from docs.make_controls import page
from domain.controls import CATALOGUE
from domain.profile import parse_profile
from handlers.api import readiness
from tests.handlers.tickets.msp import COMPANY

TEXT = Path("tests/domain/profiles/quillgate.yaml").read_text("utf-8")
PROFILE = parse_profile(TEXT, "quillgate.yaml")
DOMAIN, MX = "contoso.example", "10 mx1.quillgate.example."
ITS_OWN = dict.fromkeys(("mx", "inbound-lockdown", "lock-bypass", "connector-health"), "compliant")


@pytest.fixture
async def service(msp):
    msp.service.clients = replace(msp.service.clients, profiles=Profiles.of([PROFILE]))
    return msp.service


@pytest.fixture
async def tenant(service, msp):
    tenant = service.world.add_tenant(DOMAIN, state="never_configured")
    service.world.dns.set(DOMAIN, "MX", MX)
    service.world.dns.set("mx1.quillgate.example", "A", "203.0.113.25")
    await service.look_after(tenant, profile=PROFILE.id, psa={"provider": msp.system.name, "company_id": str(COMPANY)})
    return tenant


async def test_what_its_guide_asks_for_is_put_back_and_all_else_does_not_apply(service, tenant):
    await service.sweep()
    assert await service.states(tenant) == dict.fromkeys(CATALOGUE, "not_applicable") | ITS_OWN
    [connector] = tenant.admin("Get-InboundConnector")
    assert (connector["Name"], connector["SenderIPAddresses"]) == ("Quillgate", ["203.0.113.0/24"])
    assert [entry.cmdlet for entry in tenant.writes] == ["New-InboundConnector"]

    tenant.admin("Set-InboundConnector", Identity="Quillgate", Enabled=False)
    await service.sweep()
    assert tenant.admin("Get-InboundConnector")[0]["Enabled"]
    assert [entry.cmdlet for entry in tenant.writes] == ["New-InboundConnector", "Set-InboundConnector"]


async def test_the_lock_does_not_close_while_the_mx_is_another_filters(service, tenant):
    service.world.dns.set(DOMAIN, "MX", "10 inbound30.exchangedefender.com.")
    await service.sweep()
    assert (await service.state(tenant, "inbound-lockdown")).state == "held"
    assert tenant.writes == []


async def test_nothing_is_read_and_nothing_must_be_granted_for_what_its_guide_does_not_ask_for(service, tenant):
    tenant.access.app_roles, tenant.access.directory_roles = {"exchange"}, {"Exchange Administrator"}
    await service.sweep()
    found = await readiness.look(tenant.tenant_id, service.clients)
    assert found.ready, [item for item in found.items if item.state not in {"ok", "not_applicable"}]
    assert {entry.service for entry in tenant.log} == {"exchange"}
    unasked = {"Get-OutboundConnector", "Get-DkimSigningConfig", "Get-AntiPhishPolicy", "Get-ProtectionAlert"}
    assert not {entry.cmdlet for entry in tenant.log} & unasked


async def test_nothing_that_people_read_names_another_filter(service, msp, tenant):
    await service.sweep()
    service.world.dns.set(DOMAIN, "MX", "0 contoso-example.mail.protection.outlook.com.")
    service.clock.advance(hours=2)
    await service.sweep()
    await msp.work()
    [ticket] = msp.tickets
    assert ticket.summary.startswith("Quillgate: setting mx needs attention")
    assert "the guide of Quillgate" in ticket.details
    told = [ticket.summary, ticket.details, *(note.text for note in ticket.notes)]
    told += map(str, await service.ledger(tenant))
    told += [(await service.state(tenant, control)).detail for control in CATALOGUE]
    told += [json.dumps(dict(entry.parameters)) for entry in tenant.writes]
    told += [(await readiness.look(tenant.tenant_id, service.clients)).model_dump_json(), page([PROFILE])]
    assert not [text for text in told if "exchangedefender" in text.casefold()]
    assert "Quillgate" in page([PROFILE])


async def test_a_tenant_whose_config_names_no_profile_that_there_is_still_gets_its_ticket(msp):
    tenant = msp.service.world.add_tenant("second.example")
    company = {"provider": msp.system.name, "company_id": str(COMPANY)}
    await msp.service.look_after(tenant, profile="gone", psa=company)
    config = await msp.service.clients.storage.tenants.get(tenant.tenant_id)
    assert msp.service.clients.filter_name(config) == "the mail filter"
