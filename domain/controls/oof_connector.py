"""Automatic replies have a way out of the tenant that does not pass the filter.

Guide, OOF step 1: Office 365 to Partner organization, "only when I have a transport rule set up", "use the MX record",
security defaults, turned on. The filter's outbound hosts refuse the null sender of automatic replies.
"""

from domain import normal
from domain.control import Compliant, Control, Drift, Drifted, Facts, Finding, NeedsPerson, drift_of, values_of
from domain.exchange import AcceptedDomain, OutboundConnector, TransportRule
from domain.profile import Profile
from domain.steps import Step
from domain.tenant import Wanted


def candidates(facts: Facts, profile: Profile) -> tuple[OutboundConnector, ...]:
    """The connectors that may be ours: by name, or because the out-of-office rule routes to them.

    Failing both, a connector that is already as documented in every respect (so nothing would be written to it):
    the renamed one whose rule is gone.
    """
    connectors = facts.all(OutboundConnector)
    routed_to = {normal.name(r.route_message_outbound_connector) for r in oof_rules(facts, profile)}
    wanted_name = normal.name(profile.out_of_office.connector_name)
    ours = tuple(
        c
        for c in connectors
        if normal.name(c.name) == wanted_name or {normal.name(c.name), c.guid.casefold()} & routed_to
    )
    return ours or tuple(c for c in connectors if not _drift(c, profile))


def oof_rules(facts: Facts, profile: Profile) -> tuple[TransportRule, ...]:
    """The rules that may be ours: by name, or because they route automatic replies to a connector."""
    wanted_name = normal.name(profile.out_of_office.rule_name)
    return tuple(
        rule
        for rule in facts.all(TransportRule)
        if normal.name(rule.name) == wanted_name
        or (rule.message_type_matches == "OOF" and rule.route_message_outbound_connector)
    )


def _judge(facts: Facts, wanted: Wanted) -> Finding:
    profile = wanted.profile
    match candidates(facts, profile):
        case ():
            return _missing(profile)
        case (one,):
            drift = _drift(one, profile)
            step = Step("exchange", "Set-OutboundConnector", {"Identity": one.identity, **values_of(drift)})
            return Drifted(drift, (step,)) if drift else Compliant()
        case several:
            names = " and ".join(f"'{c.name}'" for c in several)
            return NeedsPerson(f"the connectors {names} both look like the out-of-office one: remove all but one")


def _missing(profile: Profile) -> Finding:
    values = profile.out_of_office
    step = Step(
        "exchange",
        "New-OutboundConnector",
        {
            "Name": values.connector_name,
            "ConnectorType": "Partner",
            "UseMXRecord": True,
            "IsTransportRuleScoped": True,
            "TlsSettings": values.tls_settings[0],
            "Enabled": True,
        },
    )
    return Drifted((Drift("Name", values.connector_name, None),), (step,))


def _drift(connector: OutboundConnector, profile: Profile) -> tuple[Drift, ...]:
    drift = drift_of(
        ("Enabled", True, connector.enabled),
        ("ConnectorType", "Partner", connector.connector_type),
        ("UseMXRecord", True, connector.use_mx_record),
        ("IsTransportRuleScoped", True, connector.is_transport_rule_scoped),
        ("TestMode", False, connector.test_mode),
    )
    accepted = profile.out_of_office.tls_settings
    if connector.tls_settings not in accepted:
        drift += (Drift("TlsSettings", accepted[0], connector.tls_settings or None),)
    return drift


CONTROL = Control(
    id="oof-connector",
    title="Outbound connector for automatic replies",
    guide="Send legitimate M365 Out of Office (OOF) Responses, step 1",
    lane="fast",
    sees=(OutboundConnector, TransportRule, AcceptedDomain),
    judge=_judge,
    by_hand="Exchange admin center > Mail flow > Connectors: the out-of-office one, as in OOF step 1 of the guide.",
)
