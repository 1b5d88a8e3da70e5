import pytest

from clients.entra.clouds import ENDPOINTS
from clients.entra.credentials import Credentials
from clients.exchange.compliance import Compliance
from clients.http import Http
from domain.reading import Query, Seen, Unseen
from simulator.tenant import Tenant
from simulator.world import World
from tests.clients.conftest import Clock, allowed
from tests.clients.exchange.steps import step

ALERTS = Query("compliance", "Get-ProtectionAlert")


@pytest.fixture
def credentials(simulated: Credentials) -> Credentials:
    return simulated


@pytest.fixture
def compliance(http: Http, credentials: Credentials, clock: Clock) -> Compliance:
    return Compliance(http, credentials, ENDPOINTS["global"], now=clock)


async def test_compliance_is_read_and_written_in_its_region(
    compliance: Compliance, world: World, tenant: Tenant
) -> None:
    found = await compliance.read(tenant.tenant_id, [ALERTS], initial_domain=tenant.initial_domain)
    fact = found[ALERTS]
    assert isinstance(fact, Seen)
    name = str(fact.rows[0]["Name"])
    disable = step("compliance", "Set-ProtectionAlert", Identity=name, Disabled=True)

    await compliance.apply(tenant.tenant_id, disable, initial_domain=tenant.initial_domain, permit=allowed)

    assert world.http_requests == {"login": 1, "compliance": 1, "compliance-region": 2}


@pytest.mark.parametrize("old_region", ["redirect", "not_found", "unreachable"])
async def test_compliance_follows_a_tenant_that_moves(compliance: Compliance, tenant: Tenant, old_region: str) -> None:
    tenant.switches.old_region = old_region  # type: ignore[assignment]
    await compliance.read(tenant.tenant_id, [ALERTS], initial_domain=tenant.initial_domain)
    tenant.region = "nam12b"

    found = await compliance.read(tenant.tenant_id, [ALERTS], initial_domain=tenant.initial_domain)

    assert isinstance(found[ALERTS], Seen)


async def test_compliance_stays_at_a_front_door_that_serves(
    compliance: Compliance, world: World, tenant: Tenant
) -> None:
    tenant.switches.front_door = "serve"

    found = await compliance.read(tenant.tenant_id, [ALERTS], initial_domain=tenant.initial_domain)

    assert isinstance(found[ALERTS], Seen)
    assert world.http_requests == {"login": 1, "compliance": 1}


async def test_a_cmdlet_that_compliance_does_not_know_is_named(compliance: Compliance, tenant: Tenant) -> None:
    odd = Query("compliance", "Get-Odd")

    fact = (await compliance.read(tenant.tenant_id, [odd], initial_domain=tenant.initial_domain))[odd]

    assert isinstance(fact, Unseen)
    assert "Get-Odd" in fact.reason
