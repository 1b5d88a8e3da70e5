"""Mail that claims to be the customer's own and comes straight to the tenant is refused, or not, as the profile wants.

Report only: refusing it stops whatever device or service sends that way without a connector of its own, which only a
person can know. Source: docs/reference/exchangedefender.md#direct-send.
"""

from domain.control import (
    Compliant,
    Control,
    Judgement,
    NeedsPerson,
    Unknown,
    compare,
)
from domain.exchange import OrganizationConfig
from domain.facts import Facts
from domain.profile import given
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    reject = given(wanted.profile.direct_send).reject
    match facts.all(OrganizationConfig):
        case (organization,):
            seen = compare(("RejectDirectSend", reject, organization.reject_direct_send))
            return NeedsPerson(CONTROL.by_hand, seen.drift, seen.equal) if seen.drift else Compliant(equal=seen.equal)
        case several:
            return Unknown(f"Get-OrganizationConfig returned {len(several)} organisations")


CONTROL = Control(
    id="direct-send",
    title="Direct Send is refused or taken as the profile wants",
    about=(OrganizationConfig,),
    judge=_judge,
    parts=("direct_send",),
    by_hand="Exchange Online PowerShell: Set-OrganizationConfig -RejectDirectSend with the value shown, once every"
    " device and service that sends as the domain has a connector of its own.",
)
