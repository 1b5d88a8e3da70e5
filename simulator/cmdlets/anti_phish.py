"""Anti-phish policies and the rules that give them recipients.

Source: docs/reference/exchange.md#anti-phish-policies.
"""

from simulator.cmdlets.binding import IDENTITY, LISTING, Parameter, boolean, choice, integer, strings, text
from simulator.cmdlets.cmdlet import (
    Call,
    Cmdlet,
    Output,
    delete,
    find,
    insert,
    lister,
    listing,
    maker,
    switcher,
    update,
)
from simulator.cmdlets.priorities import moved, numbered
from simulator.failures import invalid
from simulator.rows import Row, directory

POLICY = "AntiPhishPolicy"
RULE = "AntiPhishRule"
DEFAULT_POLICY = "Office365 AntiPhish Default"

POLICY_DEFAULTS: Row = {
    "Enabled": True,
    "ImpersonationProtectionState": "Automatic",
    "EnableSpoofIntelligence": True,
    "EnableMailboxIntelligence": True,
    "EnableMailboxIntelligenceProtection": False,
    "AuthenticationFailAction": "MoveToJmf",
    "SpoofQuarantineTag": "DefaultFullAccessPolicy",
    "EnableViaTag": True,
    "EnableUnauthenticatedSender": True,
    "EnableFirstContactSafetyTips": False,
    "HonorDmarcPolicy": True,
    "DmarcRejectAction": "Reject",
    "DmarcQuarantineAction": "Quarantine",
    "PhishThresholdLevel": 1,
    "ExcludedDomains": [],
    "ExcludedSenders": [],
    "IsDefault": False,
    "RecommendedPolicyType": "Custom",
    "PolicyTag": "",
}
CONDITIONS = ("SentTo", "SentToMemberOf", "RecipientDomainIs")
RULE_DEFAULTS: Row = {
    "State": "Enabled",
    "AntiPhishPolicy": None,
    "Comments": None,
    **dict.fromkeys((*CONDITIONS, *(f"ExceptIf{name}" for name in CONDITIONS))),
}

_POLICY_SETTINGS = {
    "EnableSpoofIntelligence": Parameter(boolean),
    "AuthenticationFailAction": Parameter(choice("MoveToJmf", "Quarantine")),
    "HonorDmarcPolicy": Parameter(boolean),
    "DmarcRejectAction": Parameter(choice("Reject", "Quarantine")),
    "DmarcQuarantineAction": Parameter(choice("Quarantine", "MoveToJmf")),
    "PhishThresholdLevel": Parameter(integer),
    "EnableUnauthenticatedSender": Parameter(boolean),
    "EnableViaTag": Parameter(boolean),
    "EnableFirstContactSafetyTips": Parameter(boolean),
    "EnableMailboxIntelligence": Parameter(boolean),
    "EnableMailboxIntelligenceProtection": Parameter(boolean),
    "ExcludedDomains": Parameter(strings()),
    "ExcludedSenders": Parameter(strings()),
    "AdminDisplayName": Parameter(text()),
}
_VIEWS = {view: Parameter(boolean) for view in ("Advanced", "Impersonation", "Spoof")}
_RULE_SETTINGS = {
    "AntiPhishPolicy": Parameter(text()),
    "Priority": Parameter(integer),
    "Comments": Parameter(text()),
    **{name: Parameter(strings()) for name in CONDITIONS},
    **{f"ExceptIf{name}": Parameter(strings()) for name in CONDITIONS},
}
_NAME = {"Name": Parameter(text(64), mandatory=True)}


def _set_policy(call: Call) -> Output:
    row = find(call.tenant.rows(POLICY), call.given["Identity"])
    if row["RecommendedPolicyType"] != "Custom":
        raise invalid(f"The settings of the preset security policy '{row['Name']}' can't be modified.")
    return update(call, POLICY, row, call.given)


def _remove_policy(call: Call) -> Output:
    row = find(call.tenant.rows(POLICY), call.given["Identity"])
    if any(rule["AntiPhishPolicy"] == row["Name"] for rule in call.tenant.rows(RULE)):
        raise invalid(f"The policy '{row['Name']}' is used by a rule.")
    return delete(call, POLICY)


def _get_rule(call: Call) -> Output:
    rows = numbered(call.rows(RULE))
    return listing(call, [directory(row, call.tenant.initial_domain, created=False) for row in rows])


def _new_rule(call: Call) -> Output:
    find(call.tenant.rows(POLICY), call.given["AntiPhishPolicy"])
    given = {key: value for key, value in call.given.items() if key not in {"Priority", "Enabled"}}
    given["State"] = "Disabled" if call.given.get("Enabled") is False else "Enabled"
    row = insert(call, RULE, RULE_DEFAULTS, given)
    call.tenant.put(RULE, moved(call.tenant.rows(RULE), row, call.given.get("Priority")))
    shown = find(numbered(call.tenant.rows(RULE)), row["Name"])
    return Output([directory(shown, call.tenant.initial_domain, created=False)])


def _set_rule(call: Call) -> Output:
    row = find(call.tenant.rows(RULE), call.given["Identity"])
    moved(call.tenant.rows(RULE), row, call.given.get("Priority"))
    output = update(call, RULE, row, {key: value for key, value in call.given.items() if key != "Priority"})
    if "Priority" not in call.given:
        return output
    rows = call.tenant.rows(RULE)
    call.tenant.put(RULE, moved(rows, find(rows, str(row["Guid"])), call.given["Priority"]))
    return Output()


_NEW_RULE = {
    **_NAME,
    **_RULE_SETTINGS,
    "AntiPhishPolicy": Parameter(text(), mandatory=True),
    "Enabled": Parameter(boolean),
}

CMDLETS = (
    Cmdlet("Get-AntiPhishPolicy", {**LISTING, **_VIEWS}, lister(POLICY)),
    Cmdlet("New-AntiPhishPolicy", {**_NAME, **_POLICY_SETTINGS}, maker(POLICY, POLICY_DEFAULTS)),
    Cmdlet("Set-AntiPhishPolicy", {**IDENTITY, **_POLICY_SETTINGS}, _set_policy),
    Cmdlet("Remove-AntiPhishPolicy", IDENTITY, _remove_policy),
    Cmdlet("Get-AntiPhishRule", {**LISTING, "State": Parameter(choice("Enabled", "Disabled"))}, _get_rule),
    Cmdlet("New-AntiPhishRule", _NEW_RULE, _new_rule),
    Cmdlet("Set-AntiPhishRule", {**IDENTITY, "Name": Parameter(text(64)), **_RULE_SETTINGS}, _set_rule),
    Cmdlet("Enable-AntiPhishRule", IDENTITY, switcher(RULE, "Enabled")),
    Cmdlet("Disable-AntiPhishRule", IDENTITY, switcher(RULE, "Disabled")),
    Cmdlet("Remove-AntiPhishRule", IDENTITY, lambda call: delete(call, RULE)),
)
