import pytest

from tests.simulator.conftest import Caller


async def comment(caller: Caller) -> str:
    return str((await caller.value("Get-InboundConnector"))[0]["Comment"])


async def change(caller: Caller, text: str) -> None:
    await caller.run("Set-InboundConnector", Identity="ExchangeDefender", Comment=text)


async def test_readers_see_the_state_before_for_so_many_reads(caller: Caller) -> None:
    before = await comment(caller)
    caller.tenant.lag(2, "InboundConnector")

    await change(caller, "after")

    assert [await comment(caller) for _ in range(3)] == [before, before, "after"]


async def test_a_second_write_starts_the_lag_again_from_the_oldest_state(caller: Caller) -> None:
    before = await comment(caller)
    caller.tenant.lag(2)
    await change(caller, "first")
    await comment(caller)

    await change(caller, "second")

    assert [await comment(caller) for _ in range(3)] == [before, before, "second"]


async def test_a_person_sees_the_truth_and_does_not_shorten_the_lag(caller: Caller) -> None:
    before = await comment(caller)
    caller.tenant.lag(1)
    caller.tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Comment="after")

    assert caller.tenant.admin("Get-InboundConnector")[0]["Comment"] == "after"
    assert [await comment(caller) for _ in range(2)] == [before, "after"]


async def test_a_new_object_is_invisible_and_a_removed_one_lingers(caller: Caller) -> None:
    caller.tenant.lag(1)

    await caller.run("New-InboundConnector", Name="Printer", SenderDomains=["*"])
    fresh = await caller.run("Get-InboundConnector", Identity="Printer")
    await caller.run("Remove-InboundConnector", Identity="Printer", Confirm=False)
    lingering = [len(await caller.value("Get-InboundConnector")) for _ in range(2)]

    assert fresh.status_code == 404
    assert lingering == [2, 1]


@pytest.mark.parametrize("kind", ["InboundConnector", None])
async def test_only_the_kind_that_was_written_lags(caller: Caller, kind: str | None) -> None:
    caller.tenant.lag(3, kind)
    await change(caller, "after")

    assert (await caller.value("Get-AntiPhishPolicy"))[0]["EnableSpoofIntelligence"] is False
    assert caller.tenant.admin("Get-InboundConnector")[0]["Comment"] == "after"


async def test_a_kind_can_be_quicker_than_the_rest(caller: Caller) -> None:
    caller.tenant.lag(5)
    caller.tenant.lag(0, "InboundConnector")

    await change(caller, "after")

    assert await comment(caller) == "after"


async def test_a_write_that_changes_nothing_causes_no_lag(caller: Caller) -> None:
    caller.tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Comment="same")
    caller.tenant.lag(2)

    await change(caller, "same")

    assert await comment(caller) == "same"
