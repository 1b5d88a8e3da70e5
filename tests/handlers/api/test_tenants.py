"""A config is changed over the version that its writer knew, and the ledger says who changed what."""

import asyncio

import pytest
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableServiceClient

from tests.filters import NEW, OLD, WIDER, deployed
from tests.handlers.web import ask, of


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    return tenant


def config(tenant, **changes):
    base = {"tenant_id": tenant.tenant_id, "name": "Contoso", "initial_domain": tenant.initial_domain}
    return base | changes


async def test_a_config_is_changed_only_over_the_version_its_writer_knew(service, tenant):
    path = f"tenants/{tenant.tenant_id}"
    version = (await ask(service, "GET", path)).headers["ETag"]
    first = await ask(service, "PUT", path, config(tenant, mode="observe"), if_match=version)
    late = await ask(service, "PUT", path, config(tenant, mode="approve"), if_match=version)
    assert (first.status_code, late.status_code) == (200, 412)
    assert "If-Match" in of(late)["detail"]
    assert of(await ask(service, "GET", path))["mode"] == "observe"
    assert (await ask(service, "DELETE", path, if_match=version)).status_code == 412
    assert (await ask(service, "DELETE", path, if_match=first.headers["ETag"])).status_code == 204
    assert (await ask(service, "PUT", path, config(tenant), if_match="*")).status_code == 412


