"""Microsoft's spoof intelligence is off where the filter has already judged the sender.

The first match of Strict preset, Standard preset, custom rules by priority and default policy decides which policy a
recipient gets. Only the policies that the profile names are written (none named: the default one). When another
one wins, that is told with its name: presets cannot be edited, and a custom policy is somebody's decision.
Source: docs/reference/exchange.md#anti-phish-policies.
"""

from domain import normal
from domain.control import (
    Comparison,
    Compliant,
    Control,
    Drifted,
    Judgement,
    NeedsPerson,
    compare,
)
from domain.exchange import AcceptedDomain, AntiPhishPolicy, AntiPhishRule, PolicyRule, PresetRule
from domain.facts import DoubtError, Facts
from domain.profile import given
from domain.shown import quoted
from domain.steps import Step, Value
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    policies = facts.all(AntiPhishPolicy)
    named = {normal.name(name) for name in given(wanted.profile.spoof_intelligence).policies}
    ours = [p for p in policies if (normal.name(p.name) in named if named else p.is_default)]
    if missing := named - {normal.name(p.name) for p in policies}:
        names = ", ".join(map(quoted, sorted(missing)))
        return NeedsPerson(f"there is no anti-phish policy {names}: correct overrides.spoof_intelligence.policies")
    if not ours:
        return NeedsPerson(
            "the tenant has no default anti-phish policy: name the policy in overrides.spoof_intelligence"
        )
    seen = sum((_comparison(policy) for policy in sorted(ours, key=lambda p: p.key)), Comparison())
    if seen.drift:
        steps = tuple(_switch_off(p) for p in sorted(ours, key=lambda p: p.key) if p.enable_spoof_intelligence)
        return Drifted(seen.drift, steps, equal=seen.equal)
    return _overridden(facts, policies, seen.equal)


def _comparison(policy: AntiPhishPolicy) -> Comparison:
    return compare(("EnableSpoofIntelligence", False, policy.enable_spoof_intelligence)).of(policy.name)


def _switch_off(policy: AntiPhishPolicy) -> Step:
    values: dict[str, Value] = {"Identity": policy.identity, "EnableSpoofIntelligence": False}
    return Step("exchange", "Set-AntiPhishPolicy", values, _comparison(policy).fields)


def _overridden(facts: Facts, policies: tuple[AntiPhishPolicy, ...], equal: frozenset[str]) -> Judgement:
    domains = frozenset(d.key for d in facts.all(AcceptedDomain) if d.in_scope)
    winners = _effective(_by_precedence(facts, policies), policies, domains)
    on = sum((_comparison(policy) for policy in winners), Comparison())
    if not on.drift:
        return Compliant(equal=equal)
    names = ", ".join(quoted(p.name) for p in winners if p.enable_spoof_intelligence)
    todo = f"overridden by {names}, which has spoof intelligence on and comes first for some recipients"
    return NeedsPerson(todo, on.drift, equal)


def _by_precedence(facts: Facts, policies: tuple[AntiPhishPolicy, ...]) -> list[PolicyRule]:
    kinds = {normal.name(p.name): p.recommended_policy_type for p in policies}
    # One whose policy is not listed may be the strict one.
    presets = sorted(
        facts.all(PresetRule), key=lambda r: kinds.get(normal.name(r.anti_phish_policy), "Strict") != "Strict"
    )
    custom = sorted(facts.all(AntiPhishRule), key=lambda r: r.priority)
    return [rule for rule in (*presets, *custom) if rule.state == "Enabled"]


def _effective(
    rules: list[PolicyRule], policies: tuple[AntiPhishPolicy, ...], domains: frozenset[str]
) -> list[AntiPhishPolicy]:
    """The policies that some recipient of *domains* gets.

    Raises:
        DoubtError: A rule for one of them names no policy that is listed, so that it hides what its recipients get.
    """
    by_name = {normal.name(p.name): p for p in policies}
    found: list[AntiPhishPolicy] = []
    open_domains = domains
    for rule in rules:
        touched = {domain for domain in open_domains if _touches(rule, domain)}
        if touched:
            found.append(_policy_of(rule, by_name))
        open_domains -= {domain for domain in touched if _covers(rule)}
    return found + [p for p in policies if p.is_default and open_domains]


def _policy_of(rule: PolicyRule, by_name: dict[str, AntiPhishPolicy]) -> AntiPhishPolicy:
    if policy := by_name.get(normal.name(rule.anti_phish_policy)):
        return policy
    named = quoted(rule.anti_phish_policy) if rule.anti_phish_policy else "none"
    raise DoubtError(
        f"rule {quoted(rule.name)} is enabled, and its anti-phish policy ({named}) is not listed",
        f"Where its policy was removed for good, remove rule {quoted(rule.name)} or switch it off.",
    )


def _touches(rule: PolicyRule, domain: str) -> bool:
    """Whether the rule may match a recipient of *domain*. Groups count as a match: their members are not known here."""
    if domain in rule.except_if_recipient_domain_is:
        return False
    in_domain = not rule.recipient_domain_is or domain in rule.recipient_domain_is
    to_someone = not rule.sent_to or any(address.endswith(f"@{domain}") for address in rule.sent_to)
    return in_domain and to_someone


def _covers(rule: PolicyRule) -> bool:
    """Whether the rule leaves no recipient of the domains that it touches to the rules below it."""
    return not (rule.sent_to or rule.sent_to_member_of or rule.except_if_sent_to or rule.except_if_sent_to_member_of)


CONTROL = Control(
    id="spoof-intelligence",
    title="Spoof intelligence off in the anti-phish policy",
    about=(AntiPhishPolicy, AntiPhishRule, PresetRule),
    beside=(AcceptedDomain,),
    parts=("spoof_intelligence",),
    judge=_judge,
    by_hand="Defender portal > Policies & rules > Threat policies > Anti-phishing: clear 'Enable spoof intelligence'.",
)
