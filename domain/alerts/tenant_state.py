"""What the alerts of a tenant come to: one state for a person, however many alerts one cause raises."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from domain.alerts.record import MOST_SHOWN, AlertRecord
from domain.control import Drift
from domain.profile import Profile
from domain.states import ControlState

FALSE_ALERTS = "false-alerts"
"""The state of a tenant's alerts, beside those of the controls."""

_TODO = (
    "Messages that Defender calls phish reached mailboxes, and not through the filter: {causes}. See what let them in:"
    " Get-InboundConnector and the state of inbound-lockdown; for 'IP allow' the IPAllowList of"
    " Get-HostedConnectionFilterPolicy; for 'ETR' the Get-TransportRule that sets SCL -1. Where enhanced filtering for"
    " connectors is on, Microsoft may name the original sender instead of the filter. The alerts stay open."
)

_STUCK = (
    "Defender took a change of these alerts and did not make it, or what was kept of them made no sense: {ids}. Close"
    " them, or open them again, in the portal; the ledger and their comments say what was found."
)

_LOST = (
    "These alerts could not be read or closed in three visits, and are tried once a day: {ids}. See them in the portal."
)


def with_alerts(before: ControlState, records: Iterable[AlertRecord], profile: Profile, now: datetime) -> ControlState:
    """The state once every alert has been looked at.

    A cause is the policy that let the mail in. The detail names causes only, so that more of the same is no news; the
    messages are listed as drift.
    """
    standing = sorted((each for each in records if each.standing), key=lambda each: each.updated)
    if not standing:
        return replace(before, drift=(), read_at=now).becomes("compliant", now, "")
    round_it = [each for each in standing if each.kind == "round"]
    stuck = [each for each in standing if each.stuck]
    causes = "; ".join(sorted({each.title.strip() for each in round_it}))
    told = [_TODO.format(causes=causes)] if round_it else []
    told += [_STUCK.format(ids=", ".join(sorted(each.id for each in stuck)))] if stuck else []
    lost = sorted(each.id for each in standing if each.given_up)
    told += [_LOST.format(ids=", ".join(lost))] if lost else []
    detail = " ".join(told)
    ranges = ", ".join(profile.delivery_networks)
    mails = [(each, mail) for each in reversed(round_it) for mail in each.mails]
    drift = tuple(
        Drift(
            f"{mail.message_id} from {mail.sender} to {mail.recipient}, alert {each.id}",
            wanted=f"from {ranges}",
            found=mail.sender_ip,
        )
        for each, mail in mails[:MOST_SHOWN]
    )
    return replace(before, drift=drift, read_at=now).becomes("needs_person", now, detail)


def unread(before: ControlState, why: str, now: datetime) -> ControlState:
    """The state where the alerts could not be read; what was found before stays listed until it is read again."""
    return before.becomes("unknown", now, why)


def without_service(before: ControlState, why: str, now: datetime) -> ControlState:
    """The state where the tenant's plan raises no alerts."""
    return replace(before, drift=()).becomes("not_applicable", now, why)
