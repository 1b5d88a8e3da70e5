"""The alert policies that raise false alerts once the filter's range is allowed are switched off.

They are system rules: that Set-ProtectionAlert may change them is unconfirmed, the portal can. Hence one try, a
read-back, and then a person. Absent policies do not apply. Source: docs/reference/compliance.md.
"""

from domain import normal
from domain.control import (
    Comparison,
    Compliant,
    Control,
    Drifted,
    Judgement,
    NotApplicable,
    Unknown,
    compare,
)
from domain.exchange import ProtectionAlert
from domain.facts import Facts
from domain.steps import Step, Value
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    names = {normal.name(name) for name in wanted.profile.alert_policies}
    odd = facts.odd(ProtectionAlert)
    hidden, unread = {normal.name(each.name) for each in odd}, "; ".join(each.sentence for each in odd)
    ours = (a for a in facts.all(ProtectionAlert) if normal.name(a.name) in names - hidden)
    present = sorted(ours, key=lambda a: a.key)
    seen = sum((_comparison(alert) for alert in present), Comparison())
    steps = tuple(_switch_off(alert) for alert in present if not alert.disabled)
    if steps and "" not in hidden:  # one that is not named may be any of them
        return Drifted(seen.drift, steps, unread, equal=seen.equal, unseen=tuple(each.name for each in odd))
    if odd:
        return Unknown(unread, equal=seen.equal)
    if not present:
        return NotApplicable("the tenant's plan does not have these alert policies")
    return Compliant(equal=seen.equal)


def _comparison(alert: ProtectionAlert) -> Comparison:
    return compare(("Disabled", True, alert.disabled)).of(alert.name)


def _switch_off(alert: ProtectionAlert) -> Step:
    values: dict[str, Value] = {"Identity": alert.name, "Disabled": True}
    return Step("compliance", "Set-ProtectionAlert", values, _comparison(alert).fields)


CONTROL = Control(
    id="alert-policies",
    title="Alert policies for mail that the filter relays are off",
    about=(ProtectionAlert,),
    parts=("alert_policies",),
    judge=_judge,
    once=True,
    by_hand="security.microsoft.com > Policies & rules > Alert policy: switch off the policies shown.",
)
