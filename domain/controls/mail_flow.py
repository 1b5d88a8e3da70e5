"""The mail itself is asked which way it came: what a lock would refuse before it closes, what came round it since.

Before the first close each network and sender's domain from outside is a finding that a person declares, as a service
connector or as mail that will bounce. Afterwards any message from outside is a finding of `lock-bypass`, and none is
the lock's proof. Source: docs/reference/message-trace.md.
"""

from dataclasses import replace
from datetime import datetime

from domain.control import (
    Compliant,
    Control,
    Judgement,
    NeedsPerson,
    NotApplicable,
    Unknown,
    with_findings,
)
from domain.controls import inbound_lockdown
from domain.exchange import AcceptedDomain, InboundConnector
from domain.facts import Facts
from domain.findings import THE_REST, Finding, found, to_be_answered
from domain.guards import Guard
from domain.mail_flow import LEAST_REHEARSED, Group, MailSeen, Traffic, Way
from domain.mail_reading import stale
from domain.mail_trace import Ways
from domain.shown import quoted
from domain.tenant import Wanted
from domain.ways_round import CONTROL_ID as BYPASS

_ID = "mail-flow"
_MOST_SHOWN = 10
MAIL_FROM = "mail from "
"""What the name of a finding begins with that is no way round, but mail that came by one."""


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    flow = wanted.inventory.mail
    if flow.failed:
        return Unknown(f"the message trace could not be read: {flow.failed}", flow.remedy)
    if flow.missing:
        return NotApplicable(
            f"the message trace was not granted: {_MISSING[flow.missing]}; readiness says how to grant it"
        )
    locked = inbound_lockdown.is_locked(facts)
    if locked and flow.proof:
        return _proven(flow.proof, facts, wanted)
    if flow.rehearsal and not locked:
        said = "; ".join(filter(None, (_covered(flow.rehearsal, wanted), _goes_on(flow.rehearsal))))
        return with_findings(Compliant(f"{said}{_beside(facts)}"), senders(wanted), wanted.inventory)
    if locked or flow.so_far is not None:
        return Unknown(_being_read(flow))
    return NotApplicable(_NOTHING)


_NOTHING = "nothing locks it, and nothing is to be rehearsed: an MX is not the filter's yet, or it was locked before"
_MISSING = {
    "permission": "the application may not read it",
    "principal": "Microsoft's tracing app has no service principal in the tenant",
}


def _being_read(flow: MailSeen) -> str:
    if flow.so_far is None:
        return "the message trace was not read yet"
    return f"the message trace is being read: {flow.so_far} rows so far"


def _proven(proof: Traffic, facts: Facts, wanted: Wanted) -> Judgement:
    time = f"from {proof.start:%Y-%m-%d %H:%M} to {proof.end:%Y-%m-%d %H:%M} UTC"
    open_ways = [each for each in came_round(wanted) if wanted.inventory.is_open(each)]
    unsure = _may_be_declared(proof, wanted)
    if open_ways:
        told_apart = Ways.of(wanted).microsofts and not _by_certificate(wanted)
        messages = sum(each.messages for each in _outside(proof, wanted)) + proof.further if told_apart else 0
        count = f"{messages} message{'s' if messages > 1 else ''} came round the filter {time}" if messages else ""
        said = "; ".join(filter(None, (count, _odd(proof), unsure)))
        return NeedsPerson(f"{said}: see the findings of {BYPASS}{_beside(facts)}")
    came = "is known to have come" if unsure or proof.odd or proof.came("unclear") else "came"
    told = "; ".join(filter(None, (unsure, _counts(proof, "let in", wanted))))
    return Compliant(f"no message {came} round the filter {time}; {told}{_beside(facts)}")


def _may_be_declared(proof: Traffic, wanted: Wanted) -> str:
    """What may be of a declared service that is known by its certificate alone; empty where nothing may."""
    shown = [each for each in _outside(proof, wanted) if _by_certificate(wanted)]
    if not shown:
        return ""
    whose = f"{sum(each.messages for each in shown)} from {', '.join(each.source for each in shown[:_MOST_SHOWN])}"
    return f"{whose} may be of {_by_certificate(wanted)}, known by certificate, or have come round the filter"


def _odd(traffic: Traffic) -> str:
    """How many rows do not say which way their message came; empty where all do."""
    rows = f"{traffic.odd} rows" if traffic.odd > 1 else "1 row"
    return f"{rows} of the message trace made no sense, so nobody knows which way that mail came" if traffic.odd else ""


def _counts(traffic: Traffic, done: str, wanted: Wanted) -> str:
    """How many messages were *done*, by the way that they came."""
    names: dict[Way, str] = {
        "filter": "by the filter",
        "tenant": "of the tenant itself",
        "declared": "by what is declared",
    }
    counts = [f"{traffic.came(way)} {name}" for way, name in names.items() if traffic.came(way)]
    counts += [f"{traffic.settling} while the lock took effect"] if traffic.settling else []
    counts += [f"{traffic.came('unclear')} with no usable address"] if traffic.came("unclear") else []
    if not Ways.of(wanted).microsofts and (outside := sum(each.messages for each in traffic.groups)):
        counts += [f"{outside} from elsewhere, and the profile does not list Microsoft's own addresses"]
    said = f"{traffic.counted} were {done}{': ' if counts else ''}{', '.join(counts)}"
    return "; ".join(filter(None, (said, _odd(traffic))))


def _covered(traffic: Traffic, wanted: Wanted) -> str:
    """What a rehearsal covers: from when to when, and how many messages."""
    short = ", the last 48 hours alone, as there are more than 500,000 rows" if wanted.inventory.mail.short else ""
    time = f"from {traffic.start:%Y-%m-%d %H:%M} to {traffic.end:%Y-%m-%d %H:%M} UTC{short}"
    return f"rehearsed with the mail {time}: {_counts(traffic, 'delivered', wanted)}"


