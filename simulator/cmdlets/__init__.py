"""Every cmdlet the simulator knows, and the way each of them starts."""

from collections.abc import Mapping
from itertools import chain

from simulator.cmdlets import (
    alerts,
    allow_block_items,
    anti_phish,
    connection_filter,
    content_filter,
    dkim,
    inbound,
    organization,
    outbound,
    presets,
    remote_domains,
    roles,
    spoof_items,
    transport_rules,
)
from simulator.cmdlets.binding import Parameter, bind, boolean
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output
from simulator.failures import UnknownCmdletError, confirmation_needed, dehydrated
from simulator.organization import Organization

CATALOGUE: dict[str, Cmdlet] = {
    cmdlet.name.casefold(): cmdlet
    for cmdlet in chain(
        inbound.CMDLETS,
        outbound.CMDLETS,
        transport_rules.CMDLETS,
        anti_phish.CMDLETS,
        presets.CMDLETS,
        spoof_items.CMDLETS,
        dkim.CMDLETS,
        organization.CMDLETS,
        connection_filter.CMDLETS,
        content_filter.CMDLETS,
        allow_block_items.CMDLETS,
        remote_domains.CMDLETS,
        roles.CMDLETS,
        alerts.CMDLETS,
    )
}

# Measured for New-AntiPhishPolicy and the connection filter, assumed for the rest
# (docs/reference/exchange.md#customisation).
_NEEDS_CUSTOMIZATION = frozenset(
    {
        "TransportRule",
        "AntiPhishPolicy",
        "AntiPhishRule",
        "TenantAllowBlockListSpoofItems",
        "HostedConnectionFilterPolicy",
    }
)
_PROMPTS = ("Remove-", "Disable-", "Enable-", "Rotate-")
_CONFIRM = Parameter(boolean)


def run(tenant: Organization, name: str, parameters: Mapping[str, object], *, by_person: bool = False) -> Output:
    """Bind the parameters and run the cmdlet.

    A person is asked to confirm; an application must have said `Confirm: false` where the cmdlet prompts.

    Raises:
        CmdletError: refused.
        UnknownCmdletError: no such cmdlet.
    """
    cmdlet = CATALOGUE.get(name.casefold())
    if cmdlet is None:
        raise UnknownCmdletError(name)
    reads = cmdlet.name.startswith("Get-")
    known = cmdlet.parameters if reads else {**cmdlet.parameters, "Confirm": _CONFIRM}
    given = bind(cmdlet.name, known, parameters)
    confirmed = given.pop("Confirm", None) is False
    if not confirmed and not by_person and cmdlet.name.startswith(_PROMPTS):
        raise confirmation_needed(cmdlet.name)
    if (
        cmdlet.name.startswith(("New-", "Set-"))
        and cmdlet.kind in _NEEDS_CUSTOMIZATION
        and organization.is_dehydrated(tenant)
    ):
        raise dehydrated()
    return cmdlet.run(Call(tenant, given, by_person))
