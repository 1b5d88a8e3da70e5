"""The provider that a domain's config names."""

import base64
from dataclasses import replace

import httpx
import pytest

from clients.dns_providers import Hosting
from clients.dns_providers.azure_dns import AzureDns
from clients.dns_providers.cloudflare import Cloudflare
from clients.dns_providers.rfc2136 import Rfc2136
from clients.errors import Forbidden, Invalid, Unauthorised, Unreachable, Unreadable
from domain.dns_steps import RecordChange
from domain.mail.answers import Txt
from domain.tenant import TenantConfig
from tests.clients.dns_providers.conftest import granted

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
    "HOLDFAST_DNS_SECRET_LINE": "zone token-with-a-line-end\n",
    "HOLDFAST_CLIENT_SECRET": "of the service",
}


TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
ZONE = "contoso.com"


@pytest.fixture
def hosting(http):
    async def token(directory):
        return f"arm-token of {directory}"

    return Hosting(http, SECRETS, token, loopback=True)


def tenant(host):
    known = {"tenant_id": TENANT, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}
    return TenantConfig.model_validate(known | {"dns": {ZONE: host}})


@pytest.mark.parametrize(
    ("host", "kind"),
    [(AZURE, AzureDns), (CLOUDFLARE, Cloudflare), (OWN, Rfc2136), (OWN | {"server": "[::1]:53"}, Rfc2136)],
)
def test_each_kind_has_its_provider(hosting, host, kind):
    assert isinstance(hosting.provider(tenant(host), ZONE), kind)


@pytest.mark.parametrize(
    ("host", "line"),
    [
        pytest.param(
            CLOUDFLARE | {"secret_setting": "HOLDFAST_DNS_SECRET_X"},
            "^dns.contoso.com: HOLDFAST_DNS_SECRET_X: is missing",
            id="missing",
        ),
        pytest.param(
            OWN | {"secret_setting": "HOLDFAST_DNS_SECRET_ODD"},
            "^dns.contoso.com: HOLDFAST_DNS_SECRET_ODD: not a TSIG key",
            id="no_key",
        ),
        pytest.param(
            CLOUDFLARE | {"secret_setting": "HOLDFAST_DNS_SECRET_LINE"},
            "^dns.contoso.com: HOLDFAST_DNS_SECRET_LINE: not an API token",
            id="a_token_with_a_blank_and_a_line_end",
        ),
    ],
)
def test_a_secret_that_is_missing_or_odd_is_refused_by_the_name_of_its_setting(hosting, host, line):
    with pytest.raises(Unauthorised, match=line) as wrong:
        hosting.provider(tenant(host), ZONE)
    assert wrong.value.remedy
    assert not any(secret in str(wrong.value) for secret in SECRETS.values())


def test_a_secret_that_is_another_tenants_opens_nothing(hosting):
    """An attack: a config that names the secret of another tenant's zone."""
    names = [CLOUDFLARE["secret_setting"], OWN["secret_setting"]]
    theirs = replace(hosting, tenants={names[0]: frozenset({"another"}), names[1]: frozenset({TENANT})})
    with pytest.raises(Unauthorised, match=f"{names[0]}: is not for this tenant"):
        theirs.provider(tenant(CLOUDFLARE), ZONE)
    assert isinstance(theirs.provider(tenant(OWN), ZONE), Rfc2136)
    with pytest.raises(Unauthorised, match="is not for this tenant"):
        replace(hosting, tenants={}).provider(tenant(OWN), ZONE)


def test_no_secret_shows_in_what_is_printed(hosting):
    assert "zone-token" not in repr(hosting)
    assert "zone-token" not in repr(hosting.provider(tenant(CLOUDFLARE), ZONE))


NEW = RecordChange(ZONE, f"_dmarc.{ZONE}", "TXT", (), (Txt((b"v=DMARC1; p=none",)),)).step("DMARC")


async def test_a_zone_that_the_tenant_names_no_host_for_is_refused(hosting):
    with pytest.raises(Invalid, match="names no DNS provider"):
        await hosting.apply(tenant(OWN).model_copy(update={"dns": {}}), NEW, permit=granted)


@pytest.mark.parametrize(
    ("directory", "whose"), [({}, TENANT), ({"directory": TENANT.replace("7", "8")}, TENANT.replace("7", "8"))]
)
async def test_azure_is_asked_with_a_token_of_the_directory_that_owns_the_zone(hosting, router, directory, whose):
    route = router.get(url__regex=".*/TXT/_dmarc.*").mock(return_value=httpx.Response(403, json={"error": {}}))
    with pytest.raises(Forbidden):
        await hosting.apply(tenant(AZURE | directory), NEW, permit=granted)
    assert route.calls.last.request.headers["authorization"] == f"Bearer arm-token of {whose}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [(httpx.Response(200, json={}), Invalid), (httpx.Response(500, text="oops"), Unreachable)],
    ids=["odd", "silent"],
)
async def test_what_goes_wrong_before_the_write_is_no_lost_write(hosting, router, answer, error):
    router.get(url__regex=".*/TXT/_dmarc.*").mock(return_value=answer)
    with pytest.raises(error) as wrong:
        await hosting.apply(tenant(AZURE), NEW, permit=granted)
    assert not getattr(wrong.value, "sent", False)


@pytest.mark.parametrize(
    ("answer", "error"),
    [(httpx.Response(200, json={}), Unreadable), (httpx.Response(500, text="oops"), Unreachable)],
    ids=["odd", "silent"],
)
async def test_what_goes_wrong_with_the_write_leaves_its_outcome_open(hosting, router, answer, error):
    nothing = {"code": "NotFound", "message": "The resource record '_dmarc' does not exist"}
    router.get(url__regex=".*/TXT/_dmarc.*").mock(return_value=httpx.Response(404, json=nothing))
    router.put(url__regex=".*/TXT/_dmarc.*").mock(return_value=answer)
    with pytest.raises(error) as wrong:
        await hosting.apply(tenant(AZURE), NEW, permit=granted)
    assert getattr(wrong.value, "sent", True)


async def test_the_write_is_permitted_last_and_not_sent_where_it_is_not(hosting, router):
    nothing = {"code": "NotFound", "message": "The resource record '_dmarc' does not exist"}
    router.get(url__regex=".*/TXT/_dmarc.*").mock(return_value=httpx.Response(404, json=nothing))

    async def never():
        assert router.calls.call_count == 1
        raise RuntimeError("the brake is pulled")

    with pytest.raises(RuntimeError, match="brake"):
        await hosting.apply(tenant(AZURE), NEW, permit=never)
    assert router.calls.call_count == 1
