from typing import Any

from tests.simulator.conftest import Caller


async def test_the_connection_filter_adds_to_its_lists(caller: Caller) -> None:
    add = {"@odata.type": "#Exchange.GenericHashTable", "Add": ["65.99.255.0/24"]}
    await caller.run("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=add)

    assert (await caller.value("Get-HostedConnectionFilterPolicy"))[0]["IPAllowList"] == ["65.99.255.0/24"]
    wide: dict[str, Any] = {"Identity": "Default", "IPBlockList": ["10.0.0.0-10.0.9.9"]}
    assert (await caller.run("Set-HostedConnectionFilterPolicy", **wide)).status_code == 400
