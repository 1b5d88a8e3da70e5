"""No connector of the tenant is blocked by Microsoft: what the switched-off alerts would have told. Report only.

Source: Get-BlockedConnector (Microsoft Learn, Defender for Office 365: remove blocked connectors).
"""

from domain.control import (
    Compliant,
    Control,
    Drift,
    Judgement,
    NeedsPerson,
    Unknown,
)
from domain.exchange import AcceptedDomain, BlockedConnector
from domain.facts import Facts
from domain.tenant import Wanted


def _judge(facts: Facts, _wanted: Wanted) -> Judgement:
    ids = sorted(each.connector_id for each in facts.all(BlockedConnector))
    odd = "; ".join(dict.fromkeys(each.sentence for each in facts.odd(BlockedConnector)))
    if not ids:
        return Unknown(odd) if odd else Compliant()
    drift = tuple(Drift(f"{each}: blocked", wanted=False, found=True) for each in ids)
    told = f"Microsoft has blocked {', '.join(ids)}: find out why, then unblock it. {CONTROL.by_hand}"
    return NeedsPerson("; ".join(filter(None, (told, odd))), drift)


CONTROL = Control(
    id="connector-health",
    title="No connector is blocked",
    about=(BlockedConnector,),
    beside=(AcceptedDomain,),
    source="https://learn.microsoft.com/defender-office-365/connectors-remove-blocked",
    judge=_judge,
    by_hand="Defender portal > Email & collaboration > Review > Restricted entities: review and unblock the connector.",
)
