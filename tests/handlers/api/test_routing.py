"""What every endpoint reads strictly: ids, keys, bodies and query parameters."""

import pytest

from handlers.api.routing import LONGEST_KEY
from tests.handlers.web import ask, of


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    return tenant


def config(tenant, **changes):
    base = {"tenant_id": tenant.tenant_id, "name": "Contoso", "initial_domain": tenant.initial_domain}
    return base | changes


FORMS = {
    "as_printed": str,
    "in_capitals": str.upper,
    "in_braces": "{{{}}}".format,
    "without_hyphens": lambda tenant_id: tenant_id.replace("-", ""),
    "as_urn": "urn:uuid:{}".format,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
async def test_a_guid_names_the_same_tenant_in_every_form(service, tenant, form):
    named = form(tenant.tenant_id)
    assert of(await ask(service, "GET", f"tenants/{named}"))["tenant_id"] == tenant.tenant_id
    put = await ask(service, "PUT", f"tenants/{named}", config(tenant, tenant_id=named))
    assert (put.status_code, of(put)["tenant_id"]) == (200, tenant.tenant_id)
    paths = [f"tenants/{each}/check" for each in (named, tenant.tenant_id)]
    operations = [of(await ask(service, "POST", path, idempotency_key="k1"))["id"] for path in paths]
    assert operations[0] == operations[1]


@pytest.mark.parametrize(
    "key", ["", "x" * (LONGEST_KEY + 1), "schl\u00fcssel", "a\tb"], ids=["empty", "long", "letters", "tab"]
)
async def test_a_key_that_is_none_is_refused(service, tenant, key):
    refused = await ask(service, "POST", f"tenants/{tenant.tenant_id}/check", idempotency_key=key)
    assert (refused.status_code, of(refused)["detail"][:15]) == (422, "Idempotency-Key")
    assert await service.messages("checks") == []


async def test_an_empty_list_of_controls_is_not_all_of_them(service, tenant):
    refused = await ask(service, "POST", f"tenants/{tenant.tenant_id}/reprovision", {"controls": []})
    assert (refused.status_code, "body.controls" in of(refused)["detail"]) == (422, True)
    assert await service.messages("remediations") == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"engaged": "yes"}', "application/json", 422),
        (b'{"engaged": 1}', "application/json", 422),
        (b"engaged=true", "application/x-www-form-urlencoded", 415),
        (b'{"engaged": true}', "text/plain", 415),
        (b'{"engaged": true}', "application/json; charset=utf-16", 415),
        (b'{"engaged": true}', "application/merge-patch+json", 200),
        (b" " * 65_537, "application/json", 413),
        (b"", "application/json", 422),
        (b"null", "application/json", 422),
    ],
    ids=str,
)
async def test_a_body_is_read_strictly(service, body, content_type, status):
    assert (await ask(service, "PUT", "brake", body, content_type=content_type)).status_code == status


@pytest.mark.parametrize("target", ["health?x=1", "tenants?limit=1", "brake?code=x", "openapi.json?x="])
async def test_a_query_parameter_that_nobody_knows_is_refused(service, target):
    refused = await ask(service, "GET", target)
    assert (refused.status_code, "there is no such query parameter" in of(refused)["detail"]) == (422, True)


async def test_a_query_parameter_is_given_once(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    refused = await ask(service, "GET", f"tenants/{tenant.tenant_id}/ledger?limit=1&limit=2")
    assert (refused.status_code, of(refused)["detail"]) == (422, "limit: should be given once")
