from collections.abc import AsyncIterator

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import pytest

from simulator.dns import DnsServer
from simulator.tenant import Tenant
from simulator.world import World

DOMAIN = "northwindlegal.example"


class Asker:
    def __init__(self, server: DnsServer) -> None:
        host, _, port = server.address.partition(":")
        self.host, self.port = host, int(port)

    async def udp(self, name: str, rdtype: str, seconds: float = 5) -> dns.message.Message:
        query = dns.message.make_query(name, rdtype)
        return await dns.asyncquery.udp(query, self.host, seconds, self.port)

    async def tcp(self, name: str, rdtype: str) -> dns.message.Message:
        return await dns.asyncquery.tcp(dns.message.make_query(name, rdtype), self.host, 5, self.port)

    async def texts(self, name: str, rdtype: str) -> list[str]:
        answer = (await self.udp(name, rdtype)).answer
        return sorted(
            item.to_text() for rrset in answer if rrset.rdtype == dns.rdatatype.from_text(rdtype) for item in rrset
        )


@pytest.fixture
async def asker(world: World, tenant: Tenant) -> AsyncIterator[Asker]:
    assert tenant
    async with DnsServer(world.dns) as server:
        yield Asker(server)


async def test_a_healthy_domain_has_the_filters_mx_and_the_mail_records(asker: Asker) -> None:
    assert await asker.texts(DOMAIN, "MX") == ["10 inbound30.exchangedefender.com."]
    assert await asker.texts(DOMAIN, "TXT") == [
        '"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all"'
    ]
    assert (await asker.texts(f"_dmarc.{DOMAIN}", "TXT"))[0].startswith('"v=DMARC1;')


async def test_a_fresh_domain_has_its_mx_at_microsoft(world: World, asker: Asker) -> None:
    world.add_tenant("fabrikam.example", state="never_configured")

    assert await asker.texts("fabrikam.example", "MX") == ["0 fabrikam-example.mail.protection.outlook.com."]
    assert await asker.texts("fabrikam-example.mail.protection.outlook.com", "A") == ["52.101.8.42"]
    assert await asker.texts("selector1._domainkey.fabrikam.example", "CNAME") == []


@pytest.mark.parametrize("scheme", ["new", "old"])
async def test_dkim_cnames_lead_to_the_keys(tenant: Tenant, asker: Asker, scheme: str) -> None:
    tenant.switches.dkim_scheme = "old" if scheme == "old" else "new"
    config = tenant.admin("Get-DkimSigningConfig")[0]

    answer = await asker.udp(f"selector1._domainkey.{DOMAIN}", "TXT")

    assert answer.answer[0][0].to_text().rstrip(".") == config["Selector1CNAME"]
    assert answer.answer[1][0].to_text().strip('"') == config["Selector1PublicKey"]


async def test_the_includes_of_the_spf_record_are_there(asker: Asker) -> None:
    for name in ("proxy.exchangedefender.com", "spf.protection.outlook.com"):
        assert (await asker.texts(name, "TXT"))[0].startswith('"v=spf1 ')


async def test_records_can_be_set_removed_and_given_back(world: World, asker: Asker) -> None:
    world.dns.set(DOMAIN, "MX", "0 northwindlegal-example.mail.protection.outlook.com.", ttl=60)
    moved = await asker.udp(DOMAIN, "MX")
    world.dns.remove(DOMAIN, "MX")
    gone = await asker.udp(DOMAIN, "MX")
    world.dns.unset(DOMAIN, "MX")

    assert moved.answer[0].to_text() == f"{DOMAIN}. 60 IN MX 0 northwindlegal-example.mail.protection.outlook.com."
    assert (gone.rcode(), gone.answer) == (dns.rcode.NOERROR, [])
    assert await asker.texts(DOMAIN, "MX") == ["10 inbound30.exchangedefender.com."]


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode"),
    [
        pytest.param(DOMAIN, "AAAA", dns.rcode.NOERROR, id="name without such a record"),
        pytest.param(f"_domainkey.{DOMAIN}", "TXT", dns.rcode.NOERROR, id="name with names below it"),
        pytest.param(f"www.{DOMAIN}", "A", dns.rcode.NXDOMAIN, id="no such name"),
    ],
)
async def test_no_data_and_no_name_differ_and_both_name_the_zone(
    asker: Asker, name: str, rdtype: str, rcode: dns.rcode.Rcode
) -> None:
    answer = await asker.udp(name, rdtype)

    assert (answer.rcode(), answer.answer) == (rcode, [])
    assert answer.authority[0].name.to_text() == f"{DOMAIN}."
    assert answer.authority[0].rdtype == dns.rdatatype.SOA
    assert answer.flags & dns.flags.AA


async def test_a_name_outside_the_world_does_not_exist(asker: Asker) -> None:
    assert (await asker.udp("example.invalid", "A")).rcode() == dns.rcode.NXDOMAIN


async def test_a_cname_loop_ends(world: World, asker: Asker) -> None:
    world.dns.set(f"a.{DOMAIN}", "CNAME", f"b.{DOMAIN}.")
    world.dns.set(f"b.{DOMAIN}", "CNAME", f"a.{DOMAIN}.")

    assert (await asker.udp(f"a.{DOMAIN}", "A")).answer


async def test_a_name_can_fail_so_many_times(world: World, asker: Asker) -> None:
    world.dns.fail(DOMAIN, "servfail", times=2)

    rcodes = [(await asker.udp(DOMAIN, "MX")).rcode() for _ in range(3)]

    assert rcodes == [dns.rcode.SERVFAIL, dns.rcode.SERVFAIL, dns.rcode.NOERROR]


async def test_a_name_can_stay_silent_until_healed(world: World, asker: Asker) -> None:
    world.dns.fail(DOMAIN, "timeout")
    with pytest.raises(dns.exception.Timeout):
        await asker.udp(DOMAIN, "MX", seconds=0.05)

    world.dns.heal(DOMAIN)

    assert await asker.texts(DOMAIN, "MX")


async def test_a_truncated_answer_is_whole_over_tcp(world: World, asker: Asker) -> None:
    world.dns.fail(DOMAIN, "truncated")

    short, whole = await asker.udp(DOMAIN, "MX"), await asker.tcp(DOMAIN, "MX")

    assert short.flags & dns.flags.TC
    assert not short.answer
    assert whole.answer[0][0].to_text() == "10 inbound30.exchangedefender.com."


async def test_a_zone_that_another_server_has_is_asked_there(asker: Asker, world: World) -> None:
    elsewhere = World()
    elsewhere.add_tenant("other.example", DOMAIN)
    elsewhere.dns.set(f"www.{DOMAIN}", "TXT", '"there"')
    async with DnsServer(elsewhere.dns) as server:
        host, _, port = server.address.partition(":")
        world.dns.delegate(DOMAIN, host, int(port))
        assert await asker.texts(f"www.{DOMAIN}", "TXT") == ['"there"']
        assert (await asker.tcp(f"www.{DOMAIN}", "TXT")).answer
        assert await asker.texts("proxy.exchangedefender.com", "TXT")
    with pytest.raises(dns.exception.Timeout):
        await asker.udp(f"www.{DOMAIN}", "TXT", seconds=0.2)
