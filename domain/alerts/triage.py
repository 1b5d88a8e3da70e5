"""Which alerts about mail that passed the tenant's own filters are false: pure, by evidence alone.

Mail that our filter has scanned is let in by an allow entry, so Defender may say that phish was delivered "due to" it.
That is false only when every message in the evidence came from the filter's ranges, and the lock-down was proven while
they came. Anything less leaves the alert open.

Source: docs/reference/defender-alerts-and-audit.md#the-two-policies, #evidence.
"""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network
from typing import Literal, Self

from domain.addresses import public_address
from domain.alerts.alert import Alert, AnalysedMessage
from domain.findings import Finding
from domain.states import ControlState
from domain.tenant import Wanted

type Origin = Literal["filter", "elsewhere", "unknown"]


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """Every message came through the filter, with the lock-down proven."""

    messages: tuple[AnalysedMessage, ...]


@dataclass(frozen=True, slots=True)
class GotRound:
    """These messages did not come through the filter."""

    messages: tuple[AnalysedMessage, ...]


@dataclass(frozen=True, slots=True)
class Unproven:
    """Neither: *reason* in one sentence. *waits*: the next look at the lock-down may still prove it."""

    reason: str
    waits: bool = False


type AlertVerdict = FalseAlarm | GotRound | Unproven


@dataclass(frozen=True, slots=True)
class Wall:
    """What is known of a tenant's lock and of the wall beside it.

    *lockdown*, *bypass*: the states of `inbound-lockdown` and `lock-bypass`. *undeclared*: ways round the filter that
    no person vouches for, those that are gone by now among them.
    """

    lockdown: ControlState
    bypass: ControlState
    undeclared: tuple[Finding, ...] = ()


def triage(alert: Alert, wanted: Wanted, wall: Wall) -> AlertVerdict:
    """Judge *alert* by its evidence and by what is known of the tenant's *wall* while the mail came."""
    profile = wanted.profile
    came_from = [
        (message, origin(message, wanted.filters_at(message.received or alert.last_activity)))
        for message in alert.messages
    ]
    if elsewhere := tuple(message for message, where in came_from if where == "elsewhere"):
        return GotRound(elsewhere)
    if not (came_from and profile.delivery_networks):
        no_range = f"no range is known that mail of {profile.name} comes from"
        return Unproven(no_range if came_from else "the alert names no message")
    if unknown := [message.sender_ip for message, where in came_from if where == "unknown"]:
        sample = unknown[0] or "none at all"
        return Unproven(f"{len(unknown)} of {len(came_from)} messages have no usable sender address ({sample})")
    if not _shows_all(alert):
        return Unproven("its evidence counts mail that it does not show")
    period = _Period.of(alert)
    if period is None:
        return Unproven("it does not say when the mail came")
    return period.doubt(wall) or FalseAlarm(alert.messages)


def origin(message: AnalysedMessage, networks: tuple[str, ...]) -> Origin:
    """Where the last relay of *message* was; unknown where Microsoft names none. *networks*: the filter's."""
    address = public_address(message.sender_ip or "")
    if address is None or not networks:
        return "unknown"
    if not any(address in IPv4Network(network) for network in networks):
        return "elsewhere"
    return "filter" if (message.direction or "inbound").casefold() == "inbound" else "unknown"


def _shows_all(alert: Alert) -> bool:
    """Whether every message that a cluster counts is among those that are shown."""
    shown = {message.network_message_id for message in alert.messages}
    return all(
        {*(cluster.network_message_ids or ())} <= shown and (cluster.email_count or 0) <= len(shown)
        for cluster in alert.clusters
    )


@dataclass(frozen=True, slots=True)
class _Period:
    """When the mail of an alert came, from the first message to the last."""

    first: datetime
    last: datetime

    @classmethod
    def of(cls, alert: Alert) -> Self | None:
        """None where neither the time of every message nor both times of the alert are known."""
        received = [message.received for message in alert.messages]
        activity = [alert.first_activity, alert.last_activity]
        known = [at for at in (*received, *activity) if at]
        return cls(min(known), max(known)) if None not in received or None not in activity else None

    def doubt(self, wall: Wall) -> Unproven | None:
        """Why the wall was not proven while the mail came; None where it was."""
        if not self._within(wall.lockdown):
            return self._unproven(wall.lockdown, "the lock-down", "was not proven compliant when the mail came")
        if open_then := [each for each in wall.undeclared if self._meets(each)]:
            names = ", ".join(f"'{each.name}'" for each in open_then)
            return Unproven(f"mail could get round the filter when it came, by {names}")
        if not self._within(wall.bypass):
            return self._unproven(wall.bypass, "what else lets mail in", "was not proven when the mail came")
        return None

    def _within(self, state: ControlState) -> bool:
        """Whether a look before all of it and one after found the control compliant, and none between otherwise."""
        return any(proof.start <= self.first and self.last <= proof.end for proof in state.proven)

    def _meets(self, way: Finding) -> bool:
        """Whether *way* was open at some time of it, as far as the looks tell: it may be older than its first sight."""
        return way.gone_at is None or way.gone_at >= self.first

    def _unproven(self, state: ControlState, what: str, why: str) -> Unproven:
        """The doubt, and whether the next look may still resolve it."""
        if state.state == "compliant" and state.since and state.since <= self.first:
            return Unproven(f"{what} has not been read since the mail came", waits=True)
        return Unproven(f"{what} {why}")