def _goes_on(traffic: Traffic) -> str:
    """Until when a rehearsal goes on that covers too little; empty where it covers enough."""
    enough_at = traffic.start + LEAST_REHEARSED
    return f"it goes on until {enough_at:%Y-%m-%d %H:%M} UTC, a day at least" if traffic.end < enough_at else ""


def _beside(facts: Facts) -> str:
    """Where Exchange looks behind the server that hands mail over, the trace may name another one."""
    skips = any(each.enabled and (each.ef_skip_ips or each.ef_skip_last_ip) for each in facts.known(InboundConnector))
    said = "Enhanced Filtering is on, so the trace may name the server before the one that handed mail over"
    return f"; {said}" if skips else ""


def _outside(traffic: Traffic, wanted: Wanted) -> list[Group]:
    """The groups that are nobody's by the config of today. Without a list of Microsoft's ranges none can be told."""
    ways = Ways.of(wanted)
    if not ways.microsofts:
        return []
    return [
        each
        for each in traffic.groups
        if any(ways.way(address, each.latest) == "outside" for address in each.addresses)
    ]


def senders(wanted: Wanted) -> tuple[Finding, ...]:
    """What the lock would refuse, a finding for each network and sender's domain."""
    traffic = wanted.inventory.mail.rehearsal
    if traffic is None:
        return ()
    groups = tuple(_sender(each, wanted) for each in _outside(traffic, wanted))
    # Where all that are listed are answered for, those beyond the list still are not, nor what an odd row tells of.
    further = traffic.further and Ways.of(wanted).microsofts
    return (*groups, THE_REST) if further or traffic.odd else groups


def _sender(group: Group, wanted: Wanted) -> Finding:
    domain = group.domain or "no sender"
    latest = f"the last at {group.latest:%Y-%m-%d %H:%M} UTC"
    said = f"{_messages(group)} from {', '.join(group.addresses)}, {latest}, would be refused{_unless(wanted)}"
    return found("sender", _ID, group.source, f"{group.source}, {domain}", said)


def came_round(wanted: Wanted) -> tuple[Finding, ...]:
    """Mail that came round the filter since it was locked, a finding for each address listed, and one for the others.

    None where a declared service is known by its certificate alone: the trace does not tell its mail from a stranger's.
    Another is of the rows that do not say which way mail came.
    """
    proof = wanted.inventory.mail.proof
    if not proof:
        return ()
    untold = (_untold(proof),) if proof.odd else ()
    if _by_certificate(wanted) or not Ways.of(wanted).microsofts:
        return untold
    return (*map(_round, _outside(proof, wanted)), *([_further(proof)] if proof.further else ()), *untold)


def _messages(group: Group) -> str:
    return f"{group.messages} message{'s' if group.messages > 1 else ''}"


def _by_certificate(wanted: Wanted) -> str:
    """The declared services that are known by their certificate alone, which the trace does not name."""
    return " or ".join(quoted(each.name) for each in wanted.tenant.service_connectors if each.certificate)


def _unless(wanted: Wanted) -> str:
    names = _by_certificate(wanted)
    return f", unless it is of {names}, known by certificate" if names else ""


def _round(group: Group) -> Finding:
    came = f"{_messages(group)} came in from it, the last at {group.latest:%Y-%m-%d %H:%M} UTC"
    return _came_in(group.source, f"{came}, though the tenant was locked")


def _further(proof: Traffic) -> Finding:
    return _came_in("further addresses", f"{proof.further} more came in from outside than are listed one by one")


def _untold(proof: Traffic) -> Finding:
    return _came_in("unknown addresses", f"{_odd(proof)}; what they say is parked as message-trace")


def _came_in(source: str, said: str) -> Finding:
    # It is told of a lock that was seen, so that it is never from before the connectors were first read.
    one = found("bypass", BYPASS, f"{MAIL_FROM}{source}", source, said)
    return replace(one, part=InboundConnector.__name__)


def rehearsed(wanted: Wanted, since: datetime | None, now: datetime) -> Guard:
    """Whether the first close may be: what it would refuse is known, and answered, or the trace was never granted.

    *since*: when every MX came to be the filter's and the old ones had run out; None where that is not known.
    """
    flow = wanted.inventory.mail
    if flow.missing:
        return Guard(
            passed=True, reason=f"not rehearsed, as the message trace was never granted: {_MISSING[flow.missing]}"
        )
    if flow.failed:
        return Guard(passed=False, reason=f"the message trace could not be read: {flow.failed}", unread=True)
    if flow.rehearsal is None:
        return Guard(passed=False, reason=_being_read(flow), unread=True)
    if why := stale(flow.rehearsal, since, now, short=flow.short):
        anew = f"{_covered(flow.rehearsal, wanted)}; {why}, and is read anew once every MX is the filter's"
        return Guard(passed=False, reason=anew, unread=True)
    waiting = [each for each in senders(wanted) if wanted.inventory.is_open(each)]
    against = tuple(filter(None, (to_be_answered(waiting), _goes_on(flow.rehearsal))))
    return Guard(passed=not against, reason="; ".join((*against, _covered(flow.rehearsal, wanted))))


CONTROL = Control(
    id=_ID,
    title="No message comes round the filter, and what its lock would refuse is known before it closes",
    about=(InboundConnector,),
    beside=(AcceptedDomain,),
    parts=("delivery_networks",),
    optional_parts=("microsoft_networks",),
    judge=_judge,
    asks_mail=True,
    finds=("sender",),
    by_hand="Declare each sender as a service connector, or that its mail will bounce; find what let the others in.",
)
