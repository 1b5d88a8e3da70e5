"""Azure DNS and Cloudflare, from the tenant's config to the proof: the right token, the right zone, compared first."""

import pytest

from tests.handlers.conftest import fresh
from tests.handlers.hosts import AzureDns, Cloudflare
from tests.handlers.primary import GUIDE, WITHOUT

DOMAIN, TOKEN = "contoso.example", "MS=ms12345678"
SECRET, MSP = "HOLDFAST_DNS_SECRET_CLOUDFLARE", "5eed0000-0000-4000-8000-00000000a5b0"
AZURE = {"kind": "azure_dns", "subscription_id": "0b1f6480-1234-4c1d-9f7a-1f2e3d4c5b6a", "resource_group": "dns"}
CLOUDFLARE = {"kind": "cloudflare", "secret_setting": SECRET}


@pytest.fixture
async def service(azurite_connection):
    async with fresh(azurite_connection, **{SECRET: "zone-token"}) as service:
        yield service


@pytest.fixture
def tenant(service):
    service.world.dns.set(DOMAIN, "TXT", f'"{WITHOUT}"', f'"{TOKEN}"')
    return service.world.add_tenant(DOMAIN)


async def look(service, tenant, *controls):
    service.clock.advance(minutes=15)
    await service.check(tenant, controls=controls)
    await service.work()


def texts(service, name=DOMAIN):
    return {value.strip('"') for value in service.world.dns.values(name, "TXT")}


def azure(service, directory):
    host = AzureDns(service.world.dns, DOMAIN, directory)
    service.web.route(host="management.azure.com").mock(side_effect=host)
    return host


def cloudflare(service, opened_by="zone-token"):
    host = Cloudflare(service.world.dns, DOMAIN, opened_by)
    service.web.route(host="api.cloudflare.com").mock(side_effect=host)
    return host


async def test_azure_dns_is_written_with_our_own_token_of_the_customers_directory(service, tenant):
    host = azure(service, tenant.tenant_id)
    await service.look_after(tenant, dns={DOMAIN: AZURE})
    await look(service, tenant, "spf")
    assert (await service.state(tenant, "spf")).state == "compliant"
    assert texts(service) == {GUIDE, TOKEN}
    assert host.writes == 1


async def test_a_zone_in_the_providers_own_subscription_is_written_with_a_token_of_that_directory(service, tenant):
    service.world.add_tenant("msp.example", tenant_id=MSP)
    azure(service, MSP)
    await service.look_after(tenant, dns={DOMAIN: AZURE | {"directory": MSP}})
    await look(service, tenant, "spf")
    assert (await service.state(tenant, "spf")).state == "compliant"


async def test_an_etag_that_is_no_longer_true_stops_the_write_and_the_next_look_plans_anew(service, tenant):
    host = azure(service, tenant.tenant_id)
    theirs = "v=spf1 ip4:203.0.113.7 include:spf.protection.outlook.com -all"
    host.changed.append([theirs, TOKEN])
    await service.look_after(tenant, dns={DOMAIN: AZURE})
    await look(service, tenant, "spf")
    assert (await service.state(tenant, "spf")).state == "needs_person"
    assert texts(service) == {theirs.replace("v=spf1", "v=spf1 include:proxy.exchangedefender.com"), TOKEN}
    assert host.writes == 1


async def test_cloudflare_gets_the_one_record_changed_and_a_first_one_made(service, tenant):
    host = cloudflare(service)
    service.world.dns.remove(f"_dmarc.{DOMAIN}", "TXT")
    await service.look_after(tenant, dns={DOMAIN: CLOUDFLARE})
    await look(service, tenant, "spf", "dmarc")
    assert await service.states(tenant) == {"spf": "compliant", "dmarc": "compliant"}
    assert texts(service) == {GUIDE, TOKEN}
    assert texts(service, f"_dmarc.{DOMAIN}") == {"v=DMARC1; p=none"}
    assert host.writes == 2


async def test_a_token_that_cloudflare_does_not_take_is_told_and_is_nowhere_to_be_read(service, tenant, caplog):
    host = cloudflare(service, opened_by="another")
    await service.look_after(tenant, dns={DOMAIN: CLOUDFLARE})
    await look(service, tenant, "spf")
    state = await service.state(tenant, "spf")
    assert state.state == "needs_person"
    assert "10000: Authentication error" in state.detail
    assert "Zone:Read and DNS:Edit" in state.detail
    assert host.writes == 0
    told = caplog.text + "".join(map(str, await service.ledger(tenant)))
    assert "zone-token" not in told
