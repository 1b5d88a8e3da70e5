"""Who hosts a zone, as a tenant's config names it; an unclear config is refused by its field."""

import pytest
from pydantic import ValidationError

from domain.dns_hosts import refused_address, zone_of
from domain.profile import first_fault
from domain.tenant import TenantConfig

AZURE = {
    "kind": "azure_dns",
    "subscription_id": "0b1f6480-1234-4c1d-9f7a-1f2e3d4c5b6a",
    "resource_group": "dns",
}
CLOUDFLARE = {"kind": "cloudflare", "secret_setting": "HOLDFAST_DNS_SECRET_CLOUDFLARE"}
OWN = {
    "kind": "rfc2136",
    "server": "127.0.0.1:53530",
    "key_name": "holdfast-key",
    "secret_setting": "HOLDFAST_DNS_SECRET_KNOT",
}
TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
ZONE = "contoso.com"
REFUSED = "it is no DNS server but an address of the platform or of no host"


def tenant(host):
    known = {"tenant_id": TENANT, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}
    return TenantConfig.model_validate(known | {"dns": {ZONE: host}})


@pytest.mark.parametrize(
    ("host", "line"),
    [
        pytest.param({}, "tag using discriminator 'kind'", id="empty"),
        pytest.param({"kind": "route53"}, "does not match any of the expected tags", id="unknown_kind"),
        pytest.param(OWN | {"server": "127.0.0.1"}, "server: should be host:port", id="no_port"),
        pytest.param(OWN | {"server": "ns1..contoso.com:53"}, "has an empty label", id="no_host"),
        pytest.param(OWN | {"server": f"{'x' * 64}.com:53"}, "more than 63 characters", id="label_too_long"),
        pytest.param(OWN | {"secret": "inline"}, "secret: Extra inputs", id="a_secret_in_the_config"),
        pytest.param(AZURE | {"resource_group": "../x"}, "resource_group: ", id="a_path"),
        pytest.param(AZURE | {"resource_group": ".."}, "resource_group: ", id="the_path_above"),
        pytest.param(AZURE | {"resource_group": "dns."}, "resource_group: ", id="a_dot_at_the_end"),
        pytest.param(AZURE | {"directory": "contoso"}, "directory: ", id="no_guid"),
        pytest.param(
            CLOUDFLARE | {"secret_setting": "HOLDFAST_CLIENT_SECRET"}, "secret_setting: ", id="a_setting_of_the_service"
        ),
    ],
)
def test_a_config_that_cannot_be_is_one_line_that_names_what_is_wrong(host, line):
    with pytest.raises(ValidationError) as wrong:
        tenant(host)
    told = first_fault("body", wrong.value)
    assert told.startswith("body.dns.contoso.com")
    assert line in told
    assert "inline" not in told


def test_a_zone_that_is_named_twice_is_refused_as_either_host_could_be_meant():
    known = {"tenant_id": TENANT, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}
    with pytest.raises(ValidationError, match=r"contoso\.com: should be named once"):
        TenantConfig.model_validate(known | {"dns": {ZONE: AZURE, "Contoso.COM.": CLOUDFLARE}})


def test_a_domain_is_in_the_longest_zone_that_is_named_and_what_is_no_domain_is_in_none():
    zones = TenantConfig.model_validate(
        {"tenant_id": TENANT, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}
        | {"dns": {ZONE: CLOUDFLARE, f"eu.{ZONE}": AZURE}}
    ).dns
    assert zone_of(f"mail.eu.{ZONE}", zones) == f"eu.{ZONE}"
    assert zone_of(f"Mail.{ZONE}.", zones) == ZONE
    assert (zone_of("fabrikam.com", zones), zone_of("a..b", zones)) == (None, None)


@pytest.mark.parametrize(
    ("address", "of_production", "of_a_laptop"),
    [
        ("192.0.2.53", "", ""),
        ("127.0.0.1", "it is this machine", ""),
        ("::ffff:127.0.0.1", "it is this machine", ""),
        *((each, REFUSED, REFUSED) for each in ("169.254.169.254", "fe80::1", "::", "224.0.0.1", "168.63.129.16")),
    ],
)
def test_no_update_is_sent_to_this_machine_or_to_what_gives_it_its_tokens(address, of_production, of_a_laptop):
    assert refused_address(address, loopback=False) == of_production
    assert refused_address(address, loopback=True) == of_a_laptop
