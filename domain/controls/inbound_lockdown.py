"""The tenant takes mail from the filter only.

A guide may have two recipes that make different objects; the profile's `connector_form` says which one is wanted. Only
the Partner form locks, so an OnPremises connector is never turned into one or taken away: the Partner connector is made
beside it, as Microsoft's third-party-filter article has it. Source: docs/reference/exchange.md#two-recipes.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from domain import normal
from domain.control import (
    Comparison,
    Compliant,
    Control,
    Drift,
    Drifted,
    Judgement,
    NeedsPerson,
    NotApplicable,
    compare,
    listed,
    with_findings,
)
from domain.controls import service_connectors
from domain.exchange import AcceptedDomain, InboundConnector
from domain.facts import Facts
from domain.findings import Finding, Inventory, found
from domain.guards import Guard
from domain.lock import LockSeen
from domain.others_values import sort_out
from domain.profile import Profile, given
from domain.shown import quoted
from domain.steps import Step, Value
from domain.tenant import Wanted

_ID = "inbound-lockdown"
HOW_TO_HOLD_OPEN = "to hold the lock open: holdfast open TENANT --reason ... --until ... (POST /api/tenants/{id}/open)"


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    judged, kept = _of_ours(facts, wanted)
    others = _stranded(facts, wanted) | _loosened(facts, wanted)
    going = {each.id: c for each, c in others.items() if each.id in wanted.inventory.unwanted}
    left = [each for each, c in others.items() if c.enabled and each.id not in going]
    return with_findings(_with_removed(judged, going), (*kept, *left), wanted.inventory)


def _of_ours(facts: Facts, wanted: Wanted) -> tuple[Compliant | Drifted | NeedsPerson, tuple[Finding, ...]]:
    """What is to be done to the lock, and what is found on it that stays, whatever other connectors there are."""
    match _ours(facts, wanted):
        case []:
            return _missing(facts, _undeclared(facts, wanted), wanted), ()
        case [one]:
            return _differing(one, facts, wanted)
        case several:
            names = " and ".join(quoted(c.name) for c in several)
            return NeedsPerson(f"the connectors {names} both look like the filter's: remove all but one of them"), ()


def _stranded(facts: Facts, wanted: Wanted) -> dict[Finding, InboundConnector]:
    """The connectors whose mail the lock refuses."""
    if wanted.profile.connector_form != "partner":
        return {}
    ours = _ours(facts, wanted)
    others = [c for c in _undeclared(facts, wanted) if c not in ours and _is_stranded(c)]
    return {found("connector", _ID, c.name, c.sender_domains, _STRANDS): c for c in others}


def _loosened(facts: Facts, wanted: Wanted) -> dict[Finding, InboundConnector]:
    """The connectors of others that the way out has loosened and nobody has closed again."""
    known = wanted.inventory.known
    open_ones = {of_another(c, "").id: c for c in facts.all(InboundConnector) if not c.locks}
    return {known[key]: c for key, c in open_ones.items() if key in known and known[key].noted}


def of_another(connector: InboundConnector, lets_in: str) -> Finding:
    """The finding that *connector* is loosened, whose restriction nothing of ours puts back."""
    content = [*connector.sender_ip_addresses, connector.tls_sender_certificate_name]
    return found("connector", _ID, connector.name, filter(None, content), lets_in)


_STRANDS = "mail of these senders that comes straight to the tenant is refused once it is locked"


def _is_stranded(connector: InboundConnector) -> bool:
    """Whether its senders are known by their domain alone, so that a lock refuses what they send by any address.

    Source: docs/reference/exchangedefender.md#lock-down.
    """
    known = connector.sender_ip_addresses or connector.tls_sender_certificate_name
    return connector.connector_type == "Partner" and not known and not connector.locks


def _with_removed(
    judged: Compliant | Drifted | NeedsPerson, going: Mapping[str, InboundConnector]
) -> Compliant | Drifted | NeedsPerson:
    """*judged*, with the steps that switch off the connectors that a person has removed, by finding."""
    seen, steps = Comparison(), []
    for finding, connector in going.items():
        one = compare(("Enabled", False, connector.enabled)).of(connector.name)
        values: dict[str, Value] = {"Identity": connector.identity, "Enabled": False}
        steps += [Step("exchange", "Set-InboundConnector", values, one.fields, (finding,))] if one.drift else []
        seen += one
    equal = judged.equal | seen.equal
    if not steps:
        return replace(judged, equal=equal)
    if isinstance(judged, Drifted):
        fields = tuple(each.field for each in judged.drift)
        mended = tuple(each if each.mends else replace(each, mends=fields) for each in judged.steps)
        return replace(judged, drift=judged.drift + seen.drift, steps=(*mended, *steps), equal=equal)
    return Drifted(seen.drift, tuple(steps), equal=equal)


def the_lock(facts: Facts, wanted: Wanted) -> InboundConnector | None:
    """The one connector whose fields this control compares; None where there is none, or more than one."""
    ours = _ours(facts, wanted)
    return ours[0] if len(ours) == 1 else None


def is_compared(connector: InboundConnector, facts: Facts, wanted: Wanted) -> bool:
    """Whether it is a connector that this control would compare, if it were the only one."""
    return connector in _ours(facts, wanted)


def _ours(facts: Facts, wanted: Wanted) -> list[InboundConnector]:
    profile = wanted.profile
    connectors = _undeclared(facts, wanted)
    return [c for c in connectors if c.connector_type == _type(profile) and looks_ours(c, wanted)]


def _undeclared(facts: Facts, wanted: Wanted) -> tuple[InboundConnector, ...]:
    """A declared service may sit in the filter's own range (its IoT relay): its connector is not the lock."""
    return tuple(c for c in facts.all(InboundConnector) if not service_connectors.is_declared(c, wanted))


