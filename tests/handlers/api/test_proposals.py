"""Customers of the MSP's own tenant are proposed; none is added or removed by itself."""

from dataclasses import replace

from tests.domain.test_partner import relationship
from tests.handlers.web import ask, of


def partner(service, customers):
    tenant = service.world.add_tenant("msp.example")
    tenant.access.permissions |= {"DelegatedAdminRelationship.Read.All", "CrossTenantInformation.ReadBasic.All"}
    tenant.relationships = customers
    settings = service.clients.settings.model_copy(update={"partner_tenant_id": tenant.tenant_id})
    return tenant, replace(service, clients=replace(service.clients, settings=settings))


async def test_customers_are_proposed_page_after_page_with_a_config_to_send(service, spoil):
    known, new = service.world.add_tenant("known.example"), service.world.add_tenant("new.example")
    await service.look_after(known)
    await spoil("tenants", known.tenant_id)  # it is looked after whatever its config says
    customers = [relationship(f"7d1e2f30-1111-4222-8333-{n:012}") for n in range(301)]
    _, msp = partner(service, [*customers, relationship(known.tenant_id), relationship(new.tenant_id)])
    found = {p["tenant_id"]: p for p in of(await ask(msp, "GET", "proposals"))}
    assert len(found) == 303
    assert found[known.tenant_id]["configured"]
    assert found[new.tenant_id]["config"]["initial_domain"] == new.initial_domain
    unclear = {tenant_id: each["unclear"] for tenant_id, each in found.items() if each["unclear"]}
    assert len(unclear) == 301  # no such tenant: one that cannot be read keeps none of the others back
    assert [*await msp.clients.storage.tenants.all_since()] == [known.tenant_id]


async def test_a_relationship_that_is_odd_is_named_and_the_other_customers_are_proposed(service):
    new = service.world.add_tenant("new.example")
    odd = relationship() | {"displayName": "Fabrikam_2026", "customer": None}
    ended = relationship("7d1e2f30-1111-4222-8333-000000000001") | {"endDateTime": "soon"}
    _, msp = partner(service, [odd, ended, relationship(new.tenant_id)])
    found = {p["tenant_id"]: p for p in of(await ask(msp, "GET", "proposals"))}
    assert found[new.tenant_id]["config"]["initial_domain"] == new.initial_domain
    assert found[new.tenant_id]["unclear"] == ""
    assert "'Fabrikam_2026' could not be read: relationship.customer" in found[""]["unclear"]
    assert "could not be read: relationship.endDateTime" in found["7d1e2f30-1111-4222-8333-000000000001"]["unclear"]


async def test_without_consent_the_grant_is_named(service):
    tenant, msp = partner(service, [relationship()])
    tenant.access.permissions.clear()
    refused = await ask(msp, "GET", "proposals")
    assert refused.status_code == 502
    assert "DelegatedAdminRelationship.Read.All" in of(refused)["detail"]


async def test_without_a_partner_there_is_nobody_to_propose(service):
    refused = await ask(service, "GET", "proposals")
    assert refused.status_code == 409
    assert "HOLDFAST_PARTNER_TENANT_ID" in of(refused)["detail"]
