"""Mail that the filter relays is not taken for spoofed.

The profile's pairs are in the Tenant Allow/Block List with its spoof type and action. Pairs that others made stay;
those that another version of the profile names are taken off, since somebody else may own the range by now. An entry is
(user, infrastructure, type), and only its action can be changed: docs/reference/exchange.md#spoofed-senders.
"""

from dataclasses import replace

from domain import normal
from domain.control import (
    Comparison,
    Compliant,
    Control,
    Drifted,
    Judgement,
    compare,
    with_findings,
)
from domain.exchange import AcceptedDomain, SpoofItem
from domain.facts import Facts
from domain.findings import Finding, Inventory
from domain.others_values import sort_out
from domain.profile import SpoofAllowValues, given
from domain.steps import Step, Value
from domain.tenant import Wanted

_ID = "spoof-allow"


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    values, inventory = given(wanted.profile.spoof_allow), wanted.inventory
    seen, steps, kept = Comparison(), [], list[Finding]()
    for network in values.networks:
        same = sorted((item for item in facts.all(SpoofItem) if _is(item, network, values)), key=lambda item: item.key)
        # Block beats Allow, so every entry of the pair must be Allow.
        wrong = [item for item in same if item.action != values.action]
        action = wrong[0].action if wrong else values.action if same else None
        name = f"{values.spoofed_user}, {network}"
        values_seen = sort_out(_ID, name, compare(("Action", values.action, action)), inventory)
        kept += values_seen.kept.values()
        one = (values_seen.seen + values_seen.going).of(name)
        seen += one
        steps += [replace(_step(network, wrong, values, one.fields), removes=values_seen.removes)] if one.drift else []
    for values_then, network in former_pairs(wanted):
        one, step, left = _former(facts, values_then, network, inventory)
        kept += left
        seen += one
        steps += [step] if one.drift else []
    judged = Drifted(seen.drift, tuple(steps), equal=seen.equal) if steps else Compliant(equal=seen.equal)
    return with_findings(judged, kept, inventory)


def former_pairs(wanted: Wanted) -> tuple[tuple[SpoofAllowValues, str], ...]:
    """The pairs of other versions of the profile that this one does not name; none where it names none at all."""
    today = wanted.profile.spoof_allow
    named = set(today.networks) if today else set[str]()
    then = [each.spoof_allow for each in wanted.others if today and each.spoof_allow]
    return tuple(dict.fromkeys((values, each) for values in then for each in values.networks if each not in named))


def is_documented(item: SpoofItem, wanted: Wanted) -> bool:
    """Whether *item* lets in no more than a pair of the profile."""
    values = wanted.profile.spoof_allow
    if values is None or normal.network(item.sending_infrastructure) not in values.networks:
        return False
    users = {"*", item.spoofed_user.strip().casefold()}
    return item.spoof_type == values.spoof_type and values.spoofed_user.casefold() in users


def is_former(item: SpoofItem, wanted: Wanted) -> bool:
    """Whether *item* is a pair that this control takes off, or asks a person about."""
    return any(_is(item, each, values) and item.action == values.action for values, each in former_pairs(wanted))


def _former(
    facts: Facts, values: SpoofAllowValues, network: str, inventory: Inventory
) -> tuple[Comparison, Step, tuple[Finding, ...]]:
    """What is to be done to a pair of another version; at first sight it is a finding, as all that was there."""
    there = [item for item in facts.all(SpoofItem) if _is(item, network, values) and item.action == values.action]
    name = f"{values.spoofed_user}, {network}"
    action = compare(("Action", None, values.action if there else None))
    sorted_out = sort_out(_ID, name, action, inventory)
    going = bool(sorted_out.seen.drift or sorted_out.going.drift)
    content = {
        "SpoofedUser": values.spoofed_user,
        "SendingInfrastructure": network,
        "SpoofType": values.spoof_type,
        "Action": values.action,
    }
    one = compare(*((field, None, value if going else None) for field, value in content.items())).of(name)
    ids = tuple(sorted(item.identity for item in there))
    remove: dict[str, Value] = {"Identity": "Default", "Ids": ids, "Confirm": False}
    step = Step("exchange", "Remove-TenantAllowBlockListSpoofItems", remove, one.fields, sorted_out.removes)
    return one if going or not there else Comparison(), step, tuple(sorted_out.kept.values())


def _step(network: str, wrong: list[SpoofItem], values: SpoofAllowValues, fields: tuple[str, ...]) -> Step:
    if wrong:
        ids = tuple(item.identity for item in wrong)
        changed: dict[str, Value] = {"Identity": "Default", "Ids": ids, "Action": values.action}
        return Step("exchange", "Set-TenantAllowBlockListSpoofItems", changed, fields)
    made: dict[str, Value] = {
        "Identity": "Default",
        "SpoofedUser": values.spoofed_user,
        "SendingInfrastructure": network,
        "SpoofType": values.spoof_type,
        "Action": values.action,
    }
    return Step("exchange", "New-TenantAllowBlockListSpoofItems", made, fields)


def _is(item: SpoofItem, network: str, values: SpoofAllowValues) -> bool:
    return (
        item.spoofed_user.strip().casefold() == values.spoofed_user.casefold()
        and normal.network(item.sending_infrastructure) == network
        and item.spoof_type == values.spoof_type
    )


CONTROL = Control(
    id=_ID,
    title="Spoof allow pairs of the filter",
    about=(SpoofItem,),
    beside=(AcceptedDomain,),
    parts=("spoof_allow",),
    judge=_judge,
    finds=("term",),
    by_hand="Defender portal > Threat policies > Tenant Allow/Block Lists > Spoofed senders: add the pairs shown.",
)
