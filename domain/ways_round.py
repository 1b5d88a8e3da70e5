"""What lets mail into a tenant beside its filter, or past Microsoft's verdict, each with the step that takes it away.

Sources: docs/reference/exchange.md#inbound-connectors, #spoofed-senders, #transport-rules, #connection-filter,
#anti-spam-policies, #allow-entries, #remote-domains.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from domain import normal
from domain.control import Drift, compare, listed
from domain.controls import inbound_lockdown, service_connectors, spoof_allow
from domain.exchange import (
    AllowEntry,
    ConnectionFilter,
    ContentFilter,
    ExchangeObject,
    InboundConnector,
    RemoteDomain,
    SpoofItem,
    TransportRule,
)
from domain.facts import DoubtError, Facts
from domain.findings import Finding, found, with_networks
from domain.shown import quoted, visible
from domain.steps import Step, Value
from domain.tenant import Wanted

CONTROL_ID = "lock-bypass"

WRITTEN_FIELDS = (
    "Enabled", "EFSkipIPs", "EFSkipLastIP", "Action", "State", "IPAllowList", "EnableSafeList", "AllowedSenders",
    "AllowedSenderDomains", "TrustedMailInboundEnabled", "SpoofedUser", "SendingInfrastructure", "SpoofType",
    "AssociatedAcceptedDomains", "SenderIPAddresses", "TlsSenderCertificateName", "RestrictDomainsToCertificate",
    "RestrictDomainsToIPAddresses",
)  # fmt: skip
"""What a step that takes a way away writes: the last part of its drift's field."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class WayRound:
    """One way round the filter. *drift*: what the *step* that takes it away changes."""

    finding: Finding
    drift: tuple[Drift, ...]
    step: Step


def ways_round(facts: Facts, wanted: Wanted) -> tuple[WayRound, ...]:
    """Every way, beside what the profile and the config name.

    Raises:
        DoubtError: Something of it could not be read.
    """
    return tuple(way for kind in _PARTS for way in _of(kind, facts, wanted))


def known_ways(facts: Facts, wanted: Wanted) -> tuple[WayRound, ...]:
    """Those of the parts that could be read; of the others nothing is said. A row that is odd hides no other.

    But for connectors, where the others decide which of them is the lock.
    """
    found, facts = list[WayRound](), facts.readable(kind for kind in _PARTS if kind is not InboundConnector)
    for kind in _PARTS:
        with suppress(DoubtError):
            found += _of(kind, facts, wanted)
    return tuple(found)


def _of(kind: type[ExchangeObject], facts: Facts, wanted: Wanted) -> tuple[WayRound, ...]:
    ways = (way for part in _PARTS[kind] for way in part(facts, wanted))
    return tuple(replace(way, finding=replace(way.finding, part=kind.__name__)) for way in ways)


def _way(name: str, value: str | Iterable[str], lets_in: str, drift: Iterable[Drift], step: Step) -> WayRound:
    """*drift*: without the object's name; also what it takes to make again what a cmdlet without values takes away."""
    finding = found("bypass", CONTROL_ID, name, value, lets_in)
    named = tuple(Drift(f"{finding.name}: {each.field}", each.wanted, each.found) for each in drift)
    mends = tuple(each.field for each in named)
    return WayRound(
        finding, named, Step(step.service, step.cmdlet, step.parameters, mends=mends, removes=(finding.id,))
    )


def _set(cmdlet: str, identity: str, *drift: Drift) -> tuple[tuple[Drift, ...], Step]:
    """*drift*, without the object's name, and the step that writes what is wanted."""
    values: dict[str, Value] = {"Identity": identity, **{each.field: each.wanted for each in drift}}
    return drift, Step("exchange", cmdlet, values)


