from datetime import UTC, datetime

import pytest
from azure.data.tables.aio import TableClient

from clients.storage.tenants import ConfigMoved, TenantRow
from domain.ledger import Entry
from domain.tenant import PsaCompany, TenantConfig
from tests.clients.conftest import TENANT
from tests.handlers.conftest import fresh

OTHER = "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"


@pytest.fixture
async def service(azurite_connection):
    async with fresh(azurite_connection) as service:
        yield service


@pytest.fixture
def tenants(service):
    return service.clients.storage.tenants


def told(number):
    at = datetime(2026, 11, 23, 12, number, tzinfo=UTC)
    return Entry(at=at, tenant_id=TENANT, event="configured", detail=f"number {number}", actor="key dev")


async def crash(*_, **__):
    raise RuntimeError("crash")


def config(tenant_id=TENANT, **fields):
    known = {"tenant_id": tenant_id, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}
    return TenantConfig.model_validate(known | fields)


def row(tenant_id=TENANT, **fields):
    return TenantRow(config(tenant_id, **fields), profile_version="2026-11-23")


async def test_a_tenant_that_nobody_added_is_none(tenants):
    assert (await tenants.get(TENANT), await tenants.find(TENANT)) == (None, None)


async def test_a_config_is_read_as_it_was_written(tenants):
    written = config(mode="observe", freeze=[{"start": "2026-12-24T00:00:00Z", "end": "2026-12-27T00:00:00Z"}])
    await tenants.create(TenantRow(written))
    assert await tenants.get(TENANT) == written


async def test_a_tenant_is_added_once(tenants):
    await tenants.create(row())
    with pytest.raises(ConfigMoved):
        await tenants.create(row(name="Another"))
    assert (await tenants.get(TENANT)).name == "Contoso"


async def test_nobody_writes_over_or_forgets_what_somebody_else_wrote_meanwhile(tenants):
    await tenants.create(row())
    found = await tenants.find(TENANT)
    await tenants.replace(found._replace(config=config(name="First")))

    with pytest.raises(ConfigMoved):
        await tenants.replace(found._replace(config=config(name="Second")))
    with pytest.raises(ConfigMoved):
        await tenants.delete(TENANT, found.etag, told(1))

    newer = await tenants.find(TENANT)
    assert (newer.config.name, newer.profile_version) == ("First", "2026-11-23")
    await tenants.delete(TENANT, newer.etag, told(2))
    assert await tenants.get(TENANT) is None


async def test_only_those_that_are_switched_on_are_looked_after(service, tenants):
    await tenants.create(row())
    await tenants.create(row(OTHER, enabled=False))
    assert {each for each, entry in (await service.clients.storage.index.all()).items() if entry.enabled} == {TENANT}
    assert {row.config.tenant_id async for row in tenants.rows()} == {TENANT, OTHER}


async def test_a_company_is_found_in_its_own_ticket_system_only(tenants):
    ours = {"provider": "connectwise", "company_id": "250"}
    await tenants.create(row(psa=ours))
    await tenants.create(row(OTHER, psa=ours | {"provider": "autotask"}))
    assert [each.tenant_id for each in await tenants.of_company(PsaCompany.model_validate(ours))] == [TENANT]


async def test_where_one_tenant_of_a_company_makes_no_sense_nobody_can_say_which_is_meant(tenants, azurite_connection):
    ours = {"provider": "connectwise", "company_id": "250"}
    await tenants.create(row(psa=ours))
    await tenants.create(row(OTHER, psa=ours))
    async with TableClient.from_connection_string(azurite_connection, "tenants") as table:
        await table.update_entity({"PartitionKey": "tenant", "RowKey": OTHER, "body0": "7"})
    assert await tenants.of_company(PsaCompany.model_validate(ours)) == []
    assert [each.config.tenant_id async for each in tenants.rows()] == [TENANT]


async def test_the_entry_of_a_change_that_a_crash_left_out_is_in_the_ledger_before_the_next_change(
    service, tenants, monkeypatch
):
    ledger = service.clients.storage.ledger
    await tenants.create(row(), told(1))
    found = await tenants.find(TENANT)
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "append", crash)
        with pytest.raises(RuntimeError, match="crash"):
            await tenants.replace(found._replace(config=config(name="First")), told(2))
    assert await ledger.page(TENANT) == [told(1)]
    found = await tenants.find(TENANT)
    assert (found.config.name, await ledger.page(TENANT)) == ("First", [told(2), told(1)])
    await tenants.replace(found._replace(config=config(name="Second")), told(3))
    assert await ledger.page(TENANT) == [told(3), told(2), told(1)]


async def test_a_tenant_is_forgotten_only_with_the_entry_that_says_so(service, tenants, monkeypatch):
    ledger = service.clients.storage.ledger
    await tenants.create(row())
    found = await tenants.find(TENANT)
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "append", crash)
        with pytest.raises(RuntimeError, match="crash"):
            await tenants.delete(TENANT, found.etag, told(1))
    found = await tenants.find(TENANT)
    assert await ledger.page(TENANT) == [told(1)]
    await tenants.delete(TENANT, found.etag, told(2))
    assert (await tenants.find(TENANT), await ledger.page(TENANT)) == (None, [told(2), told(1)])
