"""The documented record and its zone."""

from tests.domain.mail.zones import spf as records

OWN = "contoso.example"


PROXY, CLOUD = "proxy.exchangedefender.com", "spf.protection.outlook.com"


BOTH = (PROXY, CLOUD)


TREES = {
    PROXY: "v=spf1 ip4:65.99.255.0/24 -all",
    CLOUD: "v=spf1 ip4:40.92.0.0/15 -all",
    "flat.example": f"v=spf1 include:{PROXY} include:{CLOUD} ?all",
    "soft.example": f"v=spf1 ~include:{PROXY} ~all",
    "mail.example": "v=spf1 ip4:192.0.2.0/24 ~all",
    "main.example": f"v=spf1 include:{PROXY} include:{CLOUD} -all",
    "mild.example": f"v=spf1 include:{PROXY} include:{CLOUD} ~all",
}


def zone(record):
    return records(TREES) | ({} if record is None else records({OWN: record}))