def _connectors(facts: Facts, wanted: Wanted) -> Iterator[WayRound]:
    """Connectors that take mail of an address or a certificate that is neither the filter's nor a declared service's.

    One that admits by the sender's domain alone does not help against a lock.
    """
    for connector in facts.all(InboundConnector):
        services = service_connectors.served_by(connector, wanted)
        known = {*wanted.profile.delivery_networks, *(network for each in services for network in each.sender_ips)}
        if connector == inbound_lockdown.the_lock(facts, wanted):
            # What another version names is on its way out: the lock's own control takes it off.
            known |= {network for other in wanted.others for network in other.delivery_networks}
        strangers = {
            each
            for each in connector.sender_ip_addresses
            if not normal.lies_within(each, known) and not _is_left(connector, each, facts, wanted)
        }
        certificate = connector.tls_sender_certificate_name
        certificates = {each.certificate.casefold() for each in services if each.certificate}
        is_strange = bool(certificate) and certificate.casefold() not in certificates
        is_strange = is_strange and not _asks_for_it(connector, facts, wanted)
        if connector.enabled and (strangers or is_strange):
            by_address = f"mail from {_addresses(strangers)} comes in" if strangers else ""
            by_name = f"mail that is sent with the certificate of {quoted(certificate)} comes in" if is_strange else ""
            content = (*connector.sender_ip_addresses, *_terms(connector))
            way = _way(
                f"connector {connector.name}",
                content,
                " and ".join(filter(None, (by_address, by_name))),
                *_set("Set-InboundConnector", connector.identity, *_shut(connector, strangers, facts, wanted)),
            )
            # Once it is declared, the message trace asks for each address.
            yield replace(way, finding=with_networks(way.finding, content))


def _shut(connector: InboundConnector, strangers: set[str], facts: Facts, wanted: Wanted) -> tuple[Drift, ...]:
    """The filter's connector and those of declared services give up what is a stranger's, and stay on for the rest.

    Any other is switched off.
    """
    if inbound_lockdown.is_compared(connector, facts, wanted):
        return inbound_lockdown.by_address_alone(connector, wanted.profile, frozenset(strangers)).drift
    services = service_connectors.served_by(connector, wanted)
    if not services:
        return (Drift("Enabled", wanted=False, found=True),)
    addresses, certificate = connector.sender_ip_addresses, connector.tls_sender_certificate_name
    declared = [each.certificate for each in services if each.certificate]
    is_declared = certificate.casefold() in map(str.casefold, declared)
    return compare(
        ("SenderIPAddresses", listed(addresses - strangers), listed(addresses)),
        ("TlsSenderCertificateName", certificate if is_declared else next(iter(declared), None), certificate or None),
    ).drift


def _asks_for_it(connector: InboundConnector, facts: Facts, wanted: Wanted) -> bool:
    """Whether the lock asks for its certificate, and its own control asks a person about that."""
    is_lock = connector == inbound_lockdown.the_lock(facts, wanted)
    return is_lock and inbound_lockdown.leaves_certificate_to_person(connector, wanted.inventory)


def _terms(connector: InboundConnector) -> Iterator[str]:
    """What else decides whose mail comes in by *connector*, and how it is taken; nothing of what lets in everyone."""
    if connector.tls_sender_certificate_name:
        yield f"certificate {connector.tls_sender_certificate_name}"
    if "*" not in connector.sender_domains:
        yield from (f"from {each}" for each in connector.sender_domains)
    yield from (f"to {each}" for each in connector.associated_accepted_domains)
    if connector.connector_type != "Partner":
        yield connector.connector_type
    marks = {
        "CloudServicesMailEnabled": connector.cloud_services_mail_enabled,
        "TreatMessagesAsInternal": connector.treat_messages_as_internal,
    }
    yield from (name for name, is_set in marks.items() if is_set)


