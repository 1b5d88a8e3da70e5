"""A real Knot server on loopback, one for all tests of DNS; imported by the conftest files that need it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devhost.errors import StartError
from devhost.knot import Knot, knot

CONTOSO = r"""
$ORIGIN contoso.test.
$TTL 300
@ 3600 SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
@ NS ns2
ns1 A 127.0.0.1
ns2 A 127.0.0.2
@ MX 10 inbound30.exchangedefender.test.
@ MX 20 inbound31.exchangedefender.test.
@ TXT "v=spf1 include:proxy.exchangedefender.test -all"
@ TXT "MS=ms12345678"
_dmarc TXT "v=DMARC1; p=none"
selector1._domainkey CNAME selector1-contoso-test._domainkey.contoso.n-v1.dkim.mail.microsoft.
two-strings TXT "v=spf1 include:proxy." "exchangedefender.test -all"
two-records TXT "v=spf1 -all"
two-records TXT "v=spf1 +all"
parked MX 0 .
www A 192.0.2.1
www AAAA 2001:db8::1
*.wild TXT "v=spf1 -all"
alias CNAME two-strings
outside CNAME dangling.exchangedefender.test.
tangle CNAME tangle2
tangle2 CNAME tangle
nine CNAME eight
eight CNAME seven
seven CNAME six
six CNAME five
five CNAME four
four CNAME three
three CNAME two
two CNAME one
one CNAME zero
zero TXT "at last"
latin1 TXT "v=spf1 \233 -all"
xn--bcher-kva TXT "v=spf1 -all"
"""
LONG_TEXT = b"v=spf1 " + b"ip4:192.0.2.1 " * 4_500 + b"-all"
"""Nearly the 64 kB that one record can hold."""
FILTER = """
$ORIGIN exchangedefender.test.
$TTL 300
@ SOA ns1.contoso.test. hostmaster 1 7200 900 1209600 60
@ NS ns1.contoso.test.
proxy TXT "v=spf1 ip4:65.99.255.0/24 -all"
inbound30 A 65.99.255.30
"""
PUBLIC = """
$ORIGIN {name}.
$TTL 300
@ SOA ns1.contoso.test. hostmaster 1 7200 900 1209600 60
@ NS ns1.contoso.test.
"""
INCLUDES = {
    "exchangedefender.com": 'proxy TXT "v=spf1 ip4:65.99.255.0/24 ip4:206.125.40.0/24 -all"\n',
    "outlook.com": 'spf.protection TXT "v=spf1 ip4:40.92.0.0/15 ip4:40.107.0.0/16 ip4:52.100.0.0/14 -all"\n',
    "example": "",
    "mail.microsoft": '* TXT "v=DKIM1; k=rsa; p=MIGf"\n',
    "onmicrosoft.com": '* TXT "v=DKIM1; k=rsa; p=MIGf"\n',
}
"""What the records of a tenant lead to."""
PLAIN = """
$ORIGIN {name}.
$TTL 300
@ SOA ns1.contoso.test. hostmaster 1 7200 900 1209600 60
@ NS ns1.contoso.test.
@ NS ns2.contoso.test.
@ TXT "MS=ms12345678"
"""


def _long() -> str:
    strings = (LONG_TEXT[start : start + 255].decode() for start in range(0, len(LONG_TEXT), 255))
    return "long TXT ( " + " ".join(f'"{string}"' for string in strings) + " )\n"


def zones() -> dict[str, str]:
    """`contoso.test` is for reading; `fabrikam.test` is for writing, and `northwind.example` by the whole service."""
    return {
        "contoso.test": CONTOSO + _long(),
        "exchangedefender.test": FILTER,
        "fabrikam.test": PLAIN.format(name="fabrikam.test"),
        "northwind.example": PLAIN.format(name="northwind.example"),
    } | {name: PUBLIC.format(name=name) + records for name, records in INCLUDES.items()}


@pytest_asyncio.fixture(scope="session", loop_scope="session", name="knot")
async def knot_server() -> AsyncIterator[Knot]:
    try:
        async with knot(zones(), hosts=("127.0.0.1", "127.0.0.2")) as server:
            yield server
    except StartError as error:
        pytest.fail(str(error), pytrace=False)
