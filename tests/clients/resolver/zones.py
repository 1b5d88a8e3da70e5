"""A zone of three scripted servers, and what is asked of them."""

from clients.resolver import Resolver, Timeouts
from domain.mail.answers import Mx, Question
from tests.clients.resolver.scripted import says

MACHINE, FIRST, SECOND, PARENT = "127.0.0.9", "127.0.0.2", "127.0.0.3", "127.0.0.5"


SOA = "contoso.test. 900 SOA ns1.contoso.test. hostmaster.contoso.test. 1 7200 900 1209600 60"


DELEGATION = (
    SOA,
    "contoso.test. 300 NS ns1.contoso.test.",
    "contoso.test. 300 NS ns2.contoso.test.",
    "ns1.contoso.test. 300 A 127.0.0.2",
    "ns2.contoso.test. 300 A 127.0.0.3",
)


ABOVE = (
    "test. 900 SOA ns.test. hostmaster.test. 1 7200 900 1209600 60",
    "test. 300 NS ns.test.",
    f"ns.test. 300 A {PARENT}",
)


NAMED_ABOVE = ("contoso.test. 172800 NS ns1.contoso.test.", "contoso.test. 172800 NS ns2.contoso.test.")


MX = Question("contoso.test", "MX")


FILTERED = "contoso.test. 300 MX 10 inbound30.exchangedefender.com."


GOOD = says(FILTERED, soa=SOA)


FOUND = (Mx(10, "inbound30.exchangedefender.com"),)


QUICK = Timeouts(query_s=0.1, total_s=5)


def machine(*records):
    """The machine's own resolver: not authoritative, and it shows the SOA of the zone for names without their own."""
    return says(*records, aa=False, soa=SOA)


def resolver(server, clock, patience=QUICK):
    return Resolver((), clock, recursive=((MACHINE, server.port),), port=server.port, patience=patience)


async def ask(server, clock, question=MX, **how):
    return (await resolver(server, clock).ask([question], **how))[question]


DIRECT = "contoso.test. 300 MX 0 contoso-test.mail.protection.outlook.com."


def given(server, clock):
    return Resolver(server.servers(), clock, patience=QUICK)
