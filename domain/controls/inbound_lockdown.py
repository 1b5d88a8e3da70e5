"""The tenant takes mail from the filter only.

A guide may have two recipes that make different objects; the profile's `connector_form` says which one is wanted. Only
the Partner form locks, so an OnPremises connector is never turned into one or taken away: the Partner connector is made
beside it, as Microsoft's third-party-filter article has it. Source: docs/reference/exchange.md#two-recipes.
"""

from domain import normal
from domain.control import Compliant, Control, Drift, Drifted, Facts, Judgement, NeedsPerson, compare, listed
from domain.controls import service_connectors
from domain.exchange import AcceptedDomain, InboundConnector
from domain.profile import Profile, given
from domain.steps import Step
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    profile = wanted.profile
    # A declared service may sit in the filter's own range (its IoT relay): its connector is not the lock.
    connectors = tuple(c for c in facts.all(InboundConnector) if not service_connectors.is_declared(c, wanted.tenant))
    ours = [c for c in connectors if c.connector_type == _type(profile) and _looks_ours(c, profile)]
    match ours:
        case []:
            return _missing(facts, connectors, profile)
        case [one]:
            return _differing(one, facts, profile)
        case _:
            names = " and ".join(f"'{c.name}'" for c in ours)
            return NeedsPerson(f"the connectors {names} both look like the filter's: remove all but one of them")


def is_locked(facts: Facts, wanted: Wanted) -> bool:
    """Whether some connector refuses mail that does not come from the filter, whoever made it."""
    return any(
        c.enabled and c.connector_type == "Partner" and "*" in c.sender_domains and c.restrict_domains_to_ip_addresses
        for c in facts.known(InboundConnector)
        if not service_connectors.is_declared(c, wanted.tenant)
    )


def has_lock(facts: Facts, wanted: Wanted) -> bool:
    """Whether somebody has taken the guide's step: the filter's connector is there, be it switched off or loosened."""
    profile = wanted.profile
    return is_locked(facts, wanted) or any(
        c.connector_type == _type(profile) and _looks_ours(c, profile)
        for c in facts.known(InboundConnector)
        if not service_connectors.is_declared(c, wanted.tenant)
    )


def _type(profile: Profile) -> str:
    return "Partner" if profile.connector_form == "partner" else "OnPremises"


def _looks_ours(connector: InboundConnector, profile: Profile) -> bool:
    """Found by content or by name: customers follow the guide by hand and name things as they like."""
    values, networks = profile.inbound_connector, profile.delivery_networks
    names = {normal.name(values.name), normal.name(values.name_beside)} if values else set()
    by_content = networks and all(normal.covers(connector.sender_ip_addresses, network) for network in networks)
    return bool(by_content) or normal.name(connector.name) in names


def _missing(facts: Facts, connectors: tuple[InboundConnector, ...], profile: Profile) -> Judgement:
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
    inert = [c.name for c in connectors if _looks_ours(c, profile)]
    detail = f"'{inert[0]}' is of type {_other(profile)} and does not count; it is left as it is" if inert else ""
    return Drifted((Drift("Name", name, None),), (step,), detail)


def _other(profile: Profile) -> str:
    return "OnPremises, which does not lock," if profile.connector_form == "partner" else "Partner"


def _differing(connector: InboundConnector, facts: Facts, profile: Profile) -> Judgement:
    seen = compare(
        ("Name", connector.name, connector.name),
        ("Enabled", True, connector.enabled),
        ("SenderIPAddresses", listed(profile.delivery_networks), listed(connector.sender_ip_addresses)),
        ("RequireTls", True, connector.require_tls),
        ("RestrictDomainsToIPAddresses", True, connector.restrict_domains_to_ip_addresses),
        ("CloudServicesMailEnabled", False, connector.cloud_services_mail_enabled),
    )
    if profile.connector_form == "partner":
        seen += compare(("SenderDomains", ("*",), listed(connector.sender_domains)))
    if seen.drift:
        values = {"Identity": connector.identity, **seen.values, "Comment": given(profile.inbound_connector).comment}
        return Drifted(seen.drift, (Step("exchange", "Set-InboundConnector", values),), equal=seen.equal)
    if unlocked := _outside_scope(connector, facts):
        scope = f"'{connector.name}' is scoped (AssociatedAcceptedDomains) and leaves {', '.join(unlocked)} open"
        return NeedsPerson(f"{scope}: take the scope off, or say that it is wanted", equal=seen.equal)
    return Compliant(equal=seen.equal)


def _outside_scope(connector: InboundConnector, facts: Facts) -> list[str]:
    """The domains a scoped connector leaves open. Told, not written: Microsoft words the field in two ways."""
    scope = connector.associated_accepted_domains
    return sorted(d.key for d in facts.all(AcceptedDomain) if scope and d.in_scope and d.key not in scope)


CONTROL = Control(
    id="inbound-lockdown",
    title="Inbound connector that takes mail from the filter only",
    about=(InboundConnector, AcceptedDomain),
    parts=("delivery_networks", "inbound_connector", "mx_suffixes"),  # the MX guard needs the last
    judge=_judge,
    needs=("service-connectors",),  # once it closes, the mail of a service without a connector is refused
    guarded=True,
    by_hand="Exchange admin center > Mail flow > Connectors > the filter's: put back the settings shown, turn it on.",
)
