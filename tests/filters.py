"""The filter in a second version of its profile, as a later package has it, and another filter that was there before.

Addresses are those for documentation (RFC 5737).
"""

from dataclasses import replace

from clients.connect import Clients
from clients.profiles import Profiles, all_profiles
from domain.profile import Profile

SHIPPED = all_profiles().newest["exchangedefender"]
OLD, NEW = SHIPPED.version, "2027-03-01"
RANGE = "203.0.113.0/24"


def later(*networks: str, version: str = NEW) -> Profile:
    """The shipped profile with other delivery networks."""
    return Profile.model_validate(
        SHIPPED.model_dump(exclude_unset=True) | {"version": version, "delivery_networks": networks}
    )


WIDER = later(*SHIPPED.delivery_networks, RANGE)
"""One more range."""
OTHER = later(RANGE)
"""A new range in the place of the former one."""


def deployed(clients: Clients, *profiles: Profile) -> Clients:
    """A package with *profiles* beside the shipped ones."""
    return replace(clients, profiles=Profiles.of([*all_profiles().versions, *profiles]))


async def locked_by_a_former_filter(service, domain: str):
    """A tenant that another filter's connector locks, while ours is switched off; looked at, and only watched."""
    tenant = service.world.add_tenant(domain)
    former = {"SenderDomains": ["*"], "SenderIPAddresses": ["198.51.100.0/24"], "RestrictDomainsToIPAddresses": True}
    tenant.admin("New-InboundConnector", Name="Old filter", ConnectorType="Partner", **former)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant, mode="observe")
    await service.sweep()
    return tenant
