"""What the documented record leads to, and a domain that is judged by it."""

from domain.mail import spf
from tests.domain.mail.zones import settle
from tests.domain.mail.zones import spf as records

OWN = "contoso.example"


PROXY, CLOUD = "proxy.exchangedefender.com", "spf.protection.outlook.com"


BOTH = (PROXY, CLOUD)


TREES = {
    PROXY: "v=spf1 ip4:65.99.255.0/24 ip4:206.125.40.0/24 -all",
    CLOUD: "v=spf1 ip4:40.92.0.0/15 ip4:52.100.0.0/14 ip6:2a01:111:f400::/48 -all",
    "flat.example": f"v=spf1 include:{PROXY} include:{CLOUD} ?all",
    "soft.example": f"v=spf1 ~include:{PROXY} ~all",
    "mail.example": "v=spf1 ip4:198.18.0.0/24 ~all",
    "main.example": f"v=spf1 include:{PROXY} include:{CLOUD} -all",
    "mild.example": f"v=spf1 include:{PROXY} include:{CLOUD} ~all",
    "everyone.example": "v=spf1 +all",
    "halves.example": "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all",
    "macro.example": "v=spf1 exists:%{i}.allowed.macro.example -all",
    "large.example": "v=spf1 ip4:74.125.0.0/16 ip4:173.194.0.0/16 ip4:209.85.128.0/17 ip6:2001:4860:4000::/36 ~all",
}


def zone(record, **hosts):
    """The trees, the domain's *record*, and *hosts* of the domain with one address each."""
    named = {(f"{host}.{OWN}", "A"): (address,) for host, address in hosts.items()}
    return records(TREES) | ({} if record is None else records({OWN: record})) | named


def propose(listed, required=BOTH):
    return settle(lambda answers: spf.repaired(OWN, answers, required), listed)
