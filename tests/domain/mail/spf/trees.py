"""Zones whose records include others."""

from domain.mail import spf
from tests.domain.mail.zones import Zone, settle

OWN = "contoso.example"


def look(zone, domain=OWN):
    found = settle(lambda answers: spf.examine(domain, answers), zone)
    assert isinstance(found, spf.Examined)
    return found


def ids(examined, *levels):
    return sorted(remark.id for remark in examined.remarks if not levels or remark.level in levels)


A = {"a.example": "v=spf1 ip4:192.0.2.1 -all", "b.example": "v=spf1 include:a.example -all"}


HOSTS: Zone = {("host.example", "A"): ("192.0.2.1",), ("six.example", "AAAA"): ("2001:db8::1",)}
