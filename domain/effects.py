"""What a step would make of a tenant's doors: whether it refuses more mail than before, or lets in more unfiltered.

The state after a step is computed here from what was read and from the step, whichever code planned it: a control, a
reprovision, an undo, a ticket, a person's *remove*. A step whose effect cannot be computed has both.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from domain import normal
from domain.exchange import (
    AllowEntry,
    AntiPhishPolicy,
    ConnectionFilter,
    ContentFilter,
    DkimConfig,
    ExchangeObject,
    InboundConnector,
    OutboundConnector,
    ProtectionAlert,
    RemoteDomain,
    SpoofItem,
    TransportRule,
    Writing,
)
from domain.facts import DoubtError, Facts
from domain.profile import Profile
from domain.reading import Row
from domain.shown import quoted
from domain.steps import Step
from domain.tenant import Wanted


@dataclass(frozen=True, slots=True)
class Effect:
    """What a step changes at the doors, a sentence each.

    *closing*: mail that came in before is refused. *opening*: mail reaches the tenant unfiltered that did not before,
    or is watched less. *unlocking*: of *opening*, what takes from a lock to the filter, so that no proof of that lock
    speaks for it. *stopping*: mail that the filter hands over is refused, so that nothing comes in any more.
    """

    closing: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()
    unlocking: tuple[str, ...] = ()
    stopping: tuple[str, ...] = ()


def effects(steps: Sequence[Step], facts: Facts, wanted: Wanted) -> tuple[Effect, ...]:
    """The effect of each of *steps* on the tenant of *facts*, as those before it leave it; a change in DNS has none."""
    left: dict[type[ExchangeObject], Sequence[Row]] = {}
    return tuple(_effect(step, facts, wanted, left) for step in steps)


def _effect(step: Step, facts: Facts, wanted: Wanted, left: dict[type[ExchangeObject], Sequence[Row]]) -> Effect:
    """The effect of one step; *left*, the rows that earlier steps left, becomes what this one leaves."""
    if step.service == "dns":
        return Effect()
    known = _KIND_OF.get(step.cmdlet)
    if known is None:
        return _unclear(f"what {step.cmdlet} does is not known")
    kind, cmdlets = known
    try:
        rows = left[kind] if kind in left else facts.rows(kind)
        left[kind] = _after(step, cmdlets, rows)
        old, new = ({item.key: item for item in map(kind.of, each)} for each in (rows, left[kind]))
    except (DoubtError, ValueError) as doubt:
        why = f"what {step.cmdlet} would change is not known: {doubt}"
        return _unclear(why) if kind is InboundConnector else Effect((why,), (why,))
    closing, opening = _JUDGES[kind]
    pairs = [(old.get(key), new.get(key)) for key in old | new]
    locks = [pair for pair in pairs if _locks_to_filter(pair[0], wanted.profile)]
    return Effect(
        tuple(said for pair in pairs for said in closing(*pair, wanted)),
        tuple(said for pair in pairs for said in opening(*pair, wanted)),
        tuple(said for pair in locks for said in opening(*pair, wanted)),
        _stops(tuple(old.values()), tuple(new.values()), wanted.profile) if kind is InboundConnector else (),
    )


def landed(steps: Iterable[Step], rows: Sequence[Row]) -> Sequence[Row]:
    """The *rows* of one kind of object as *steps* leave them, without those whose object is not there."""
    for step in steps:
        with suppress(ValueError):
            rows = _after(step, _KIND_OF[step.cmdlet][1], rows)
    return rows


def leaves_certificate(step: Step, facts: Facts, wanted: Wanted) -> bool:
    """Whether *step* takes the addresses of connectors alone that a declared certificate limits without them.

    One that asks for addresses would take nobody's mail by then.
    """
    declared = {service.certificate.casefold() for service in wanted.tenant.service_connectors if service.certificate}
    try:
        before = facts.all(InboundConnector)
        after = list(map(InboundConnector.of, landed([step], facts.rows(InboundConnector))))
    except (DoubtError, ValueError):
        return False
    changed = [each for each in after if each not in before]
    named = all(each.tls_sender_certificate_name.casefold() in declared for each in changed)
    return bool(changed) and named and not any(each.restrict_domains_to_ip_addresses for each in changed)


def _unclear(why: str) -> Effect:
    """Of what may be about the lock: no proof of it counts."""
    return Effect((why,), (why,), (why,))


# --- the state after a step -------------------------------------------------------------------------------------------

_NAMES_AN_OBJECT = ("Identity", "Name", "Guid", "Domain")
_NO_FIELDS = frozenset({"Identity", "Ids", "Confirm"})


def _after(step: Step, cmdlets: Writing, rows: Sequence[Row]) -> list[Row]:
    """The rows once *step* was taken.

    Raises:
        ValueError: The step names an object that is not there.
    """
    given = {name: _as_listed(value) for name, value in step.parameters.items() if name not in _NO_FIELDS}
    if step.cmdlet == cmdlets.new:
        # A new object differs from every other, whatever it is called.
        made = {"Identity": given.get("Name", f"new {step.key}"), "Guid": step.key, **cmdlets.made_with, **given}
        return [*rows, made]
    named = [row for row in rows if _is_named(row, step.parameters)]
    if not named:
        raise ValueError("the object that it names is not there")
    changed = {cmdlets.enable: {"State": "Enabled"}, cmdlets.disable: {"State": "Disabled"}}.get(step.cmdlet, given)
    kept = [row if row not in named else {**row, **changed} for row in rows]
    return [row for row in rows if row not in named] if step.cmdlet == cmdlets.remove else kept


def _as_listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _is_named(row: Row, parameters: Mapping[str, object]) -> bool:
    if isinstance(ids := parameters.get("Ids"), tuple):
        return row.get("Identity") in ids
    wanted = normal.name(str(parameters.get("Identity")))
    return any(normal.name(str(row[name])) == wanted for name in _NAMES_AN_OBJECT if row.get(name))


# --- what differs -----------------------------------------------------------------------------------------------------

type _Judge = Callable[[Any, Any, Wanted], Iterator[str]]
"""Sentences about one object before and after; None where there is none."""


def _nothing(_before: object, _after: object, _wanted: Wanted) -> Iterator[str]:
    yield from ()


def _connector_closes(before: InboundConnector | None, after: InboundConnector | None, _w: Wanted) -> Iterator[str]:
    if after is None or not after.locks:
        return
    if before is None or not before.locks:
        yield f"connector {quoted(after.name)} would refuse mail that does not come by it"
    elif _refuses_more(after, before):
        yield f"connector {quoted(after.name)} would refuse mail that it takes now"


def _stops(before: Sequence[Any], after: Sequence[Any], profile: Profile) -> tuple[str, ...]:
    """The connectors are judged together: one that locks refuses what no enabled one takes, the filter's mail too.

    What is lost by any reading of a certificate counts as lost.
    """
    lost = {
        network
        for reading in get_args(_Certified.__value__)
        for network in _refused_of_filter(after, profile, reading) - _refused_of_filter(before, profile, reading)
    }
    return tuple(f"mail that the filter hands over from {each} would be refused" for each in sorted(lost))


type _Certified = Literal["nobody", "by address", "everybody"]
"""Of the filter's hosts, whom a connector takes that asks for a certificate as well. The profile names none of theirs,
and whether an address is enough is not known (docs/reference/exchangedefender.md#which-connector-locks)."""


def _refused_of_filter(connectors: Iterable[InboundConnector], profile: Profile, certified: _Certified) -> set[str]:
    """The filter's networks whose mail is refused (docs/reference/exchangedefender.md#which-connector-locks)."""
    there = [each for each in connectors if each.enabled]
    asking = [each for each in there if each.restrict_domains_to_certificate]
    if not any(each.locks for each in there) or (asking and certified == "everybody"):
        return set()
    takers = [each for each in there if certified == "by address" or each not in asking]
    taken = frozenset(address for each in takers for address in each.sender_ip_addresses)
    return {each for each in profile.delivery_networks if not _covered(each, taken)}


def _locks_to_filter(there: ExchangeObject | None, profile: Profile) -> bool:
    """Whether it is a connector that refuses all but what the filter hands over, and certainly takes that."""
    if not isinstance(there, InboundConnector) or not there.locks:
        return False
    return not _refused_of_filter([there], profile, "nobody")


def _connector_opens(before: InboundConnector | None, after: InboundConnector | None, wanted: Wanted) -> Iterator[str]:
    if before and before.locks and not (after and after.locks):
        yield f"connector {quoted(before.name)} would no longer refuse mail that does not come by it"
    elif before and after and before.locks and _takes_more(after, before, wanted):
        yield f"connector {quoted(after.name)} would take mail of others than the filter that it refuses now"
    elif after and not after.locks and _lets_in(after, wanted) and not (before and _same_way_in(before, after)):
        yield f"connector {quoted(after.name)} would let in mail of others than the filter"


def _refuses_more(one: InboundConnector, other: InboundConnector) -> bool:
    """Whether *one* refuses something that *other* takes, both of them locks."""
    gone = [each for each in other.sender_ip_addresses if not _covered(each, one.sender_ip_addresses)]
    asks = one.restrict_domains_to_certificate and not other.restrict_domains_to_certificate
    return bool(gone) or asks or _names_another(one, other) or _is_stricter(one, other)


def _takes_more(one: InboundConnector, other: InboundConnector, wanted: Wanted) -> bool:
    """Whether *one* takes something that *other* refuses, both of them locks: mail that the filter relays aside."""
    strangers = _strangers(one, wanted)
    new = any(not _covered(each, other.sender_ip_addresses) for each in strangers)
    return new or _takes_uncertified(one, other, strangers) or _is_stricter(other, one)


def _takes_uncertified(one: InboundConnector, other: InboundConnector, strangers: Collection[str]) -> bool:
    """Whether *one* takes something that *other* may refuse for want of a certificate.

    One that asks for addresses alone is the documented lock, and takes nobody but these. So giving up the certificate,
    flag and name, opens only where some of the addresses are strangers', of whom *other* may have asked for both. A
    name that is left without its flag takes whoever shows it.
    """
    if not one.tls_sender_certificate_name and not one.restrict_domains_to_certificate:
        return other.restrict_domains_to_certificate and bool(strangers)
    asks_less = other.restrict_domains_to_certificate and not one.restrict_domains_to_certificate
    return asks_less or _names_another(one, other)


def _names_another(one: InboundConnector, other: InboundConnector) -> bool:
    """Certificates are not ordered: another one refuses and takes at once."""
    return one.tls_sender_certificate_name.casefold() != other.tls_sender_certificate_name.casefold()


def _is_stricter(one: InboundConnector, other: InboundConnector) -> bool:
    """Whether *one* asks something of a sender that *other* does not, addresses and certificates aside."""
    return (
        (one.require_tls and not other.require_tls)
        or (one.restrict_domains_to_ip_addresses and not other.restrict_domains_to_ip_addresses)
        or not _within(one.associated_accepted_domains, other.associated_accepted_domains)
    )


def _within(domains: frozenset[str], others: frozenset[str]) -> bool:
    """Whether a scope lies within another; an empty one is every domain."""
    return not others or (bool(domains) and domains <= others)


def _covered(network: str, networks: frozenset[str]) -> bool:
    """As `normal.covers`; what is no IPv4 network (a range, an IPv6 address) is covered by the same text alone."""
    try:
        return normal.covers(networks, normal.network(network))
    except ValueError:
        return network in networks


def _lets_in(connector: InboundConnector, wanted: Wanted) -> bool:
    """Whether it names senders, by address or certificate, that are neither the filter's nor declared."""
    certificate = connector.tls_sender_certificate_name.casefold()
    declared = {service.certificate.casefold() for service in wanted.tenant.service_connectors} | {""}
    return connector.enabled and (bool(_strangers(connector, wanted)) or certificate not in declared)


def _strangers(connector: InboundConnector, wanted: Wanted) -> list[str]:
    """The addresses that it names and that are neither the filter's nor a declared service's."""
    services = frozenset(each for service in wanted.tenant.service_connectors for each in service.sender_ips)
    return [
        each
        for each in connector.sender_ip_addresses
        if not _is_filters(each, wanted.profile) and not _covered(each, services)
    ]


def _same_way_in(before: InboundConnector, after: InboundConnector) -> bool:
    names = before.tls_sender_certificate_name.casefold() == after.tls_sender_certificate_name.casefold()
    return before.enabled and names and after.sender_ip_addresses <= before.sender_ip_addresses


def _policy_opens(before: AntiPhishPolicy | None, after: AntiPhishPolicy | None, _w: Wanted) -> Iterator[str]:
    if before and before.enable_spoof_intelligence and after and not after.enable_spoof_intelligence:
        yield f"spoof intelligence would be off in {quoted(before.name)}"


def _alert_opens(before: ProtectionAlert | None, after: ProtectionAlert | None, _w: Wanted) -> Iterator[str]:
    if before and not before.disabled and after and after.disabled:
        yield f"alert policy {quoted(before.name)} would be off"


def _pair_opens(before: SpoofItem | None, after: SpoofItem | None, wanted: Wanted) -> Iterator[str]:
    if after and after.action == "Allow" and not (before and before.action == "Allow"):
        if not _is_filters(after.sending_infrastructure, wanted.profile):
            yield f"{_mail_of(after)} would pass for genuine"
    elif before and before.action == "Block" and after is None:
        yield f"{_mail_of(before)} would not be blocked"


def _mail_of(item: SpoofItem) -> str:
    return f"mail of {quoted(item.spoofed_user)} from {quoted(item.sending_infrastructure)}"


def _is_filters(network: str, profile: Profile) -> bool:
    """Whether *network* lies in a range that the filter's guide names."""
    own = (*profile.delivery_networks, *(profile.spoof_allow.networks if profile.spoof_allow else ()))
    return _covered(network, frozenset(own))


def _rule_opens(before: TransportRule | None, after: TransportRule | None, _w: Wanted) -> Iterator[str]:
    if after and _lets_pass(after) and not (before and _lets_pass(before)):
        yield f"rule {quoted(after.name)} would let mail pass without a look at it"
    elif after and _lets_pass(after) and after != before:
        yield f"rule {quoted(after.name)} might let more mail pass without a look at it"


def _lets_pass(rule: TransportRule) -> bool:
    return rule.skips_filtering and rule.mode == "Enforce"


# Policies of these kinds are only ever set: no step of ours makes or removes one.


def _filter_opens(before: ConnectionFilter, after: ConnectionFilter, wanted: Wanted) -> Iterator[str]:
    for each in sorted(after.ip_allow_list - before.ip_allow_list):
        if not normal.lies_within(each, wanted.profile.delivery_networks):
            yield f"mail from {quoted(each)} would be delivered without a look at it"
    if after.enable_safe_list and not before.enable_safe_list:
        yield "mail from senders of Microsoft's own list would not be looked at"


def _senders_open(before: ContentFilter, after: ContentFilter, _w: Wanted) -> Iterator[str]:
    known = before.allowed_senders | before.allowed_sender_domains
    for each in sorted((after.allowed_senders | after.allowed_sender_domains) - known):
        yield f"mail that claims to come from {quoted(each)} would not be looked at"


def _domain_opens(before: RemoteDomain, after: RemoteDomain, _w: Wanted) -> Iterator[str]:
    if after.trusted_mail_inbound_enabled and not before.trusted_mail_inbound_enabled:
        yield f"mail from {quoted(after.domain_name)} would be taken for safe"


_JUDGES: Mapping[type[ExchangeObject], tuple[_Judge, _Judge]] = MappingProxyType(
    {
        InboundConnector: (_connector_closes, _connector_opens),
        AntiPhishPolicy: (_nothing, _policy_opens),
        ProtectionAlert: (_nothing, _alert_opens),
        SpoofItem: (_nothing, _pair_opens),
        TransportRule: (_nothing, _rule_opens),
        ConnectionFilter: (_nothing, _filter_opens),
        ContentFilter: (_nothing, _senders_open),
        AllowEntry: (_nothing, _nothing),  # only ever removed
        RemoteDomain: (_nothing, _domain_opens),
        OutboundConnector: (_nothing, _nothing),  # the way out
        DkimConfig: (_nothing, _nothing),  # the way out
    }
)
"""What makes a kind of object refuse more, and what makes it let in more."""

_KIND_OF: Mapping[str, tuple[type[ExchangeObject], Writing]] = MappingProxyType(
    {cmdlet: (kind, kind.writing) for kind in _JUDGES if kind.writing for cmdlet in kind.writing.cmdlets}
)