async def test_of_two_writers_at_once_one_is_told_that_it_was_late(service, tenant):
    path = f"tenants/{tenant.tenant_id}"
    version = (await ask(service, "GET", path)).headers["ETag"]
    answers = await asyncio.gather(
        *(ask(service, "PUT", path, config(tenant, name=name), if_match=version) for name in ("a", "b"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_config_can_be_added_on_condition_that_it_is_new(service):
    tenant = service.world.add_tenant("fabrikam.example")
    path = f"tenants/{tenant.tenant_id}"
    made = await ask(service, "PUT", path, config(tenant), if_none_match="*")
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/{path}")
    assert (await ask(service, "PUT", path, config(tenant), if_none_match="*")).status_code == 412
    known = await ask(service, "GET", path, if_none_match=made.headers["ETag"])
    assert (known.status_code, known.get_body()) == (304, b"")


async def test_the_ledger_says_who_changed_which_part_of_a_config(service, tenant):
    path = f"tenants/{tenant.tenant_id}"
    await ask(service, "PUT", path, config(tenant, name="Contoso Ltd", mode="observe"))
    await ask(service, "PUT", path, config(tenant, name="Contoso Ltd", mode="observe"))
    await ask(service, "DELETE", path)
    changed, removed = await service.ledger(tenant)
    assert (changed.event, changed.detail, changed.actor) == ("configured", "changed: name, mode", "key dev")
    assert (changed.before["mode"], changed.after["mode"]) == ("correct", "observe")
    assert removed.detail == "removed"


async def test_a_company_id_that_no_ticket_system_has_is_refused(service, tenant):
    psa = {"provider": "connectwise", "company_id": "9" * 40_000}
    refused = await ask(service, "PUT", f"tenants/{tenant.tenant_id}", config(tenant, psa=psa))
    assert (refused.status_code, "body.psa.company_id" in of(refused)["detail"]) == (422, True)


async def test_a_weak_entity_tag_still_says_that_a_reader_is_up_to_date(service, tenant):
    path = f"tenants/{tenant.tenant_id}"
    version = (await ask(service, "GET", path)).headers["ETag"]
    assert (await ask(service, "GET", path, if_none_match=f"W/{version}")).status_code == 304
    assert (await ask(service, "PUT", path, config(tenant), if_match=f"W/{version}")).status_code == 412


async def test_a_new_tenant_takes_the_newest_version_of_its_profile_and_a_deployment_moves_no_other(service, tenant):
    service.clients = deployed(service.clients, WIDER)
    new = service.world.add_tenant("fabrikam.example")
    made = await ask(service, "PUT", f"tenants/{new.tenant_id}", config(new))
    assert of(made)["profile_version"] == NEW

    assert of(await ask(service, "PUT", f"tenants/{tenant.tenant_id}", config(tenant)))["profile_version"] == OLD
    await service.sweep()
    assert {each["tenant_id"]: each["profile_version"] for each in of(await ask(service, "GET", "tenants"))} == {
        new.tenant_id: NEW,
        tenant.tenant_id: OLD,
    }
    assert (await service.state(tenant, "inbound-lockdown")).profile_version == OLD
    assert tenant.writes == []


async def test_a_row_from_before_there_were_versions_is_held_to_the_one_that_was_shipped_then(
    service, tenant, azurite_connection
):
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        table = tables.get_table_client("tenants")
        row = await table.get_entity("tenant", tenant.tenant_id)
        del row["profile_version"]
        await table.update_entity(row, mode=UpdateMode.REPLACE)
    service.clients = deployed(service.clients, WIDER)
    path = f"tenants/{tenant.tenant_id}"
    shown = of(await ask(service, "GET", path))
    assert shown["profile_version"] == OLD
    await service.sweep()
    assert (await service.state(tenant, "inbound-lockdown")).profile_version == OLD
    answer = await ask(service, "PUT", path, shown | {"name": "Renamed"})
    assert (answer.status_code, of(answer)["profile_version"]) == (200, OLD)


async def test_nobody_sets_the_version_of_a_profile_by_a_config(service, tenant):
    service.clients = deployed(service.clients, WIDER)
    path = f"tenants/{tenant.tenant_id}"
    refused = await ask(service, "PUT", path, config(tenant, profile_version=NEW))
    assert (refused.status_code, of(refused)["detail"]) == (
        422,
        f"body.profile_version: is {OLD}, and moves by a wave (POST /waves)",
    )
    assert of(await ask(service, "GET", path))["profile_version"] == OLD


async def test_a_tenant_of_a_version_that_this_package_does_not_have_is_unknown_and_nothing_is_written(service, tenant):
    kept = await service.clients.storage.tenants.find(tenant.tenant_id)
    await service.clients.storage.tenants.replace(kept._replace(profile_version=NEW))
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.sweep()
    state = await service.state(tenant, "inbound-lockdown")
    assert (state.state, tenant.writes) == ("unknown", [])
    assert f"'{NEW}' of exchangedefender does not exist" in state.detail
    assert of(await ask(service, "GET", f"tenants/{tenant.tenant_id}"))["profile_version"] == NEW


async def test_a_config_that_makes_no_sense_hides_no_other_and_can_be_replaced_and_deleted(service, tenant, spoil):
    other = service.world.add_tenant("fabrikam.example")
    await service.look_after(other)
    path, known = f"tenants/{tenant.tenant_id}", f"tenants/{other.tenant_id}"
    version = (await ask(service, "GET", path)).headers["ETag"]
    for each in (tenant, other):
        await spoil("tenants", each.tenant_id)
    refused = await ask(service, "GET", path)
    assert (refused.status_code, f"PUT {path} replaces it" in of(refused)["detail"]) == (409, True)
    assert (await ask(service, "PUT", path, config(tenant), if_match=version)).status_code == 412
    assert (await ask(service, "PUT", path, config(tenant), if_match="*")).status_code == 200
    [shown] = of(await ask(service, "GET", "tenants"))
    assert (shown["name"], shown["profile_version"]) == ("Contoso", OLD)
    assert (await ask(service, "DELETE", known)).status_code == 204
    assert (await ask(service, "GET", known)).status_code == 404
    for each, what in ((tenant, "changed"), (other, "removed")):
        entry = (await service.ledger(each))[-1]
        assert (entry.event, entry.detail.startswith(what)) == ("configured", True)
        assert "what was stored made no sense" in entry.detail


async def test_a_config_of_a_later_version_is_neither_replaced_nor_deleted(service, tenant, spoil):
    await spoil("tenants", tenant.tenant_id, newer=True)
    path = f"tenants/{tenant.tenant_id}"
    answers = [await ask(service, "PUT", path, config(tenant)), await ask(service, "DELETE", path)]
    assert [each.status_code for each in answers] == [503, 503]
    assert of(await ask(service, "GET", "tenants")) == []
