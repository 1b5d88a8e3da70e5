"""The provider that a domain's config names."""

import base64

import pytest

from clients.dns_providers import Hosts, provider
from clients.dns_providers.azure_dns import AzureDns
from clients.dns_providers.cloudflare import Cloudflare
from clients.dns_providers.rfc2136 import Rfc2136

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
SECRETS = {
    "HOLDFAST_DNS_SECRET_CLOUDFLARE": "zone-token",
    "HOLDFAST_DNS_SECRET_KNOT": base64.b64encode(b"k" * 32).decode(),
    "HOLDFAST_DNS_SECRET_ODD": "not base64!",
    "HOLDFAST_CLIENT_SECRET": "of the service",
}


@pytest.fixture
def hosts(http):
    async def token():
        return "arm-token"

    return Hosts(http, SECRETS, token)


@pytest.mark.parametrize(
    ("config", "kind"),
    [(AZURE, AzureDns), (CLOUDFLARE, Cloudflare), (OWN, Rfc2136), (OWN | {"server": "[::1]:53"}, Rfc2136)],
)
def test_each_kind_has_its_provider(hosts, config, kind):
    assert isinstance(provider(config, hosts), kind)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        pytest.param({}, "kind: ", id="empty"),
        pytest.param({"kind": "route53"}, "kind: .*'azure_dns', 'cloudflare', 'rfc2136'", id="unknown_kind"),
        pytest.param(OWN | {"server": "127.0.0.1"}, "server: .*host:port", id="no_port"),
        pytest.param(OWN | {"secret": "inline"}, "secret: Extra inputs", id="a_secret_in_the_config"),
        pytest.param(AZURE | {"resource_group": "../x"}, "resource_group: ", id="a_path"),
        pytest.param(
            CLOUDFLARE | {"secret_setting": "HOLDFAST_CLIENT_SECRET"}, "secret_setting: ", id="a_setting_of_the_service"
        ),
        pytest.param(
            CLOUDFLARE | {"secret_setting": "HOLDFAST_DNS_SECRET_X"}, "^HOLDFAST_DNS_SECRET_X: is missing", id="missing"
        ),
        pytest.param(
            OWN | {"secret_setting": "HOLDFAST_DNS_SECRET_ODD"}, "^HOLDFAST_DNS_SECRET_ODD: not a TSIG key", id="no_key"
        ),
    ],
)
def test_a_config_that_cannot_be_is_one_line_that_names_what_is_wrong_and_no_secret(hosts, config, line):
    with pytest.raises(ValueError, match=line) as wrong:
        provider(config, hosts)
    assert "\n" not in str(wrong.value)
    assert not any(secret in str(wrong.value) for secret in [*SECRETS.values(), "inline"])


def test_no_secret_shows_in_what_is_printed(hosts):
    assert "zone-token" not in repr(hosts)
    assert "zone-token" not in repr(provider(CLOUDFLARE, hosts))
