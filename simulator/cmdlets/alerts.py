"""Alert policies on compliance. System rules sit in a shared container, and Set may miss them.

Source: docs/reference/compliance.md#alert-policies.
"""

from simulator.cmdlets.binding import IDENTITY, Parameter, boolean, choice, integer, strings, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, listing, update
from simulator.failures import CmdletError
from simulator.rows import Row, directory, matches

KIND = "ProtectionAlert"
SYSTEM = ("Phish delivered due to an ETR override", "Phish delivered due to an IP allow policy")
_SYSTEM_CONTAINER = "11111111-2222-4333-8444-555555555555"  # not the tenant's id: shared templates
_ROOT = "FFO.extest.microsoft.com/Microsoft Exchange Hosted Organizations"

DEFAULTS: Row = {
    "Filter": None,
    "Operation": None,
    "NotificationEnabled": True,
    "NotifyUser": ["TenantAdmins"],
    "Severity": "Informational",
    "Threshold": None,
    "VolumeThreshold": None,
    "TimeWindow": None,
    "ExternalScenarioData": None,
    "NotifyUserOnFilterMatch": False,
    "StreamType": "Mail",
    "ThreatType": "Phish",
    "AlertBy": None,
    "AlertFor": None,
    "AlertScenario": "Protection",
    "Scenario": "ProtectionAlert",
    "AggregationType": "None",
    "Category": "ThreatManagement",
    "IsSystemRule": True,
    "ReadOnly": False,
    "AlertOverrideChangedUtc": None,
    "CorrelationPolicyId": "00000000-0000-0000-0000-000000000000",
    "Priority": 0,
    "Workload": "AuditAlerting",
    "Comment": "",
    "Disabled": False,
    "Mode": "Enforce",
}


def _get(call: Call) -> Output:
    rows = [_shown(call, row) for row in call.rows(KIND)]
    identity = call.given.get("Identity")
    if identity and not any(matches(row, identity) for row in rows):
        raise _no_rule(identity)
    return listing(call, rows)


def _set(call: Call) -> Output:
    row = _named(call)
    given = dict(call.given)
    if row["IsSystemRule"] and not call.by_person:
        match call.tenant.switches.alert_set:
            case "not_found":
                raise _no_rule(f"{call.tenant.tenant_id}\\{call.given['Identity']}")
            case "ignored":
                return Output()
            case "works":
                pass
    if row["IsSystemRule"]:
        given["AlertOverrideChangedUtc"] = call.tenant.now()
    if all(row.get(name) == value for name, value in call.given.items() if name != "Identity"):
        given.pop("AlertOverrideChangedUtc", None)
    return update(call, KIND, row, given)


def _named(call: Call) -> Row:
    identity = call.given["Identity"]
    for row in call.tenant.rows(KIND):
        if matches(_shown(call, row), identity):
            return row
    raise _no_rule(identity)


def _shown(call: Call, row: Row) -> Row:
    system = row["IsSystemRule"]
    name = f"{row['Name']}{call.tenant.switches.alert_name_suffix}" if system else row["Name"]
    container = _SYSTEM_CONTAINER if system else call.tenant.initial_domain
    shown = directory(row | {"Name": name, "ImmutableId": row["Guid"]}, call.tenant.initial_domain)
    return shown | {"Identity": f"{_ROOT}/{container}/Configuration/{name}"}


def _no_rule(identity: str) -> CmdletError:
    return CmdletError(
        f"There is no rule matching identity '{identity}'.",
        "Microsoft.Exchange.Management.UnifiedPolicy.ErrorRuleNotFoundException",
        status=404,
    )


_SET = {
    **IDENTITY,
    "Disabled": Parameter(boolean),
    "NotifyUser": Parameter(strings()),
    "NotificationEnabled": Parameter(boolean),
    "Severity": Parameter(choice("Low", "Medium", "High", "Informational")),
    "AggregationType": Parameter(choice("None", "SimpleAggregation", "AnomalousAggregation")),
    "Threshold": Parameter(integer),
    "TimeWindow": Parameter(integer),
    "Category": Parameter(text()),
    "Operation": Parameter(strings()),
    "Filter": Parameter(text()),
    "Comment": Parameter(text()),
}

CMDLETS = (
    Cmdlet(
        "Get-ProtectionAlert", {"Identity": Parameter(text()), "IncludeRuleXml": Parameter(boolean)}, _get, "compliance"
    ),
    Cmdlet("Set-ProtectionAlert", _SET, _set, "compliance"),
)