def _is_left(connector: InboundConnector, address: str, facts: Facts, wanted: Wanted) -> bool:
    """Whether the control that compares the connector's addresses has *address* for a finding of its own."""
    lock = inbound_lockdown.the_lock(facts, wanted)
    if lock and connector.key == lock.key:
        control, service = inbound_lockdown.CONTROL.id, ""
    elif service := service_connectors.known_by_address(connector, facts, wanted):
        control = service_connectors.CONTROL.id
    else:
        return False
    inventory = wanted.inventory.about(service)
    return inventory.answer(found("address", control, connector.name, address, "")) != "unwanted"


def _scopes(facts: Facts, wanted: Wanted) -> Iterator[WayRound]:
    """A scope of the lock that leaves domains open, unless the lock's own control has it for a finding."""
    lock = inbound_lockdown.the_lock(facts, wanted)
    if lock and lock.locks and inbound_lockdown.came_to_be_scoped(lock, facts, wanted.inventory):
        scope = listed(lock.associated_accepted_domains)
        yield _way(
            f"scope of connector {lock.name}",
            inbound_lockdown.open_domains(lock, facts),
            inbound_lockdown.LEAVES_OPEN,
            *_set("Set-InboundConnector", lock.identity, Drift("AssociatedAcceptedDomains", (), scope)),
        )


def _skipped_addresses(facts: Facts, wanted: Wanted) -> Iterator[WayRound]:
    """Enhanced Filtering: addresses that Exchange looks behind, so that it judges mail by who sent it to them."""
    for connector in facts.all(InboundConnector):
        filters = {each for each in connector.ef_skip_ips if _is_filters(each, wanted)}
        others = connector.ef_skip_ips - filters
        if not connector.enabled or not (others or connector.ef_skip_last_ip):
            continue
        last = ("the last address",) if connector.ef_skip_last_ip else ()
        skipped = Drift("EFSkipIPs", listed(filters), listed(connector.ef_skip_ips))
        drift = skipped if others else Drift("EFSkipLastIP", wanted=False, found=True)
        yield _way(
            f"Enhanced Filtering of connector {connector.name}",
            (*connector.ef_skip_ips, *last),
            "mail is judged by the address before these, not by the one that handed it over",
            *_set("Set-InboundConnector", connector.identity, drift),
        )


def _pairs(facts: Facts, wanted: Wanted) -> Iterator[WayRound]:
    for item in facts.all(SpoofItem):
        user, infrastructure = item.spoofed_user.strip().casefold(), normal.network(item.sending_infrastructure)
        expected = spoof_allow.is_documented(item, wanted) or spoof_allow.is_former(item, wanted)
        if item.action == "Allow" and not expected:
            remove: dict[str, Value] = {"Identity": "Default", "Ids": (item.identity,), "Confirm": False}
            content = {
                "SpoofedUser": item.spoofed_user,
                "SendingInfrastructure": item.sending_infrastructure,
                "SpoofType": item.spoof_type,
                "Action": item.action,
            }
            yield _way(
                f"spoofed sender {user}, {infrastructure}",
                (user, infrastructure, item.spoof_type),
                f"mail from {_addresses({infrastructure})} may claim to come from {quoted(user)}",
                (Drift(field, None, value) for field, value in content.items()),
                Step("exchange", "Remove-TenantAllowBlockListSpoofItems", remove),
            )


def _rules(facts: Facts, wanted: Wanted) -> Iterator[WayRound]:
    for rule in facts.all(TransportRule):
        ranges = rule.texts("SenderIpRanges")
        only_filters = bool(ranges) and all(_is_filters(each, wanted) for each in ranges)
        if rule.skips_filtering and rule.mode == "Enforce" and not only_filters:
            whom = _addresses(ranges) if ranges else "whom its conditions name"
            yield _way(
                f"rule {rule.name}",
                rule.content,
                f"mail from {whom} is delivered without a look at it",
                (Drift("State", "Disabled", "Enabled"),),
                Step("exchange", "Disable-TransportRule", {"Identity": rule.identity, "Confirm": False}),
            )


