from tests.simulator.conftest import Caller


async def test_default_is_for_every_domain_and_a_more_specific_one_can_be_made_and_removed(caller: Caller) -> None:
    [default] = await caller.value("Get-RemoteDomain")
    assert (default["DomainName"], default["AllowedOOFType"], default["AutoReplyEnabled"]) == ("*", "External", True)
    await caller.run("Set-RemoteDomain", Identity="Default", AllowedOOFType="None")
    assert (await caller.value("Get-RemoteDomain"))[0]["AllowedOOFType"] == "None"
    await caller.run("New-RemoteDomain", Name="Partner", DomainName="*.x.example")
    assert len(await caller.value("Get-RemoteDomain")) == 2
    await caller.run("Remove-RemoteDomain", Identity="Partner", Confirm=False)
    assert len(await caller.value("Get-RemoteDomain")) == 1
