"""Before a tenant is looked after: what is there, what is missing, and the exact grant that mends it."""

import pytest

from domain.controls import KINDS
from domain.errors import UnknownTenant
from handlers.api import readiness


async def look(service, tenant):
    found = await readiness.look(tenant.tenant_id, service.clients)
    return found, {item.id: item for item in found.items}


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    return tenant


async def test_a_tenant_with_everything_is_ready_and_nothing_was_written(service, tenant):
    found, items = await look(service, tenant)
    assert found.ready, [item for item in found.items if item.state not in {"ok", "not_applicable"}]
    assert {item.state for item in found.items if item.needed} == {"ok"}
    assert items["alert-consent"].state == items["audit-consent"].state == "ok"
    assert items["cmdlet Get-InboundConnector"].detail == "answers"
    assert "not tried" in items["cmdlet Set-InboundConnector"].detail
    for kind in KINDS:
        writes = kind.writing.cmdlets if kind.writing else ()
        assert {f"cmdlet {cmdlet}" for cmdlet in (*(query.cmdlet for query in kind.queries), *writes)} <= items.keys()
    assert items["dns contoso.example"].state == "not_applicable"
    assert tenant.writes == []


def lose_consent(tenant):
    tenant.access.consented = False


def lose_app_role(tenant):
    tenant.access.app_roles = {"exchange"}


def lose_exchange_role(tenant):
    tenant.access.directory_roles = {"Security Administrator"}


def lose_compliance_role(tenant):
    tenant.access.directory_roles = {"Exchange Administrator"}


def lose_customisation(tenant):
    tenant.switches.dehydrated = True


LOST = {
    "consent": (lose_consent, "token-exchange", "/adminconsent?client_id="),
    "app_role": (lose_app_role, "app-role-compliance", "-AppRoleId ($r.AppRoles | Where-Object Value -eq 'Exchange.ManageAsApp').Id"),
    "exchange_role": (lose_exchange_role, "directory-role-exchange", "-RoleDefinitionId 29232cdf-9323-42fd-ade2-1d097af3e4de"),
    "compliance_role": (lose_compliance_role, "directory-role-compliance", "-RoleDefinitionId 194ae4cb-b126-40b2-bd5b-6091b380977d"),
    "customisation": (lose_customisation, "customised", "Enable-OrganizationCustomization"),
}  # fmt: skip


@pytest.mark.parametrize(("lose", "item", "remedy"), LOST.values(), ids=list(LOST))
async def test_what_is_missing_is_named_with_the_grant_that_mends_it(service, tenant, lose, item, remedy):
    lose(tenant)
    tenant.expire_tokens()
    found, items = await look(service, tenant)
    assert not found.ready
    assert items[item].state == "missing"
    assert remedy in items[item].remedy
    assert found.consent_url.endswith(f"{tenant.tenant_id}/adminconsent?client_id={service.world.client_id}")


async def test_a_cmdlet_that_writes_is_named_with_both_roles_that_have_it(service, tenant):
    lose_exchange_role(tenant)
    tenant.expire_tokens()
    _, items = await look(service, tenant)
    assert items["cmdlet Set-TransportRule"].state == "missing"
    assert (
        items["cmdlet Set-TransportRule"].detail
        == "comes with Exchange Administrator, or with the role 'Transport Rules'"
    )
    assert items["cmdlet Set-ProtectionAlert"].state == "ok"
    assert items["cmdlet Get-InboundConnector"].state == "missing"
    assert items["cmdlet Get-InboundConnector"].detail.endswith("the role 'View-Only Configuration' has it")


async def test_consent_for_alerts_and_audit_may_be_missing(service, tenant):
    tenant.access.permissions = set()
    found, items = await look(service, tenant)
    assert found.ready
    assert (items["alert-consent"].state, items["audit-consent"].state) == ("missing", "missing")
    assert "ActivityFeed.Read" in items["audit-consent"].remedy


async def test_the_missing_half_of_what_the_message_trace_needs_is_named(service, tenant):
    _, items = await look(service, tenant)
    assert (items["trace-consent"].state, items["trace-principal"].state) == ("missing", "unknown")
    assert "ExchangeMessageTrace.Read.All" in items["trace-consent"].remedy
    tenant.access.permissions.add("ExchangeMessageTrace.Read.All")
    service.clock.advance(hours=2)  # a token that was given before says otherwise for an hour
    await service.sweep()
    found, items = await look(service, tenant)
    assert (items["trace-consent"].state, items["trace-principal"].state) == ("ok", "missing")
    assert "New-MgServicePrincipal -AppId 8bd644d1" in items["trace-principal"].remedy
    assert found.ready
    tenant.mail.principal = True
    service.clock.advance(hours=7)
    await service.sweep()
    _, items = await look(service, tenant)
    assert items["trace-principal"].state == "ok"


async def test_observing_needs_a_reader_only(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.access.directory_roles = {"Global Reader"}
    await service.look_after(tenant, mode="observe")
    found, items = await look(service, tenant)
    assert found.ready, [item for item in found.items if item.state not in {"ok", "not_applicable"}]
    assert items["directory-role-exchange"].detail == "Global Reader"
    assert "cmdlet Set-InboundConnector" not in items


async def test_a_dns_provider_without_its_secret_is_named(service):
    tenant = service.world.add_tenant("contoso.example")
    host = {"kind": "cloudflare", "secret_setting": "HOLDFAST_DNS_SECRET_X"}
    await service.look_after(tenant, dns={"contoso.example": host})
    _, items = await look(service, tenant)
    assert items["dns contoso.example"].state == "missing"
    assert "HOLDFAST_DNS_SECRET_X" in items["dns contoso.example"].detail


async def test_an_unknown_tenant_is_not_found(service):
    with pytest.raises(UnknownTenant):
        await readiness.look("00000000-0000-4000-8000-000000000000", service.clients)
