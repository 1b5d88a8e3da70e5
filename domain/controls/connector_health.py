"""No connector of the tenant is blocked by Microsoft: what the switched-off alerts would have told. Report only.

Source: Get-BlockedConnector (Microsoft Learn, Defender for Office 365: remove blocked connectors).
"""

from domain.control import Compliant, Control, Drift, Facts, Finding, NeedsPerson
from domain.exchange import AcceptedDomain, BlockedConnector
from domain.tenant import Wanted


def _judge(facts: Facts, _wanted: Wanted) -> Finding:
    blocked = facts.all(BlockedConnector)
    if not blocked:
        return Compliant()
    names = ", ".join(each.connector_id for each in blocked)
    drift = tuple(Drift(f"{each.connector_id}: blocked", wanted=False, found=True) for each in blocked)
    return NeedsPerson(f"Microsoft has blocked {names}: find out why, then unblock it. {CONTROL.by_hand}", drift)


CONTROL = Control(
    id="connector-health",
    title="No connector is blocked",
    guide="Disable M365 False Phishing Alerts (what they watched)",
    lane="slow",
    sees=(BlockedConnector, AcceptedDomain),
    judge=_judge,
    by_hand="Defender portal > Email & collaboration > Review > Restricted entities: review and unblock the connector.",
)
