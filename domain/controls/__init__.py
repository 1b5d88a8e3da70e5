"""The catalogue: every documented setting, in the order in which they are put back."""

from collections.abc import Iterable

from domain.control import Control, Lane
from domain.controls import (
    alert_policies,
    connector_health,
    dkim,
    dmarc,
    inbound_lockdown,
    mx,
    oof_connector,
    oof_rule,
    service_connectors,
    spf,
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
        mx,
        spf,
        dkim,
        dmarc,
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
