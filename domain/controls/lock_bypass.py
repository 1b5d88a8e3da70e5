"""Mail comes by the filter, or by a way that a person has declared.

Each way round is one finding with its whole content, so that one more address in a declared connector is another
finding. A visit writes nothing here; a way is taken away only where a person has it removed.
"""

from domain.control import Compliant, Control, Drifted, Facts, Judgement, with_findings
from domain.controls import mail_flow
from domain.exchange import AcceptedDomain, InboundConnector, OrganizationConfig
from domain.findings import Finding
from domain.tenant import Wanted
from domain.ways_round import CONTROL_ID, WAYS_IN, WRITTEN_FIELDS, known_ways, ways_round


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    ways, inventory = ways_round(facts, wanted), wanted.inventory
    going = [each for each in ways if each.finding.id in inventory.unwanted]
    left = [each.finding for each in ways if each not in going]
    drift, steps = tuple(part for each in going for part in each.drift), tuple(each.step for each in going)
    there = {part.field for each in ways for part in each.drift}
    names = {each.name for each in inventory.known.values() if each.control == CONTROL_ID}
    away = frozenset(f"{name}: {field}" for name in names for field in WRITTEN_FIELDS) - there
    judged = Drifted(drift, steps, equal=away) if steps else Compliant(_direct_send(facts), equal=away)
    return with_findings(judged, (*left, *mail_flow.came_round(wanted)), inventory)


def _partly(facts: Facts, wanted: Wanted) -> tuple[Finding, ...]:
    """A way round is told as soon as it is seen, whatever else could not be read."""
    return (*(each.finding for each in known_ways(facts, wanted)), *mail_flow.came_round(wanted))


def _direct_send(facts: Facts) -> str:
    """Where nothing locks the tenant, mail in its own name reaches it as well; another control answers for that."""
    refused = any(each.reject_direct_send for each in facts.all(OrganizationConfig))
    receives = any(each.receives for each in facts.all(AcceptedDomain))
    if refused or not receives or any(each.locks for each in facts.all(InboundConnector)):
        return ""
    return "no connector locks the tenant, and Direct Send is not refused: see the control direct-send"


CONTROL = Control(
    id=CONTROL_ID,
    title="Nothing lets mail in beside the filter and what is declared",
    about=(*WAYS_IN, OrganizationConfig),
    beside=(AcceptedDomain,),
    parts=("delivery_networks",),
    optional_parts=("inbound_connector", "spoof_allow"),
    judge=_judge,
    finds=("bypass",),
    partly=_partly,
    by_hand="Declare each way round that is wanted, with a reason and an end date, and have the others removed.",
)
