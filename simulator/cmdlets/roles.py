"""Exchange's own roles (RBAC): which has a cmdlet, and the cmdlets that tell.

Source: docs/reference/exchange.md#roles. Where that names two roles, either will do.
"""

from simulator.cmdlets.binding import Parameter, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output
from simulator.rows import Row

READERS = frozenset({"View-Only Configuration"})
_HYGIENE_READERS = READERS | {"Security Reader"}
_WRITERS = {
    "InboundConnector": {"Remote and Accepted Domains"},
    "OutboundConnector": {"Remote and Accepted Domains"},
    "RemoteDomain": {"Remote and Accepted Domains"},
    "TransportRule": {"Transport Rules"},
    "OrganizationConfig": {"Organization Configuration"},
    "OrganizationCustomization": {"Organization Configuration"},
}
_HYGIENE = {"Transport Hygiene", "Security Admin"}
ALL = frozenset().union(*_WRITERS.values(), _HYGIENE, _HYGIENE_READERS, {"Mail Recipients", "Role Management"})


def roles_of(cmdlet: str) -> frozenset[str]:
    """The roles of which one lets *cmdlet* run."""
    verb, _, kind = cmdlet.partition("-")
    if verb != "Get":
        return frozenset(_WRITERS.get(kind, _HYGIENE))
    return READERS if kind in _WRITERS or kind.startswith(("Accepted", "Management", "Blocked")) else _HYGIENE_READERS


def _roles(call: Call) -> Output:
    return Output([_named(role) for role in sorted(roles_of(call.given["Cmdlet"]))])


def _assignments(call: Call) -> Output:
    """Those of one role assignee, whichever it is: a tenant here has one application."""
    held = sorted(call.tenant.exchange_roles)
    return Output([_named(f"{role}-Holdfast") | {"Role": role, "RoleAssigneeName": "Holdfast"} for role in held])


def _named(name: str) -> Row:
    return {"Name": name, "Identity": name}


CMDLETS = (
    Cmdlet("Get-ManagementRole", {"Cmdlet": Parameter(text(), mandatory=True)}, _roles),
    Cmdlet("Get-ManagementRoleAssignment", {"RoleAssignee": Parameter(text(), mandatory=True)}, _assignments),
)
