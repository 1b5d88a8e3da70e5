"""The catalogue: every documented setting, in the order in which they are put back."""

from collections.abc import Iterable

from domain.control import Control, Lane
from domain.controls import (
    alert_policies,
    connector_health,
    dkim,
    inbound_lockdown,
    oof_connector,
    oof_rule,
    service_connectors,
    spoof_allow,
    spoof_intelligence,
)

CATALOGUE: dict[str, Control] = {
    module.CONTROL.id: module.CONTROL
    for module in (
        service_connectors,  # before the lock-down, which would refuse their mail
        oof_connector,
        oof_rule,
        spoof_intelligence,
        spoof_allow,
        dkim,
        alert_policies,
        connector_health,
        inbound_lockdown,  # last: the one that can stop mail
    )
}


def in_lane(lane: Lane) -> tuple[str, ...]:
    return tuple(control.id for control in CATALOGUE.values() if control.lane == lane)


def unknown(ids: Iterable[str]) -> list[str]:
    """The *ids* that no control has."""
    return sorted(set(ids) - CATALOGUE.keys())


NOT_HERE_YET = frozenset({"spf", "dmarc", "mx"})
"""Controls of the design that a tenant's config may name already; nothing is read or written for them."""


def unknown_in_config(ids: Iterable[str]) -> list[str]:
    """The *ids* that neither a control has nor the design promises."""
    return sorted(set(unknown(ids)) - NOT_HERE_YET)
