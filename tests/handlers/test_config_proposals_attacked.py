"""A config cannot disarm: what an attacker with a caller's rights would put into one, at the API's door."""

from datetime import timedelta

import pytest

from tests.handlers.conftest import fresh
from tests.handlers.test_config_proposals import kept, put
from tests.handlers.web import of

SECRET, ANOTHERS = "HOLDFAST_DNS_SECRET_CONTOSO", "HOLDFAST_DNS_SECRET_FABRIKAM"
CONTOSO = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
AZURE_DNS = {"kind": "azure_dns", "subscription_id": "0b1f6480-1234-4c1d-9f7a-1f2e3d4c5b6a"}


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    return tenant


async def refused(service, tenant, field, **more):
    """That the config is refused by the name of *field*, and the tenant's own stays."""
    before = await kept(service, tenant)
    answer = await put(service, tenant, **more)
    assert answer.status_code == 422, of(answer)
    assert field in of(answer)["detail"]
    assert await kept(service, tenant) == before


async def proposed(service, tenant, **overrides):
    """What the config would let in, which waits for another person: the tenant's own stays."""
    before = await kept(service, tenant)
    answer = await put(service, tenant, overrides=overrides)
    assert answer.status_code == 202, of(answer)
    assert await kept(service, tenant) == before
    return of(answer)["widens"]


@pytest.mark.parametrize(
    "suffix", ["COM.", "OutLook.com.", "protection.outlook.com", "onmicrosoft.com", "\uff43\uff4f\uff4d", ".", ""]
)
async def test_a_suffix_of_everybodys_hosts_is_refused_however_it_is_spelled(service, tenant, suffix):
    await refused(service, tenant, "overrides.mx_suffixes", overrides={"mx_suffixes": [suffix]})


async def test_a_name_that_only_ends_like_the_filters_is_somebody_elses(service, tenant):
    suffix = "evil-exchangedefender.com"
    assert await proposed(service, tenant, mx_suffixes=[suffix]) == [f"mx_suffixes: {suffix}"]


@pytest.mark.parametrize(
    "policy", ["*", "phish delivered due to an etr override", "Elevation of Exchange admin privilege"]
)
async def test_only_the_two_documented_policies_are_switched_off_by_one_person(service, tenant, policy):
    assert await proposed(service, tenant, alert_policies=[policy]) == [f"alert_policies: {policy}"]


async def test_who_is_told_in_reports_who_writes_mail_for_a_domain_is_no_matter_of_one_person(service, tenant):
    record = "v=DMARC1; p=none; rua=mailto:dmarc@stranger.example"
    assert await proposed(service, tenant, dmarc={"record": record}) == [f"dmarc.record: {record}"]


@pytest.mark.parametrize(
    "include",
    [
        "proxy.exchangedefender.com +all",
        "proxy.exchangedefender.com ip4:0.0.0.0/0",
        "proxy.exchangedefender.com\nv=spf1 +all",
        "%{i}.attacker.example",
        "all ?all",
        "",
    ],
)
async def test_an_include_is_a_name_and_brings_no_other_mechanism_along(service, tenant, include):
    await refused(service, tenant, "overrides.spf.includes", overrides={"spf": {"includes": [include]}})


@pytest.mark.parametrize(
    "network", ["0.0.0.0/0", "203.0.113.0/255.255.0.0", "65.99.255.0/23", "::/0", "::ffff:203.0.113.0/120"]
)
async def test_a_network_wider_than_a_connector_takes_is_refused(service, tenant, network):
    await refused(service, tenant, "overrides.delivery_networks", overrides={"delivery_networks": [network]})
    pairs = {"spoof_allow": {"networks": [network]}}
    await refused(service, tenant, "overrides.spoof_allow.networks", overrides=pairs)


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "32.0.0.0/3"])
async def test_half_the_internet_is_nobodys_network(service, tenant, network):
    await refused(service, tenant, "overrides.microsoft_networks", overrides={"microsoft_networks": [network]})


@pytest.mark.parametrize("network", ["203.0.113.7/32", "203.0.112.0/20", "2001:db8::/32"])
async def test_another_network_for_microsofts_waits_for_another_person(service, tenant, network):
    assert await proposed(service, tenant, microsoft_networks=[network]) == [f"microsoft_networks: {network}"]


@pytest.mark.parametrize("group", ["../../providers/x", "dns.", "a/b", "dns?x=1", "x" * 91, "dns\n"])
async def test_a_resource_group_is_no_path(service, tenant, group):
    await refused(service, tenant, "resource_group", dns={"contoso.example": AZURE_DNS | {"resource_group": group}})


def cloudflare(secret):
    return {"contoso.example": {"kind": "cloudflare", "secret_setting": secret}}


IN_AZURE = {SECRET: "token-of-contoso", ANOTHERS: "token-of-fabrikam"}


@pytest.mark.parametrize(
    "listed",
    [
        f'{{"{SECRET}": ["{CONTOSO}"], "{ANOTHERS}": ["2f9d1b54-0c1a-4a63-8c3e-6f6a6e0b1c77"]}}',
        f'{{"{SECRET}": ["{CONTOSO}"]}}',
    ],
    ids=["listed_for_another", "listed_for_nobody"],
)
async def test_a_config_names_no_dns_secret_but_those_that_are_for_its_tenant(azurite_connection, listed):
    async with fresh(azurite_connection, **IN_AZURE, HOLDFAST_DNS_TENANTS=listed) as service:
        tenant = service.world.add_tenant("contoso.example", tenant_id=CONTOSO)
        await service.look_after(tenant)
        await refused(service, tenant, "is not for this tenant", dns=cloudflare(ANOTHERS))
        assert (await put(service, tenant, dns=cloudflare(SECRET))).status_code == 200


@pytest.mark.parametrize(
    "setting", ["HOLDFAST_CLIENT_SECRET", "HOLDFAST_DEV_KEY", "AzureWebJobsStorage", "HOLDFAST_DNS_SECRET_"]
)
async def test_no_other_setting_is_taken_for_a_dns_secret(service, tenant, setting):
    await refused(service, tenant, "secret_setting", dns=cloudflare(setting))


async def test_nobody_answers_for_a_finding_for_more_than_a_year(service, tenant):
    declared = [
        {
            "finding": "0123456789abcdef", "kind": "connector", "control": "lock-bypass", "name": "x", "value": "y",
            "reason": "a relay", "owner": "mallory", "until": (service.clock() + timedelta(days=days)).isoformat(),
        }
        for days in (300, 367)
    ]  # fmt: skip
    await refused(service, tenant, "declared", declared=declared)
    assert (await put(service, tenant, declared=declared[:1])).status_code == 200
    assert (await kept(service, tenant))["declared"][0]["owner"] == "mallory"