def is_locked(facts: Facts) -> bool:
    """Whether some connector refuses mail that does not come by it, whoever made or declared it."""
    return any(connector.locks for connector in facts.known(InboundConnector))


def is_wholly_locked(facts: Facts, wanted: Wanted) -> bool:
    """Whether one connector refuses for every domain all that the filter does not hand over.

    One with a scope that leaves some open tells nothing of their MX, one for other addresses nothing of the filter's,
    and neither does one that asks for a certificate.
    """
    domains = {each.key for each in facts.known(AcceptedDomain) if each.receives}
    scopes = [connector.associated_accepted_domains for connector in _locks_to_filter(facts, wanted)]
    return any(not scope or (bool(domains) and domains <= scope) for scope in scopes)


def _locks_to_filter(facts: Facts, wanted: Wanted) -> list[InboundConnector]:
    locks = (connector for connector in facts.known(InboundConnector) if connector.locks)
    by_address = (each for each in locks if not each.restrict_domains_to_certificate)
    return [each for each in by_address if wanted.takes_all(each.sender_ip_addresses)]


def _type(profile: Profile) -> str:
    return "Partner" if profile.connector_form == "partner" else "OnPremises"


def looks_ours(connector: InboundConnector, wanted: Wanted) -> bool:
    """Found by content or by name: customers follow the guide by hand and name things as they like.

    The content may be that of another version: a wave changes the connector, and makes no second one.
    """
    return wanted.takes_all(connector.sender_ip_addresses) or wanted.names_the_lock(connector.name)


def _missing(facts: Facts, connectors: tuple[InboundConnector, ...], wanted: Wanted) -> Drifted:
    profile = wanted.profile
    taken = {normal.name(c.name) for c in facts.all(InboundConnector)}
    values = given(profile.inbound_connector)
    name = values.name_beside if normal.name(values.name) in taken else values.name
    step = Step(
        "exchange",
        "New-InboundConnector",
        {
            "Name": name,
            "ConnectorType": _type(profile),
            "SenderDomains": ("*",),
            "SenderIPAddresses": listed(profile.delivery_networks),
            "RequireTls": True,
            "RestrictDomainsToIPAddresses": True,
            "CloudServicesMailEnabled": False,
            "Enabled": True,
            "Comment": values.comment,
        },
    )
    inert = [c.name for c in connectors if looks_ours(c, wanted)]
    beside = f"{quoted(inert[0])} is of type {_other(profile)} and does not count; it is left as it is" if inert else ""
    detail = "; ".join(filter(None, (beside, _refused_too(facts, profile))))
    return Drifted((Drift("Name", name, None),), (step,), detail)


def _other(profile: Profile) -> str:
    return "OnPremises, which does not lock," if profile.connector_form == "partner" else "Partner"


def _differing(
    connector: InboundConnector, facts: Facts, wanted: Wanted
) -> tuple[Compliant | Drifted | NeedsPerson, tuple[Finding, ...]]:
    """What is to be done to the filter's connector, and what is found on it that stays.

    While it asks for a certificate, nothing is done but to take that off, so that it is never switched on or narrowed.
    """
    judged, kept = _compared(connector, facts, wanted)
    asked = _asked_certificate(connector)
    if left := wanted.inventory.kept(asked):
        drift = judged.drift if isinstance(judged, Drifted) else ()
        return NeedsPerson(f"connector {quoted(connector.name)} {_NOT_PROVEN_SO}", drift, judged.equal), (*kept, *left)
    if asked:
        off = by_address_alone(connector, wanted.profile)
        step = replace(_step(connector, off), removes=wanted.inventory.going(asked))
        return Drifted(off.drift, (step,), _refused_too(facts, wanted.profile), judged.equal), kept
    return judged, kept


