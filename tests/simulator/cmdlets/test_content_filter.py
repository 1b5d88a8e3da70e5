from tests.simulator.conftest import Caller


async def test_an_anti_spam_policy_lists_its_allowed_senders_and_others_can_be_made(caller: Caller) -> None:
    await caller.run("Set-HostedContentFilterPolicy", Identity="Default", AllowedSenderDomains=["X.example"])
    [default] = await caller.value("Get-HostedContentFilterPolicy")
    assert (default["AllowedSenderDomains"], default["IsDefault"]) == (["x.example"], True)
    await caller.run("New-HostedContentFilterPolicy", Name="Sales", AllowedSenders=["a@x.example"])
    assert [each["Name"] for each in await caller.value("Get-HostedContentFilterPolicy")] == ["Default", "Sales"]