def _connection_filter(facts: Facts, wanted: Wanted) -> Iterator[WayRound]:
    cmdlet = "Set-HostedConnectionFilterPolicy"
    for policy in facts.all(ConnectionFilter):
        name = f"connection filter {policy.identity}"
        if strangers := {each for each in policy.ip_allow_list if not _is_filters(each, wanted)}:
            lets_in = f"mail from {_addresses(strangers)} is delivered without a look at it"
            kept = listed(policy.ip_allow_list - strangers)
            drift = Drift("IPAllowList", kept, listed(policy.ip_allow_list))
            yield _way(name, policy.ip_allow_list, lets_in, *_set(cmdlet, policy.identity, drift))
        if policy.enable_safe_list:
            drift = Drift("EnableSafeList", wanted=False, found=True)
            lets_in = "mail from senders of Microsoft's own list is not looked at"
            yield _way(name, "EnableSafeList", lets_in, *_set(cmdlet, policy.identity, drift))


def _anti_spam_policies(facts: Facts, _wanted: Wanted) -> Iterator[WayRound]:
    for policy in facts.all(ContentFilter):
        lists = {"AllowedSenders": policy.allowed_senders, "AllowedSenderDomains": policy.allowed_sender_domains}
        for field, allowed in lists.items():
            if allowed:
                yield _way(
                    f"anti-spam policy {policy.name}",
                    (f"{field}:", *sorted(allowed)),
                    f"mail that claims to come from one of {len(allowed)} is not looked at",
                    *_set("Set-HostedContentFilterPolicy", policy.identity, Drift(field, (), listed(allowed))),
                )


def _allow_entries(facts: Facts, _wanted: Wanted) -> Iterator[WayRound]:
    for entry in facts.all(AllowEntry):
        if entry.action == "Allow":
            remove: dict[str, Value] = {"ListType": entry.list_type, "Ids": (entry.identity,), "Confirm": False}
            yield _way(
                f"Tenant Allow/Block List, {entry.value}",
                (entry.list_type, entry.value),
                f"mail from {quoted(entry.value)} is delivered whatever it holds",
                (Drift("Action", None, "Allow"),),
                Step("exchange", "Remove-TenantAllowBlockListItems", remove),
            )


def _trusted_domains(facts: Facts, _wanted: Wanted) -> Iterator[WayRound]:
    for domain in facts.all(RemoteDomain):
        if domain.trusted_mail_inbound_enabled:
            yield _way(
                f"remote domain {domain.name}",
                (domain.domain_name, "TrustedMailInboundEnabled"),
                f"mail from {quoted(domain.domain_name)} is taken for safe",
                *_set(
                    "Set-RemoteDomain", domain.identity, Drift("TrustedMailInboundEnabled", wanted=False, found=True)
                ),
            )


_PARTS: Mapping[type[ExchangeObject], tuple[Callable[[Facts, Wanted], Iterator[WayRound]], ...]] = {
    InboundConnector: (_connectors, _scopes, _skipped_addresses),
    SpoofItem: (_pairs,),
    TransportRule: (_rules,),
    ConnectionFilter: (_connection_filter,),
    ContentFilter: (_anti_spam_policies,),
    AllowEntry: (_allow_entries,),
    RemoteDomain: (_trusted_domains,),
}

WAYS_IN = tuple(_PARTS)


def _is_filters(address: str, wanted: Wanted) -> bool:
    return normal.lies_within(address, wanted.profile.delivery_networks)


def _addresses(texts: Collection[str]) -> str:
    """`203.0.113.0/24 (256 IPv4 addresses)`; a first few where there are many."""
    first = sorted(texts)[:_MOST_NAMED]
    more = f" and {len(texts) - len(first)} more" if len(texts) > len(first) else ""
    count = sum(normal.size(each) for each in texts)
    counted = f" ({count} IPv4 address{'es' if count > 1 else ''})" if count else ""
    return f"{', '.join(map(visible, first))}{more}{counted}"