def _asked_certificate(connector: InboundConnector) -> tuple[Finding, ...]:
    """The finding that *connector* refuses who does not show a certificate; none where it asks for none.

    The profile names no certificate of the filter's hosts, and whether a sender has to meet both restrictions is not
    known: it may refuse all mail (docs/reference/exchangedefender.md#which-connector-locks). A name that it does not
    ask for is a way round instead.
    """
    if not connector.restrict_domains_to_certificate:
        return ()
    value = f"{_CERTIFICATE}: {connector.tls_sender_certificate_name or 'no name'}"
    return (found("term", _ID, connector.name, value, "it may refuse all mail that the filter hands over"),)


def leaves_certificate_to_person(connector: InboundConnector, inventory: Inventory) -> bool:
    """Whether a certificate that it asks for is a finding of this control."""
    return bool(inventory.kept(_asked_certificate(connector)))


def by_address_alone(connector: InboundConnector, profile: Profile, but: frozenset[str] = frozenset()) -> Comparison:
    """What makes *connector* take mail by the filter's addresses and its own *but* some, and by no certificate.

    In one step: where it asked for a certificate alone it would refuse nobody without that, and a name that is left
    lets in whoever shows it.
    """
    addresses, asks = connector.sender_ip_addresses, connector.restrict_domains_to_certificate
    return compare(
        ("RestrictDomainsToIPAddresses", True, connector.restrict_domains_to_ip_addresses or not asks),
        ("SenderIPAddresses", listed({*profile.delivery_networks, *addresses} - but), listed(addresses)),
        (_CERTIFICATE, False, asks),
        (_NAMED, None, connector.tls_sender_certificate_name or None),
    )


_CERTIFICATE, _NAMED = "RestrictDomainsToCertificate", "TlsSenderCertificateName"
_NOT_PROVEN_SO = (
    "asks for a certificate, and the profile names none of the filter's: the lock is not proven, and nothing of it is "
    "switched on or narrowed before that is taken off"
)


def _compared(
    connector: InboundConnector, facts: Facts, wanted: Wanted
) -> tuple[Compliant | Drifted, tuple[Finding, ...]]:
    profile, inventory = wanted.profile, wanted.inventory
    others = service_connectors.other_addresses(_ID, connector, profile.delivery_networks)
    kept, going = inventory.kept(others.values()), inventory.going(others.values())
    addresses = (*profile.delivery_networks, *(text for text, each in others.items() if each in kept))
    senders = compare(("SenderIPAddresses", listed(addresses), listed(connector.sender_ip_addresses)))
    seen = compare(
        ("Name", connector.name, connector.name),
        ("Enabled", True, connector.enabled),
        ("RequireTls", True, connector.require_tls),
        ("RestrictDomainsToIPAddresses", True, connector.restrict_domains_to_ip_addresses),
        ("CloudServicesMailEnabled", False, connector.cloud_services_mail_enabled),
    )
    if profile.connector_form == "partner":
        seen += compare(("SenderDomains", ("*",), listed(connector.sender_domains)))
    values = sort_out(_ID, connector.name, seen, inventory)
    unnamed = () if connector.tls_sender_certificate_name else ((_NAMED, None, None),)
    certificate = compare((_CERTIFICATE, False, connector.restrict_domains_to_certificate), *unnamed)
    scope, left_open, unscoped = _scope(connector, facts, inventory)
    kept += (*values.kept.values(), *left_open)
    # What a person has removed is a step of its own, which is taken without what else has drifted.
    nothing = Comparison()
    seen = values.seen + certificate + (nothing if going else senders) + (nothing if unscoped else scope)
    apart = values.going + (senders if going else nothing) + (scope if unscoped else nothing)
    removes = (*values.removes, *going, *unscoped)
    steps = [_step(connector, seen)] if seen.drift else []
    steps += [replace(_step(connector, apart), removes=removes)] if apart.drift else []
    seen += apart
    if steps:
        opened = {"Enabled", "RestrictDomainsToIPAddresses", _SCOPE} & {each.field for each in seen.drift}
        told = "; ".join(filter(None, (_refused_too(facts, profile), HOW_TO_HOLD_OPEN if opened else "")))
        return Drifted(seen.drift, tuple(steps), told, seen.equal), kept
    return Compliant(_refused_too(facts, profile), seen.equal), kept


