"""Customers of the MSP's own tenant are proposed; none is added or removed by itself."""

from dataclasses import replace

import pytest

from handlers.api import proposals
from handlers.api.endpoint import Ask
from handlers.api.problem import Problem
from tests.domain.test_partner import relationship

ASK = Ask("get_proposals", "ann")


def partner(service, customers):
    tenant = service.world.add_tenant("msp.example")
    tenant.access.permissions |= {"DelegatedAdminRelationship.Read.All", "CrossTenantInformation.ReadBasic.All"}
    tenant.relationships = customers
    settings = service.clients.settings.model_copy(update={"partner_tenant_id": tenant.tenant_id})
    return tenant, replace(service.clients, settings=settings)


async def test_customers_are_proposed_page_after_page_with_a_config_to_send(service):
    known, new = service.world.add_tenant("known.example"), service.world.add_tenant("new.example")
    await service.look_after(known)
    customers = [relationship(f"7d1e2f30-1111-4222-8333-{n:012}") for n in range(301)]
    _, clients = partner(service, [*customers, relationship(known.tenant_id), relationship(new.tenant_id)])
    found = {p.tenant_id: p for p in (await proposals.show(ASK, clients)).body}
    assert len(found) == 303
    assert found[known.tenant_id].configured
    assert found[new.tenant_id].config.initial_domain == new.initial_domain
    assert [config.tenant_id async for config in clients.storage.tenants.all()] == [known.tenant_id]


async def test_without_consent_the_grant_is_named(service):
    tenant, clients = partner(service, [relationship()])
    tenant.access.permissions.clear()
    with pytest.raises(Problem, match=r"DelegatedAdminRelationship\.Read\.All"):
        await proposals.show(ASK, clients)


async def test_without_a_partner_there_is_nobody_to_propose(service):
    with pytest.raises(Problem, match="HOLDFAST_PARTNER_TENANT_ID"):
        await proposals.show(ASK, service.clients)
