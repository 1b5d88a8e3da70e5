from simulator.world import World
from tests.simulator.conftest import EXCHANGE, Caller


async def test_each_cmdlet_is_logged_with_what_came_of_it(caller: Caller) -> None:
    await caller.run("Get-InboundConnector")
    await caller.run("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await caller.run("Remove-InboundConnector", Identity="ExchangeDefender")
    await caller.compliance("Get-ProtectionAlert")

    assert [tuple(entry) for entry in caller.tenant.log] == [
        ("exchange", "Get-InboundConnector", {}, False, 200, False),
        ("exchange", "Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": False}, True, 200, True),
        ("exchange", "Remove-InboundConnector", {"Identity": "ExchangeDefender"}, True, 400, False),
        ("compliance", "Get-ProtectionAlert", {}, False, 200, False),
    ]
    assert [entry.cmdlet for entry in caller.tenant.writes] == ["Set-InboundConnector", "Remove-InboundConnector"]


async def test_a_refused_token_is_logged_too(caller: Caller) -> None:
    caller.tokens[EXCHANGE] = "garbage"

    await caller.run("Get-InboundConnector")

    assert [entry.status for entry in caller.tenant.log] == [401]


async def test_http_requests_are_counted_by_service(caller: Caller, world: World) -> None:
    await caller.run("Get-InboundConnector")
    await caller.batch("Get-AcceptedDomain", "Get-TransportRule")
    await caller.compliance("Get-ProtectionAlert")

    assert caller.tenant.http_requests == {"login": 2, "exchange": 2, "compliance-region": 1}
    assert world.http_requests == caller.tenant.http_requests


def test_a_person_leaves_no_trace(caller: Caller) -> None:
    caller.tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)

    assert not caller.tenant.log


async def test_the_log_forgets_the_oldest(caller: Caller, world: World) -> None:
    world.log_length = 2
    short = Caller(caller.http, world.add_tenant("short.example"))

    for cmdlet in ("Get-AcceptedDomain", "Get-InboundConnector", "Get-TransportRule"):
        await short.run(cmdlet)

    assert [entry.cmdlet for entry in short.tenant.log] == ["Get-InboundConnector", "Get-TransportRule"]
    short.tenant.clear_log()
    assert not short.tenant.log
