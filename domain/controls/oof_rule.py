"""Automatic replies take the connector made for them.

Message type automatic reply, redirect to the connector, Enforce, and "confirm that the rule
is enabled", the step that the vendor says admins overlook most.
"""

from dataclasses import replace

from domain import normal
from domain.automatic_replies import stopped_by_remote_domains, stopped_by_rules
from domain.control import (
    Comparison,
    Compliant,
    Control,
    Drift,
    Drifted,
    Judgement,
    NeedsPerson,
    compare,
    with_findings,
)
from domain.controls import oof_connector
from domain.exchange import AcceptedDomain, OutboundConnector, RemoteDomain, TransportRule
from domain.facts import Facts
from domain.findings import Inventory
from domain.others_values import Manner, sort_out
from domain.profile import given
from domain.shown import quoted
from domain.steps import Step, Value
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    values = given(wanted.profile.out_of_office)
    found = oof_connector.connectors(facts, values)
    if len(found) > 1:
        return NeedsPerson("more than one connector looks like the out-of-office one: remove all but one of them first")
    # Before the connector exists the rule is planned with the name that it will get; `needs` keeps the order.
    connector = found[0].name if found else values.connector_name
    known_as = oof_connector.routes_to(found[0]) if found else frozenset({normal.name(connector)})
    match oof_connector.rules(facts, values):
        case ():
            return _missing(values.rule_name, connector)
        case (one,):
            judged = _differing(one, connector, known_as, wanted.inventory)
            return _whole(judged, facts, one, known_as) if isinstance(judged, Compliant) else judged
        case several:
            names = " and ".join(quoted(r.name) for r in several)
            return NeedsPerson(f"the rules {names} both route automatic replies: remove all but one of them")


def _whole(judged: Compliant, facts: Facts, rule: TransportRule, exits: frozenset[str]) -> Judgement:
    """As documented, and nothing else stops the replies."""
    of_domains = stopped_by_remote_domains(facts) if facts.was_asked(RemoteDomain) else ()
    others = [*stopped_by_rules(facts, rule, exits), *of_domains]
    if others:
        todo = f"automatic replies are overridden by {'; '.join(others)}"
        return NeedsPerson(todo, equal=judged.equal, findings=judged.findings)
    return judged


def _missing(name: str, connector: str) -> Judgement:
    step = Step(
        "exchange",
        "New-TransportRule",
        {
            "Name": name,
            "MessageTypeMatches": "OOF",
            "RouteMessageOutboundConnector": connector,
            "Mode": "Enforce",
            "Enabled": True,
        },
    )
    return Drifted((Drift("Name", name, None),), (step,))


def _differing(rule: TransportRule, connector: str, known_as: frozenset[str], inventory: Inventory) -> Judgement:
    """What differs on the rule. While a person is to answer for what it may do besides, it is not switched on."""
    sorted_out = sort_out(CONTROL.id, rule.name, _comparison(rule, connector, known_as), inventory, _SWITCHES)
    # A name that we do not know may be none that Set-TransportRule takes: only a person has it taken off.
    sorted_out += sort_out(CONTROL.id, rule.name, _foreign(rule, known=False), replace(inventory, settled=frozenset()))
    waiting = {field for field, each in sorted_out.kept.items() if inventory.is_open(each)}
    ours, off = sorted_out.seen, tuple[Drift, ...]()
    if waiting & oof_connector.foreign_actions(rule):
        off = tuple(each for each in ours.drift if each.field in _SWITCHES)
        ours = Comparison(tuple(each for each in ours.drift if each not in off), ours.equal)
    settings, switch = ([each for each in ours.drift if (each.field == "State") is on] for on in (False, True))
    steps = _set(rule, tuple(settings)) + _set(rule, sorted_out.going.drift, sorted_out.removes)
    if switch:
        on: dict[str, Value] = {"Identity": rule.identity, "Confirm": False}
        steps += (Step("exchange", "Enable-TransportRule", on, ("State",), last=True),)
    seen, note = ours + sorted_out.going, "it is not switched on while it does more than redirect" if off else ""
    judged: Compliant | Drifted | NeedsPerson = Compliant(equal=seen.equal)
    if steps:
        judged = Drifted(seen.drift, steps, note, seen.equal)
    elif off:
        judged = NeedsPerson(note, off, seen.equal)
    return with_findings(judged, sorted_out.kept.values(), inventory)


_SWITCHES: dict[str, Manner] = {"Mode": "switch", "State": "switch"}
"""Fields with which a rule does nothing, or only watches."""


def _set(rule: TransportRule, drift: tuple[Drift, ...], removes: tuple[str, ...] = ()) -> tuple[Step, ...]:
    seen = Comparison(drift)
    values = {"Identity": rule.identity, **seen.values}
    return (Step("exchange", "Set-TransportRule", values, seen.fields, removes),) if drift else ()


def _comparison(rule: TransportRule, connector: str, known_as: frozenset[str]) -> Comparison:
    routed_to = rule.route_message_outbound_connector
    is_there = normal.name(routed_to) in known_as
    return compare(
        ("Name", rule.name, rule.name),
        ("MessageTypeMatches", "OOF", rule.message_type_matches or None),
        ("Mode", "Enforce", rule.mode),
        ("RouteMessageOutboundConnector", connector, connector if is_there else routed_to or None),
        ("State", "Enabled", rule.state),
    ) + _foreign(rule, known=True)


def _foreign(rule: TransportRule, *, known: bool) -> Comparison:
    """What the guide's rule does not have: taken off where set, and equal where not. *known*: as `is_known` says."""
    foreign = oof_connector.foreign_to(rule)
    off = sorted(name for name in foreign if oof_connector.is_known(name) is known)
    drift = tuple(Drift(name, False if foreign[name] is True else None, str(foreign[name])) for name in off)
    return Comparison(drift, oof_connector.CONDITIONS.union(rule.model_extra or ()) - foreign.keys())


CONTROL = Control(
    id="oof-rule",
    title="Mail flow rule that sends automatic replies to their connector",
    about=(OutboundConnector, TransportRule),
    beside=(AcceptedDomain,),
    later=(RemoteDomain,),
    parts=("out_of_office",),
    judge=_judge,
    finds=("term",),
    needs=("oof-connector",),
    by_hand="Exchange admin center > Mail flow > Rules: the automatic-reply rule, with the settings shown; turn it on.",
)
