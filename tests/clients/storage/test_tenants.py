import pytest

from clients.storage.tenants import ConfigMoved, TenantTable
from domain.tenant import PsaCompany, TenantConfig
from tests.clients.conftest import TENANT

OTHER = "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"


@pytest.fixture
def tenants(table):
    return TenantTable(table)


def config(tenant_id=TENANT, **fields):
    known = {"tenant_id": tenant_id, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}
    return TenantConfig.model_validate(known | fields)


async def test_a_tenant_that_nobody_added_is_none(tenants):
    assert (await tenants.get(TENANT), await tenants.find(TENANT)) == (None, None)


async def test_a_config_is_read_as_it_was_written(tenants):
    written = config(mode="observe", freeze=[{"start": "2026-12-24T00:00:00Z", "end": "2026-12-27T00:00:00Z"}])
    await tenants.create(written)
    assert await tenants.get(TENANT) == written


async def test_a_tenant_is_added_once(tenants):
    await tenants.create(config())
    with pytest.raises(ConfigMoved):
        await tenants.create(config(name="Another"))
    assert (await tenants.get(TENANT)).name == "Contoso"


async def test_nobody_writes_over_or_forgets_what_somebody_else_wrote_meanwhile(tenants):
    await tenants.create(config())
    _, version = await tenants.find(TENANT)
    await tenants.replace(config(name="First"), version)

    with pytest.raises(ConfigMoved):
        await tenants.replace(config(name="Second"), version)
    with pytest.raises(ConfigMoved):
        await tenants.delete(TENANT, version)

    found, newer = await tenants.find(TENANT)
    assert found.name == "First"
    await tenants.delete(TENANT, newer)
    assert await tenants.get(TENANT) is None


async def test_only_those_that_are_switched_on_are_looked_after(tenants):
    await tenants.put(config())
    await tenants.put(config(OTHER, enabled=False))
    assert await tenants.enabled_ids() == [TENANT]
    assert {each.tenant_id async for each in tenants.all()} == {TENANT, OTHER}


async def test_a_company_is_found_in_its_own_ticket_system_only(tenants):
    ours = {"provider": "connectwise", "company_id": "250"}
    await tenants.put(config(psa=ours))
    await tenants.put(config(OTHER, psa=ours | {"provider": "autotask"}))
    assert [each.tenant_id for each in await tenants.of_company(PsaCompany.model_validate(ours))] == [TENANT]
