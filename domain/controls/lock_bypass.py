"""Mail comes by the filter, or by a way that a person has declared.

Each way round is one finding with its whole content, so that one more address in a declared connector is another
finding. A visit writes nothing here; a way is taken away only where a person has it removed.
"""

from dataclasses import dataclass

from domain.control import (
    Compliant,
    Control,
    Drifted,
    Judgement,
    NeedsPerson,
    with_findings,
)
from domain.controls import mail_flow, per_domain
from domain.controls.spf import without
from domain.exchange import AcceptedDomain, InboundConnector, OrganizationConfig
from domain.facts import DoubtError, Facts
from domain.findings import Finding
from domain.mail.asking import Needs, NoVerdict
from domain.tenant import Wanted
from domain.ways_round import CONTROL_ID, WAYS_IN, WRITTEN_FIELDS, known_ways, ways_round
from domain.wide_spf import WideRecord, wide_records


def _judge(facts: Facts, wanted: Wanted) -> Judgement | Needs:
    records = wide_records(CONTROL_ID, facts, wanted)
    if isinstance(records, Needs):
        return records
    spf = _of_records(records, facts, wanted)
    if isinstance(spf, Needs):
        return spf
    ways, inventory = ways_round(facts, wanted), wanted.inventory
    going = [each for each in ways if each.finding.id in inventory.unwanted]
    left = [each.finding for each in ways if each not in going]
    drift = (*(part for each in going for part in each.drift), *(part for one in spf.going for part in one.mended))
    steps = (*(each.step for each in going), *(step for one in spf.going for step in one.steps))
    there = {part.field for each in ways for part in each.drift}
    names = {each.name for each in inventory.known.values() if each.control == CONTROL_ID}
    away = frozenset(f"{name}: {field}" for name in names for field in WRITTEN_FIELDS) - there
    equal, todo = away | spf.narrow, "; ".join(one.todo for one in spf.going if one.todo)
    judged: Compliant | Drifted | NeedsPerson = Compliant(_direct_send(facts, wanted), equal=equal)
    if steps:
        judged = Drifted(drift, steps, todo, equal=equal)
    elif todo:
        judged = NeedsPerson(todo, tuple(part for one in spf.going for part in one.seen.drift), equal)
    return with_findings(judged, (*left, *spf.left, *mail_flow.came_round(wanted)), inventory)


@dataclass(frozen=True, slots=True)
class _Records:
    """*going*: what takes the records away that a person has removed. *narrow*: the fields of those that are no way."""

    left: tuple[Finding, ...]
    going: tuple[per_domain.OneDomain, ...]
    narrow: frozenset[str]


def _of_records(records: tuple[WideRecord, ...], facts: Facts, wanted: Wanted) -> _Records | Needs:
    """Raises DoubtError where it is unclear what removes one."""
    unwanted, going = wanted.inventory.unwanted, list[per_domain.OneDomain]()
    for each in records:
        if each.finding.id in unwanted:
            match without(each.domain, each.terms, each.finding.id, facts, wanted):
                case Needs() as needs:
                    return needs
                case NoVerdict(reason=reason):
                    raise DoubtError(f"{each.domain}: {reason}")
                case one:
                    going.append(one)
    wide = {each.domain for each in records}
    narrow = frozenset(f"{domain}: SPF" for domain in per_domain.domains_of(facts) if domain not in wide)
    return _Records(tuple(each.finding for each in records if each.finding.id not in unwanted), tuple(going), narrow)


def _partly(facts: Facts, wanted: Wanted) -> tuple[Finding, ...]:
    """A way round is told as soon as it is seen, whatever else could not be read."""
    return (*(each.finding for each in known_ways(facts, wanted)), *mail_flow.came_round(wanted))


def _direct_send(facts: Facts, wanted: Wanted) -> str:
    """Where no lock is proven, mail in the tenant's own name reaches it as well; another control answers for that."""
    refused = any(each.reject_direct_send for each in facts.all(OrganizationConfig))
    receives = any(each.receives for each in facts.all(AcceptedDomain))
    lock, locked = wanted.inventory.lock, any(each.locks for each in facts.all(InboundConnector))
    if refused or not receives or (locked and not (lock and lock.against)):
        return ""
    return "no lock is proven, and Direct Send is not refused: see the control direct-send"


CONTROL = Control(
    id=CONTROL_ID,
    title="Nothing lets mail in beside the filter and what is declared",
    about=(*WAYS_IN, OrganizationConfig),
    beside=(AcceptedDomain,),
    parts=("delivery_networks",),
    optional_parts=("inbound_connector", "spoof_allow", "spf"),
    judge=_judge,
    asks_dns=True,
    dns_beside=True,
    finds=("bypass",),
    partly=_partly,
    by_hand="Declare each way round that is wanted, with a reason and an end date, and have the others removed.",
)
