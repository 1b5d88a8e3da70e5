"""The catalogue: every documented setting, in the order in which they are put back."""

from collections.abc import Iterable, Mapping
from functools import cache

from domain.control import Control
from domain.controls import (
    alert_policies,
    connector_health,
    direct_send,
    dkim,
    dmarc,
    inbound_lockdown,
    lock_bypass,
    mail_flow,
    mx,
    oof_connector,
    oof_rule,
    service_connectors,
    spf,
    spoof_allow,
    spoof_intelligence,
)
from domain.exchange import ExchangeObject, Writing
from domain.reading import Lane

CATALOGUE: dict[str, Control] = {
    module.CONTROL.id: module.CONTROL
    for module in (
        service_connectors,  # before the lock-down, which would refuse their mail
        inbound_lockdown,  # before what opens the tenant, which needs it proven
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
        direct_send,
        lock_bypass,
        mail_flow,
    )
}


KINDS: tuple[type[ExchangeObject], ...] = tuple(
    dict.fromkeys(kind for control in CATALOGUE.values() for kind in control.sees)
)
"""Every kind of object that some control judges, or rests its judgement on."""

CMDLET_ROLES: Mapping[str, str] = {query.cmdlet: kind.read_role for kind in KINDS for query in kind.queries} | {
    cmdlet: kind.writing.role for kind in KINDS if kind.writing for cmdlet in kind.writing.cmdlets
}
"""The role of the service's own that each cmdlet needs, reading and writing."""

WRITINGS: tuple[Writing, ...] = tuple(kind.writing for kind in KINDS if kind.writing)


def concerned_by(noun: str) -> tuple[str, ...]:
    """The controls that judge what a cmdlet calls *noun*, in whatever case."""
    return tuple(
        control.id for control in CATALOGUE.values() if any(noun.casefold() in kind.nouns() for kind in control.about)
    )


@cache
def in_lane(lane: Lane) -> tuple[str, ...]:
    """The controls that a look in *lane* is about: one of the fast lane may see more in the slow one."""
    slow = lane == "slow"
    return tuple(control.id for control in CATALOGUE.values() if control.lane == lane or (slow and control.later))


def unknown(ids: Iterable[str]) -> list[str]:
    """The *ids* that no control has."""
    return sorted(set(ids) - CATALOGUE.keys())