def _step(connector: InboundConnector, seen: Comparison) -> Step:
    return Step("exchange", "Set-InboundConnector", {"Identity": connector.identity, **seen.values}, seen.fields)


def _refused_too(facts: Facts, profile: Profile) -> str:
    """What the lock refuses beside mail that goes round the filter (docs/reference/exchangedefender.md#lock-down)."""
    names = sorted(domain.key for domain in facts.all(AcceptedDomain) if domain.is_microsofts)
    if profile.connector_form != "partner" or not names:
        return ""
    return f"while it is locked, mail sent straight to {', '.join(names)} is refused, as its MX is Microsoft's"


def _scope(
    connector: InboundConnector, facts: Facts, inventory: Inventory
) -> tuple[Comparison, tuple[Finding, ...], tuple[str, ...]]:
    """A scope that leaves domains open: what is to be done to it, the finding that stays, the id of one that goes.

    One that came up beside a lock that was proven is put back to what it was then. Any other is taken off only by a
    person's *remove*, and whole: a partner may have been given it to keep the onmicrosoft.com name open, and what a
    part of it means is worded in two ways (docs/reference/exchangedefender.md#lock-down).
    """
    scope, names = connector.associated_accepted_domains, open_domains(connector, facts)
    value = f"{_SCOPE} leaves open: {', '.join(names)}"
    left_open = (found("term", _ID, connector.name, value, LEAVES_OPEN),) if names else ()
    going = inventory.going(left_open)
    before = inventory.lock.scope if inventory.lock else None
    drifted = before is not None and not inventory.kept(left_open) and (not before or set(names) <= set(before))
    if left_open and not going and drifted:
        return compare((_SCOPE, before, listed(scope))), (), ()
    compared = compare((_SCOPE, () if going else listed(scope), listed(scope)))
    return compared, () if going else left_open, going


def came_to_be_scoped(connector: InboundConnector, facts: Facts, inventory: Inventory) -> bool:
    """Whether its scope came up beside a lock that was proven, so that it is drift and no finding of this control."""
    compared, _, going = _scope(connector, facts, inventory)
    return bool(compared.drift) and not going


def open_domains(connector: InboundConnector, facts: Facts) -> tuple[str, ...]:
    """The domains that take mail here and that the scope of *connector* leaves out; none where it has no scope."""
    scope = connector.associated_accepted_domains
    return listed(each.key for each in facts.all(AcceptedDomain) if scope and each.receives and each.key not in scope)


_SCOPE = "AssociatedAcceptedDomains"
LEAVES_OPEN = "mail that comes straight to these domains is not refused"


CONTROL = Control(
    id=_ID,
    title="Inbound connector that takes mail from the filter only",
    about=(InboundConnector, AcceptedDomain),
    parts=("delivery_networks", "inbound_connector", "mx_suffixes"),  # the MX guard needs the last
    judge=_judge,
    needs=("service-connectors",),  # once it closes, the mail of a service without a connector is refused
    finds=("address", "connector", "term"),
    by_hand="Exchange admin center > Mail flow > Connectors > the filter's: put back the settings shown, turn it on.",
)


def lock_seen(facts: Facts, wanted: Wanted, closing: Guard, now: datetime) -> LockSeen | None:
    """What *facts* and the MX guard show of the lock; None where they could not be read well enough to tell."""
    against, at = _differing_from_profile(facts, wanted), CONTROL.read_at(facts)
    if against is None or (not against and closing.unread):
        return None
    seen = LockSeen(at or now, against or ("" if closing.passed else closing.reason))
    lock = the_lock(facts, wanted)
    return seen if seen.against or lock is None else replace(seen, scope=listed(lock.associated_accepted_domains))


def _differing_from_profile(facts: Facts, wanted: Wanted) -> str | None:
    """Why the lock is not as the profile wants it; empty where it is, None where that could not be read."""
    if why_not := CONTROL.not_judged(facts, wanted):
        return why_not.reason if isinstance(why_not, NotApplicable) else None
    judged, kept = _of_ours(facts, wanted)
    of_ours = with_findings(judged, kept, wanted.inventory)
    if isinstance(of_ours, Drifted):
        return f"the connector differs from the profile ({', '.join(each.field for each in of_ours.drift)})"
    if isinstance(of_ours, NeedsPerson):
        return of_ours.todo
    return "" if _locks_to_filter(facts, wanted) else "the connector is of the form that refuses nothing"
