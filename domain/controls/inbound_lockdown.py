"""The tenant takes mail from the filter only.

Guide: "lock down your M365 tenant to only allow secure email that has been scanned by ExchangeDefender".
The guide's two recipes make different objects (exchange-admin-api 7); the profile's `connector_form` says which one
is wanted. Only the Partner form locks, so an OnPremises connector is never turned into one or taken away: the Partner
connector is made beside it, as Microsoft's third-party-filter article has it.
"""

from domain import normal
from domain.control import Compliant, Control, Drift, Drifted, Facts, Finding, NeedsPerson, drift_of, listed, values_of
from domain.exchange import AcceptedDomain, InboundConnector
from domain.profile import Profile
from domain.steps import Step
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Finding:
    profile = wanted.profile
    connectors = facts.all(InboundConnector)
    ours = [c for c in connectors if c.connector_type == _type(profile) and _looks_ours(c, profile)]
    match ours:
        case []:
            return _missing(connectors, profile)
        case [one]:
            return _differing(one, profile)
        case _:
            names = " and ".join(f"'{c.name}'" for c in ours)
            return NeedsPerson(f"the connectors {names} both look like the filter's: remove all but one of them")


def _type(profile: Profile) -> str:
    return "Partner" if profile.connector_form == "partner" else "OnPremises"


def _looks_ours(connector: InboundConnector, profile: Profile) -> bool:
    """Found by content or by name: customers follow the guide by hand and name things as they like (6.1)."""
    ours = frozenset(profile.delivery_networks)
    names = {normal.name(profile.inbound_connector.name), normal.name(profile.inbound_connector.name_beside)}
    return normal.overlap(connector.sender_ip_addresses, ours) or normal.name(connector.name) in names


def _missing(connectors: tuple[InboundConnector, ...], profile: Profile) -> Finding:
    taken = {normal.name(c.name) for c in connectors}
    values = profile.inbound_connector
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


def _differing(connector: InboundConnector, profile: Profile) -> Finding:
    drift = drift_of(
        ("Enabled", True, connector.enabled),
        ("SenderIPAddresses", listed(profile.delivery_networks), listed(connector.sender_ip_addresses)),
        ("RequireTls", True, connector.require_tls),
        ("RestrictDomainsToIPAddresses", True, connector.restrict_domains_to_ip_addresses),
        ("CloudServicesMailEnabled", False, connector.cloud_services_mail_enabled),
    )
    if profile.connector_form == "partner":
        drift += drift_of(("SenderDomains", ("*",), listed(connector.sender_domains)))
    if not drift:
        return Compliant(_scope_note(connector))
    values = {"Identity": connector.identity, **values_of(drift), "Comment": profile.inbound_connector.comment}
    return Drifted(drift, (Step("exchange", "Set-InboundConnector", values),))


def _scope_note(connector: InboundConnector) -> str:
    """A scoped connector locks those domains only: told, not written, as Microsoft words the field in two ways."""
    scope = ", ".join(listed(connector.associated_accepted_domains))
    return f"locks these accepted domains only: {scope}" if scope else ""


CONTROL = Control(
    id="inbound-lockdown",
    title="Inbound connector that takes mail from the filter only",
    guide='Configuring Microsoft365 with ExchangeDefender: "lock down your M365 tenant"',
    lane="fast",
    sees=(InboundConnector, AcceptedDomain),
    judge=_judge,
    guarded=True,
    by_hand="Exchange admin center > Mail flow > Connectors > the filter's: put back the settings shown, turn it on.",
)
