"""Mail flow rules. A rule keeps its connector by GUID and shows its present name.

Source: docs/reference/exchange.md#transport-rules.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from simulator.cmdlets.binding import IDENTITY, LISTING, Parameter, boolean, choice, integer, moment, strings, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, delete, find, insert, listing, update
from simulator.cmdlets.priorities import moved, numbered
from simulator.failures import invalid
from simulator.rows import Row, directory, matches

KIND = "TransportRule"
_CLASSES = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks."

_MESSAGE_TYPES = choice(
    "OOF",
    "AutoForward",
    "Encrypted",
    "Calendaring",
    "PermissionControlled",
    "Voicemail",
    "Signed",
    "ApprovalRequest",
    "ReadReceipt",
    nullable=True,
)
_SCOPES = choice("InOrganization", "NotInOrganization", nullable=True)

_CONDITIONS = {
    "MessageTypeMatches": Parameter(_MESSAGE_TYPES),
    "FromScope": Parameter(_SCOPES),
    "SentToScope": Parameter(_SCOPES),
    "SenderIpRanges": Parameter(strings()),
    "SenderDomainIs": Parameter(strings()),
    "RecipientDomainIs": Parameter(strings()),
    "SubjectContainsWords": Parameter(strings()),
    "From": Parameter(strings()),
    "SentTo": Parameter(strings()),
}
_EXCEPTIONS = {f"ExceptIf{name}": parameter for name, parameter in _CONDITIONS.items()}
_ACTIONS = {
    "RouteMessageOutboundConnector": Parameter(text()),
    "SetAuditSeverity": Parameter(choice("DoNotAudit", "Low", "Medium", "High", nullable=True)),
    "SetSCL": Parameter(integer),
    "SetHeaderName": Parameter(text()),
    "SetHeaderValue": Parameter(text()),
    "PrependSubject": Parameter(text()),
    "RedirectMessageTo": Parameter(strings()),
    "BlindCopyTo": Parameter(strings()),
}
_FLAGS = {name: Parameter(boolean) for name in ("StopRuleProcessing", "DeleteMessage", "Quarantine")}

DEFAULTS: Row = {
    "DlpPolicy": None,
    "Comments": None,
    "CreatedBy": "app",
    "LastModifiedBy": "app",
    "ManuallyModified": False,
    "ActivationDate": None,
    "ExpiryDate": None,
    "RuleVersion": "15.0.5.2",
    "Size": 412,
    "State": "Enabled",
    "Mode": "Enforce",
    "RuleErrorAction": "Ignore",
    "SenderAddressLocation": "Header",
    "RecipientAddressType": "Resolved",
    "RuleSubType": "None",
    "IsRuleConfigurationSupported": True,
    **dict.fromkeys(_CONDITIONS),
    **dict.fromkeys(_EXCEPTIONS),
    **dict.fromkeys(_ACTIONS),
    **dict.fromkeys(_FLAGS, False),
}

_MODE = Parameter(choice("Enforce", "Audit", "AuditAndNotify"))
_SETTINGS = {
    "Comments": Parameter(text(1024)),
    "Priority": Parameter(integer),
    "Mode": _MODE,
    **_CONDITIONS,
    **_EXCEPTIONS,
    **_ACTIONS,
    **_FLAGS,
    "RuleErrorAction": Parameter(choice("Ignore", "Defer")),
    "SenderAddressLocation": Parameter(choice("Header", "Envelope", "HeaderOrEnvelope")),
    "ActivationDate": Parameter(moment),
    "ExpiryDate": Parameter(moment),
}
_GET = {
    **LISTING,
    "State": Parameter(choice("Enabled", "Disabled")),
    "ExcludeConditionActionDetails": Parameter(boolean),
}
_NEW = {"Name": Parameter(text(64), mandatory=True), "Enabled": Parameter(boolean), **_SETTINGS}
_SET = {**IDENTITY, "Name": Parameter(text(64)), **_SETTINGS}


def _get(call: Call) -> Output:
    rows = numbered(call.rows(KIND))
    wanted = call.given.get("State")
    rows = [_shown(call, row) for row in rows if wanted in {None, row["State"]}]
    if call.given.get("ExcludeConditionActionDetails"):
        rows = [row | dict.fromkeys(("Conditions", "Exceptions", "Actions", *_CONDITIONS, *_ACTIONS)) for row in rows]
    return listing(call, rows)


def _new(call: Call) -> Output:
    given = _routed(call, {key: value for key, value in call.given.items() if key not in {"Priority", "Enabled"}})
    given["State"] = "Disabled" if call.given.get("Enabled") is False else "Enabled"
    priority = call.given.get("Priority")
    before = len(call.tenant.rows(KIND))
    if priority is not None and not 0 <= priority <= before:
        raise invalid(f"The priority value '{priority}' isn't valid. It must be between 0 and {before}.")
    row = insert(call, KIND, DEFAULTS, given)
    rows = moved(call.tenant.rows(KIND), row, priority)
    call.tenant.put(KIND, rows)
    return Output([_shown(call, find(numbered(rows), row["Name"]))])


def _set(call: Call) -> Output:
    rows = call.tenant.rows(KIND)
    row = find(rows, call.given["Identity"])
    order = moved(rows, row, call.given.get("Priority"))
    given = _routed(call, {key: value for key, value in call.given.items() if key != "Priority"})
    output = update(call, KIND, row, given)
    if order == rows:
        return output
    now = {other["Guid"]: other for other in call.tenant.rows(KIND)}
    call.tenant.put(KIND, [now[other["Guid"]] for other in order])
    return Output()


def _switch(state: str) -> Any:  # noqa: ANN401 - a cmdlet's body
    def run(call: Call) -> Output:
        row = find(call.tenant.rows(KIND), call.given["Identity"])
        return update(call, KIND, row, {"State": state, "Mode": call.given.get("Mode", row["Mode"])})

    return run


def _routed(call: Call, given: Row) -> Row:
    """The same settings with the connector as its GUID.

    Raises:
        CmdletError: no such connector, or one that is not scoped to rules.
    """
    name = given.get("RouteMessageOutboundConnector")
    if not name:
        return given
    connector = find(call.tenant.rows("OutboundConnector"), name)
    if not connector["IsTransportRuleScoped"]:
        raise invalid(f"The connector '{name}' can't be used because it isn't scoped to transport rules.")
    return given | {"RouteMessageOutboundConnector": connector["Guid"]}


def _shown(call: Call, row: Row) -> Row:
    connector = _connector(call, row["RouteMessageOutboundConnector"])
    row = row | {"RouteMessageOutboundConnector": connector}
    derived = {
        "Description": _description(row),
        "Conditions": _class_names(row, _CONDITIONS, "Predicate"),
        "Exceptions": _class_names(row, _EXCEPTIONS, "Predicate"),
        "Actions": _class_names(row, {**_ACTIONS, **_FLAGS}, "Action"),
        "ImmutableId": row["Guid"],
    }
    return directory(row | derived, call.tenant.initial_domain, created=False)


def _connector(call: Call, guid: UUID | None) -> str | None:
    if guid is None:
        return None
    found = [row for row in call.tenant.rows("OutboundConnector") if matches(row, str(guid))]
    return found[0]["Name"] if found and call.tenant.switches.rule_shows_connector == "name" else str(guid)


def _class_names(row: Row, names: Mapping[str, Parameter], suffix: str) -> list[str] | None:
    set_names = [name for name in names if row[name] is not None and row[name] is not False and row[name] != []]
    used = [f"{_CLASSES}{name.removeprefix('ExceptIf')}{suffix}" for name in set_names]
    return used or None


def _description(row: Row) -> str:
    """The wording is unconfirmed, so no client should compare it."""
    return (
        f"If the message:\r\n\tIs type '{row['MessageTypeMatches']}'\r\nTake the following actions:\r\n"
        f"\tRoute the message using the connector named '{row['RouteMessageOutboundConnector']}'.\r\n"
    )


CMDLETS = (
    Cmdlet("Get-TransportRule", _GET, _get),
    Cmdlet("New-TransportRule", _NEW, _new),
    Cmdlet("Set-TransportRule", _SET, _set),
    Cmdlet("Remove-TransportRule", IDENTITY, lambda call: delete(call, KIND)),
    Cmdlet("Enable-TransportRule", {**IDENTITY, "Mode": _MODE}, _switch("Enabled")),
    Cmdlet("Disable-TransportRule", IDENTITY, _switch("Disabled")),
)
