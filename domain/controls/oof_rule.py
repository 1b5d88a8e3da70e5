"""Automatic replies take the connector made for them.

Guide, OOF steps 2 and 4: message type automatic reply, redirect to the connector, Enforce, and "confirm that the rule
is enabled", the step that the vendor says admins overlook most.
"""

from domain.control import Compliant, Control, Drift, Drifted, Facts, Finding, NeedsPerson, drift_of, values_of
from domain.controls import oof_connector
from domain.exchange import AcceptedDomain, OutboundConnector, TransportRule
from domain.steps import Step, Value
from domain.tenant import Wanted

# Conditions and actions that would make the rule narrower, or do more than redirect (exchange-admin-api 6.3 and the
# New-TransportRule page). With a date set the rule looks enabled and does nothing outside it.
_FOREIGN = frozenset({
    "ActivationDate", "ExpiryDate", "From", "FromMemberOf", "FromScope", "FromAddressContainsWords",
    "FromAddressMatchesPatterns", "SenderDomainIs", "SenderIpRanges", "SentTo", "SentToMemberOf", "SentToScope",
    "RecipientDomainIs", "RecipientAddressContainsWords", "RecipientAddressMatchesPatterns", "AnyOfToHeader",
    "AnyOfCcHeader", "AnyOfToCcHeader", "SubjectContainsWords", "SubjectMatchesPatterns",
    "SubjectOrBodyContainsWords", "SubjectOrBodyMatchesPatterns", "HeaderContainsMessageHeader",
    "HeaderMatchesMessageHeader", "HasNoClassification", "MessageSizeOver", "WithImportance", "SCLOver",
    "DeleteMessage", "Quarantine", "BlindCopyTo", "CopyTo", "AddToRecipients", "RedirectMessageTo",
    "ModerateMessageByUser", "RejectMessageReasonText", "RejectMessageEnhancedStatusCode",
})  # fmt: skip


def _judge(facts: Facts, wanted: Wanted) -> Finding:
    profile = wanted.profile
    connectors = oof_connector.candidates(facts, profile)
    if len(connectors) > 1:
        return NeedsPerson("more than one connector looks like the out-of-office one: remove all but one of them first")
    # Before the connector exists the rule is planned with the name that it will get; `needs` keeps the order.
    connector = connectors[0].name if connectors else profile.out_of_office.connector_name
    known_as = {connector, connectors[0].guid if connectors else connector}
    match oof_connector.oof_rules(facts, profile):
        case ():
            return _missing(profile.out_of_office.rule_name, connector)
        case (one,):
            return _differing(one, connector, known_as)
        case several:
            names = " and ".join(f"'{r.name}'" for r in several)
            return NeedsPerson(f"the rules {names} both route automatic replies: remove all but one of them")


def _missing(name: str, connector: str) -> Finding:
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


def _differing(rule: TransportRule, connector: str, known_as: set[str]) -> Finding:
    settings = drift_of(
        ("MessageTypeMatches", "OOF", rule.message_type_matches or None),
        ("Mode", "Enforce", rule.mode),
    )
    if rule.route_message_outbound_connector not in known_as:
        settings += (Drift("RouteMessageOutboundConnector", connector, rule.route_message_outbound_connector or None),)
    settings += tuple(
        Drift(name, False if found is True else None, str(found)) for name, found in rule.others(_FOREIGN).items()
    )
    state = drift_of(("State", "Enabled", rule.state))
    steps: list[Step] = []
    if settings:
        values: dict[str, Value] = {"Identity": rule.identity, **values_of(settings)}
        steps.append(Step("exchange", "Set-TransportRule", values))
    if state:
        steps.append(Step("exchange", "Enable-TransportRule", {"Identity": rule.identity, "Confirm": False}))
    return Drifted(settings + state, tuple(steps)) if steps else Compliant()


CONTROL = Control(
    id="oof-rule",
    title="Mail flow rule that sends automatic replies to their connector",
    guide="Send legitimate M365 Out of Office (OOF) Responses, steps 2 and 4",
    lane="fast",
    sees=(OutboundConnector, TransportRule, AcceptedDomain),
    judge=_judge,
    needs=("oof-connector",),
    by_hand="Exchange admin center > Mail flow > Rules: the automatic-reply rule, as in OOF steps 2 and 4; turn it on.",
)
