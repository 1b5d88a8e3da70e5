import tracemalloc
from typing import Any

import pytest

from simulator.failures import UnknownCmdletError
from simulator.world import World
from tests.simulator.conftest import Clock

READS = (
    "Get-InboundConnector",
    "Get-OutboundConnector",
    "Get-TransportRule",
    "Get-AntiPhishPolicy",
    "Get-TenantAllowBlockListSpoofItems",
    "Get-DkimSigningConfig",
    "Get-AcceptedDomain",
    "Get-ProtectionAlert",
)


def everything(world: World) -> list[Any]:
    return [tenant.admin(cmdlet) for tenant in world.tenants for cmdlet in READS]


def test_the_same_calls_make_the_same_world(clock: Clock) -> None:
    worlds = World(clock), World(clock)
    for world in worlds:
        world.add_tenant("a.example").admin("New-InboundConnector", Name="x", SenderDomains=["*"])
        world.add_tenant("b.example", state="never_configured")

    assert everything(worlds[0]) == everything(worlds[1])


def test_objects_of_a_starting_state_keep_their_guids(world: World) -> None:
    tenant = world.add_tenant("a.example")

    first, second = (tenant.admin("Get-TransportRule")[0]["Guid"] for _ in range(2))
    tenant.admin("Set-TransportRule", Identity=str(first), Comments="x")

    assert first == second == tenant.admin("Get-TransportRule")[0]["Guid"]


def test_a_never_configured_tenant_has_nothing_of_the_guide(world: World) -> None:
    tenant = world.add_tenant("a.example", state="never_configured")

    for cmdlet in ("InboundConnector", "OutboundConnector", "TransportRule", "TenantAllowBlockListSpoofItems"):
        assert tenant.admin(f"Get-{cmdlet}") == []
    assert tenant.admin("Get-DkimSigningConfig") == []


def test_ten_thousand_tenants_cost_little_even_after_a_sweep() -> None:
    world = World()
    tracemalloc.start()
    for tenant in world.add_tenants(10_000):
        tenant.admin("Get-InboundConnector")
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert used < 100e6


def test_tenants_are_found_by_id_and_domain_and_forgotten_by_reset(world: World) -> None:
    tenant = world.add_tenant("A.example")

    assert world.tenant(tenant.tenant_id.upper()) is world.tenant("a.EXAMPLE") is tenant
    assert world.tenant("aexample.onmicrosoft.com") is tenant
    world.reset()
    assert world.tenant("a.example") is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"state": "odd"}, "healthy, never_configured"),
        ({"tenant_id": "x"}, "badly formed"),
        ({"initial_domain": "taken.onmicrosoft.com"}, "belongs to another"),
    ],
)
def test_a_tenant_that_cannot_be_is_refused_with_the_reason(
    world: World, arguments: dict[str, Any], reason: str
) -> None:
    world.add_tenant("taken.example", initial_domain="taken.onmicrosoft.com")

    with pytest.raises(ValueError, match=reason):
        world.add_tenant("a.example", **arguments)


def test_a_misspelt_switch_is_refused(world: World) -> None:
    with pytest.raises(TypeError, match="alert_sets"):
        world.add_tenant("a.example", alert_sets="works")
    with pytest.raises(AttributeError):
        world.add_tenant("b.example").switches.alert_sets = "works"  # type: ignore[attr-defined]


def test_a_person_who_mistypes_a_cmdlet_is_told(world: World) -> None:
    with pytest.raises(UnknownCmdletError, match="Get-Bogus"):
        world.add_tenant("a.example").admin("Get-Bogus")
