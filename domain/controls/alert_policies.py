"""The two alert policies that cry wolf once the filter's range is allowed are switched off.

Guide, Disable M365 False Phishing Alerts: "Phish delivered due to an ETR override" and "Phish delivered due to an IP
allow policy" deactivated. They are system rules: that Set-ProtectionAlert may change them is unconfirmed, the portal
can (exchange-admin-api 6.10). Hence one try, a read-back, and then a person. Absent policies do not apply.
"""

from domain import normal
from domain.control import Compliant, Control, Drift, Drifted, Facts, Finding, NotApplicable
from domain.exchange import ProtectionAlert
from domain.steps import Step
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Finding:
    names = {normal.name(name) for name in wanted.profile.alert_policies}
    present = [alert for alert in facts.all(ProtectionAlert) if normal.name(alert.name) in names]
    if not present:
        return NotApplicable("the tenant's plan does not have these alert policies")
    on = [alert for alert in present if not alert.disabled]
    if not on:
        return Compliant()
    drift = tuple(Drift(f"{alert.name}: Disabled", wanted=True, found=False) for alert in on)
    return Drifted(drift, tuple(_switch_off(alert) for alert in on))


def _switch_off(alert: ProtectionAlert) -> Step:
    return Step("compliance", "Set-ProtectionAlert", {"Identity": alert.name, "Disabled": True})


CONTROL = Control(
    id="alert-policies",
    title="Alert policies for mail that the filter relays are off",
    guide="Disable M365 False Phishing Alerts",
    lane="slow",
    sees=(ProtectionAlert,),
    judge=_judge,
    once=True,
    by_hand="security.microsoft.com > Policies & rules > Alert policy: switch off the policies shown.",
)
