from tests.simulator.conftest import Caller


async def test_a_preset_has_a_policy_nobody_edits_and_a_rule_an_admin_switches(caller: Caller) -> None:
    caller.tenant.enable_preset("Standard", RecipientDomainIs=["northwindlegal.example"])
    caller.tenant.enable_preset("Strict", defender=True)

    rules = await caller.value("Get-EOPProtectionPolicyRule")
    policy = rules[1]["AntiPhishPolicy"]
    edited = await caller.run("Set-AntiPhishPolicy", Identity=policy, EnableSpoofIntelligence=False)
    caller.tenant.admin("Disable-EOPProtectionPolicyRule", Identity="Standard Preset Security Policy")

    assert [row["Name"] for row in rules] == ["Strict Preset Security Policy", "Standard Preset Security Policy"]
    assert policy.startswith("Standard Preset Security Policy")
    assert policy.removeprefix("Standard Preset Security Policy").isdecimal()
    assert edited.status_code == 400
    assert len(await caller.value("Get-ATPProtectionPolicyRule")) == 1
    assert [row["State"] for row in await caller.value("Get-EOPProtectionPolicyRule")] == ["Enabled", "Disabled"]
