"""No connector of the tenant is blocked by Microsoft: what the switched-off alerts would have told. Report only.

Source: Get-BlockedConnector (Microsoft Learn, Defender for Office 365: remove blocked connectors).
"""

from domain.control import Compliant, Control, Drift, Facts, Judgement, NeedsPerson
from domain.exchange import AcceptedDomain, BlockedConnector
from domain.tenant import Wanted


def _judge(facts: Facts, _wanted: Wanted) -> Judgement:
    blocked = facts.all(BlockedConnector)
    if not blocked:
        return Compliant()
    ids = sorted(each.connector_id for each in blocked)
    drift = tuple(Drift(f"{each}: blocked", wanted=False, found=True) for each in ids)
    return NeedsPerson(
        f"Microsoft has blocked {', '.join(ids)}: find out why, then unblock it. {CONTROL.by_hand}", drift
    )


CONTROL = Control(
    id="connector-health",
    title="No connector is blocked",
    about=(BlockedConnector,),
    beside=(AcceptedDomain,),
    source="https://learn.microsoft.com/defender-office-365/connectors-remove-blocked",
    judge=_judge,
    by_hand="Defender portal > Email & collaboration > Review > Restricted entities: review and unblock the connector.",
)
