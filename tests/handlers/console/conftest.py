"""A console, and one tenant with something to see."""

import pytest

from tests.handlers.console.browser import SETTINGS, Browser

FOREIGN = '<img src=x onerror="alert(1)">'
CONTROLS = "".join(map(chr, [0x00AD, 0x061C, 0x200B, 0x200E, 0x202E, 0x2028, 0x2066, 0xFEFF, 0xE0001]))


@pytest.fixture
def environment():
    return SETTINGS


@pytest.fixture
def browser(service):
    return Browser(service)


@pytest.fixture
async def tenant(service):
    """One whose lock-down was switched off by an admin, in mode approve, with a connector of a hostile name."""
    made = service.world.add_tenant("contoso.example", state="healthy")
    await service.look_after(made, mode="approve")
    await service.sweep()
    made.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    made.admin(
        "New-InboundConnector",
        Name=f"{FOREIGN}{CONTROLS}"[:64],
        ConnectorType="Partner",
        SenderDomains=["*"],
        SenderIPAddresses=["192.0.2.0/24"],
        RestrictDomainsToIPAddresses=True,
    )
    await service.sweep()
    return made
