"""Every domain has a DMARC record, its own or an inherited one. A missing one is proposed; none is ever changed.

Guide, OOF step 3: "Publish new DMARC". Source of the rules: RFC 9989 (dns-and-exchangedefender 4).
"""

from typing import assert_never

from domain.control import Control, Facts, Finding, compare
from domain.controls import per_domain
from domain.exchange import AcceptedDomain
from domain.mail import dmarc
from domain.mail.asking import Needs, Unknown
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Finding | Needs:
    def look(domain: str) -> per_domain.OneDomain | Needs | Unknown:
        found = dmarc.walk(domain, facts.answers)
        match found:
            case Needs() | Unknown():
                return found
            case dmarc.Found():
                return per_domain.OneDomain(compare(("DMARC", "a record", "a record")).of(domain))
            case dmarc.NoRecord(remarks=remarks):
                wrong = "; ".join(f"{remark.where}: {remark.detail}" for remark in remarks)
                new = f'{domain}: publish _dmarc.{domain} TXT "{wanted.profile.dmarc.record}"'
                return per_domain.OneDomain(compare(("DMARC", "a record", None)).of(domain), wrong or new)
            case _:
                assert_never(found)

    return per_domain.judge(per_domain.domains_of(facts), look)


CONTROL = Control(
    id="dmarc",
    title="A DMARC record for every domain",
    guide='Send legitimate M365 Out of Office (OOF) Responses, step 3: "Publish new DMARC"',
    lane="slow",
    sees=(AcceptedDomain,),
    judge=_judge,
    asks_dns=True,
    by_hand="The domain's DNS: a TXT record at _dmarc, as shown; never a weaker policy than there is.",
)
