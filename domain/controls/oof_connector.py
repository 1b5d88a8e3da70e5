"""Automatic replies have a way out of the tenant that does not pass the filter.

Office 365 to Partner organization, "only when I have a transport rule set up", "use the MX record",
security defaults, turned on. The filter's outbound hosts refuse the null sender of automatic replies.
"""

from domain import normal
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
from domain.exchange import AcceptedDomain, OutboundConnector, TransportRule
from domain.facts import Facts
from domain.findings import Inventory
from domain.others_values import Manner, sort_out
from domain.profile import OutOfOfficeValues, given
from domain.shown import quoted
from domain.steps import Step
from domain.tenant import Wanted

# With a date set a rule looks enabled and does nothing outside it (docs/reference/exchange.md#transport-rules).
CONDITIONS = frozenset({
    "ActivationDate", "ExpiryDate", "From", "FromMemberOf", "FromScope", "FromAddressContainsWords",
    "FromAddressMatchesPatterns", "SenderDomainIs", "SenderIpRanges", "SentTo", "SentToMemberOf", "SentToScope",
    "RecipientDomainIs", "RecipientAddressContainsWords", "RecipientAddressMatchesPatterns", "AnyOfToHeader",
    "AnyOfCcHeader", "AnyOfToCcHeader", "SubjectContainsWords", "SubjectMatchesPatterns", "SubjectOrBodyContainsWords",
    "SubjectOrBodyMatchesPatterns", "HeaderContainsMessageHeader", "HeaderMatchesMessageHeader", "HasNoClassification",
    "MessageSizeOver", "WithImportance", "SCLOver",
})  # fmt: skip
"""What makes a rule narrower than "every automatic reply", as far as we know its names."""

_ACTIONS = frozenset({
    "DeleteMessage", "Quarantine", "BlindCopyTo", "CopyTo", "AddToRecipients", "RedirectMessageTo",
    "ModerateMessageByUser", "RejectMessageReasonText", "RejectMessageEnhancedStatusCode",
})  # fmt: skip
"""What a rule may do to a message besides redirecting it, as far as taking it off was tried."""

_ON_EVERY_RULE = frozenset({
    "DlpPolicyId", "RecipientAddressType", "RegexSize", "SenderAddressLocation", "UseLegacyRegex",
})  # fmt: skip
"""Properties that every rule has set, and how its conditions are read: none of them is a condition or an action
(docs/reference/exchange.md#transport-rules)."""


def rules(facts: Facts, values: OutOfOfficeValues) -> tuple[TransportRule, ...]:
    """The rules that are ours: by name, or, renamed, because they do exactly what the guide's rule does."""
    wanted_name = normal.name(values.rule_name)
    shaped = [c for c in facts.all(OutboundConnector) if _has_the_shape(c)]
    targets = {name for connector in shaped for name in routes_to(connector)}
    return tuple(
        rule
        for rule in facts.all(TransportRule)
        if normal.name(rule.name) == wanted_name or _does_the_same(rule, targets)
    )


def _does_the_same(rule: TransportRule, targets: set[str]) -> bool:
    redirects = normal.name(rule.route_message_outbound_connector) in targets
    return redirects and rule.message_type_matches == "OOF" and not any(map(is_known, foreign_to(rule)))


def is_known(name: str) -> bool:
    """Whether *name* is a condition, exception or action that is taken off: any other is a person's to judge."""
    return name in CONDITIONS or name in _ACTIONS or name.startswith("ExceptIf")


def foreign_to(rule: TransportRule) -> dict[str, object]:
    """By name, each condition, exception and action of *rule* that the guide's has not."""
    return {name: value for name, value in rule.others.items() if name not in _ON_EVERY_RULE}


def foreign_actions(rule: TransportRule) -> set[str]:
    """The names of those of them that may do something to a message: all that are not known to be conditions."""
    return {name for name in foreign_to(rule) if name not in CONDITIONS and not name.startswith("ExceptIf")}


def routes_to(connector: OutboundConnector) -> frozenset[str]:
    """As what a rule may name *connector*, folded as `normal.name` does: its name, its GUID."""
    return frozenset({normal.name(connector.name), normal.name(connector.guid)})


def connectors(facts: Facts, values: OutOfOfficeValues) -> tuple[OutboundConnector, ...]:
    """The connectors that are ours: by name; or, renamed, of the guide's shape and the one that our rule routes to.

    Failing these, a connector that is as documented in every respect, so that nothing would be written to it. A
    connector of another shape (a smart host, say) is somebody's gateway, whatever routes to it.
    """
    wanted_name = normal.name(values.connector_name)
    routed_to = {normal.name(rule.route_message_outbound_connector) for rule in rules(facts, values)}
    ours = tuple(
        c
        for c in facts.all(OutboundConnector)
        if normal.name(c.name) == wanted_name or (_has_the_shape(c) and routes_to(c) & routed_to)
    )
    return ours or tuple(c for c in facts.all(OutboundConnector) if not _comparison(c, values).drift)


def _has_the_shape(connector: OutboundConnector) -> bool:
    return connector.connector_type == "Partner" and connector.use_mx_record and connector.is_transport_rule_scoped


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    values = given(wanted.profile.out_of_office)
    match connectors(facts, values):
        case ():
            return _missing(values)
        case (one,):
            return _differing(one, values, wanted.inventory)
        case several:
            names = " and ".join(quoted(c.name) for c in several)
            return NeedsPerson(f"the connectors {names} both look like the out-of-office one: remove all but one")


def _differing(connector: OutboundConnector, values: OutOfOfficeValues, inventory: Inventory) -> Judgement:
    fields = _comparison(connector, values)
    sorted_out = sort_out(CONTROL.id, connector.name, fields, inventory, _MANNERS)
    seen = sorted_out.seen + sorted_out.going
    step = Step(
        "exchange",
        "Set-OutboundConnector",
        {"Identity": connector.identity, **seen.values},
        removes=sorted_out.removes,
    )
    judged = Drifted(seen.drift, (step,), equal=seen.equal) if seen.drift else Compliant(equal=seen.equal)
    return with_findings(judged, sorted_out.kept.values(), inventory)


# In test mode it is as good as off; without MX records it goes to a smart host of somebody's.
_MANNERS: dict[str, Manner] = {"TestMode": "switch", "UseMXRecord": "choice"}


def _missing(values: OutOfOfficeValues) -> Judgement:
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


def _comparison(connector: OutboundConnector, values: OutOfOfficeValues) -> Comparison:
    accepted = values.tls_settings
    tls = accepted[0] if connector.tls_settings in accepted else connector.tls_settings or None
    return compare(
        ("Name", connector.name, connector.name),
        ("Enabled", True, connector.enabled),
        ("ConnectorType", "Partner", connector.connector_type),
        ("UseMXRecord", True, connector.use_mx_record),
        ("IsTransportRuleScoped", True, connector.is_transport_rule_scoped),
        ("TestMode", False, connector.test_mode),
        ("TlsSettings", accepted[0], tls),
        ("TlsDomain", None, connector.tls_domain or None),
    )


CONTROL = Control(
    id="oof-connector",
    title="Outbound connector for automatic replies",
    about=(OutboundConnector,),
    beside=(TransportRule, AcceptedDomain),
    parts=("out_of_office",),
    judge=_judge,
    finds=("term",),
    by_hand="Exchange admin center > Mail flow > Connectors: the out-of-office one, with the settings shown.",
)
