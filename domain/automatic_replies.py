"""What else stops automatic replies, although their connector and rule are as documented.

Sources: docs/reference/exchange.md#transport-rules, #remote-domains.
"""

from collections.abc import Collection, Iterator

from domain import normal
from domain.controls.oof_connector import CONDITIONS
from domain.exchange import AcceptedDomain, RemoteDomain, TransportRule
from domain.facts import Facts
from domain.shown import quoted

_STOPPING = {
    "DeleteMessage": "deletes them",
    "Quarantine": "quarantines them",
    "RejectMessageReasonText": "rejects them",
    "RejectMessageEnhancedStatusCode": "rejects them",
    "RedirectMessageTo": "redirects them",
    "ModerateMessageByUser": "has them moderated",
    "ModerateMessageByManager": "has them moderated",
}
_NARROWING = CONDITIONS - {"FromScope", "SentToScope"}

_SCOPING = frozenset({"MessageTypeMatchesPredicate", "FromScopePredicate", "SentToScopePredicate"})
"""The conditions that are judged by their values."""

_WORDS = ("SubjectContainsWords", "SubjectMatchesPatterns", "SubjectOrBodyContainsWords")
_SAID = ("automatic reply", "out of office", "auto:")
"""What the subject of an automatic reply begins with, in English."""

_SENT = frozenset({"External", "ExternalLegacy"})
"""Values of `AllowedOOFType` with which the reply that is meant for outsiders goes out."""


def stopped_by_rules(facts: Facts, ours: TransportRule, exits: Collection[str]) -> Iterator[str]:
    """A sentence for each rule that keeps automatic replies from taking one of *exits*, in the rules' order.

    A rule counts where it is about automatic replies, or about all mail that leaves, if only of one domain; what
    narrows it otherwise hits some replies alone, and is left to whoever made it.
    """
    own = {domain.key for domain in facts.all(AcceptedDomain)}
    listed = list(enumerate(facts.all(TransportRule)))
    places = {rule.key: at if rule.priority is None else rule.priority for at, rule in listed}
    rules = sorted((rule for _, rule in listed), key=lambda rule: places[rule.key])
    for rule in rules:
        is_before = places[rule.key] < places[ours.key]
        if rule.key == ours.key or not _meets_replies(rule, own) or not (is_before or not ours.stops_processing):
            continue
        does = [verb for name, verb in _STOPPING.items() if rule.texts(name)]
        does += ["takes them another way"] if _reroutes(rule, exits) else []
        does += ["stops the rules after it"] if is_before and rule.stops_processing else []
        if does:
            yield f"rule {quoted(rule.name)}, which {' and '.join(dict.fromkeys(does))}"


def stopped_by_remote_domains(facts: Facts) -> Iterator[str]:
    """A sentence for each remote domain whose mail system gets no reply, or not the one that is meant for it."""
    for domain in facts.all(RemoteDomain):
        named = f"remote domain {quoted(domain.name)} ({quoted(domain.domain_name)})"
        if domain.allowed_oof_type not in _SENT:
            yield f"{named}, whose AllowedOOFType is {quoted(domain.allowed_oof_type)}"
        elif not domain.auto_reply_enabled:
            yield f"{named}, whose AutoReplyEnabled is off, which may stop them"


def _meets_replies(rule: TransportRule, own: Collection[str]) -> bool:
    if rule.state != "Enabled" or rule.mode != "Enforce" or rule.message_type_matches not in {"", "OOF"}:
        return False
    if "OOF" in rule.texts("ExceptIfMessageTypeMatches"):
        return False
    if "NotInOrganization" in rule.texts("FromScope") or "InOrganization" in rule.texts("SentToScope"):
        return False
    return rule.message_type_matches == "OOF" or _is_about_replies(rule) or not _narrowing(rule, own)


def _is_about_replies(rule: TransportRule) -> bool:
    """Whether it knows automatic replies by what their subject says."""
    words = [text.casefold() for name in _WORDS for text in rule.texts(name)]
    return any(said in each for said in _SAID for each in words)


def _narrowing(rule: TransportRule, own: Collection[str]) -> set[str]:
    """The conditions that not all mail meets which leaves one of the domains *own*."""
    classes = {name.rpartition(".")[2] for name in rule.texts("Conditions")} - _SCOPING
    names = {name for name in _NARROWING if rule.texts(name)}
    if any(normal.domain(each) in own for each in rule.texts("SenderDomainIs")):
        classes, names = classes - {"SenderDomainIsPredicate"}, names - {"SenderDomainIs"}
    return classes | names


def _reroutes(rule: TransportRule, exits: Collection[str]) -> bool:
    routed_to = rule.route_message_outbound_connector
    return bool(routed_to) and normal.name(routed_to) not in exits
