"""Tenants by name: a name that is nearly right is suggested."""

import httpx
import pytest

from cli.api import Api, Failure
from cli.session import tenants_named

KNOWN = [
    {"tenant_id": "1", "name": "Northwind Legal", "initial_domain": "northwind.onmicrosoft.com"},
    {"tenant_id": "2", "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"},
]


@pytest.fixture
def api():
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=KNOWN))
    with httpx.Client(base_url="http://service/api/", transport=transport) as client:
        yield Api(client)


def test_a_tenant_is_found_by_name_whatever_its_case(api):
    assert [each["tenant_id"] for each in tenants_named(api, ["northwind legal"])] == ["1"]


@pytest.mark.parametrize(("said", "meant"), [("Nortwind Legal", "Northwind Legal"), ("contosso", "Contoso")])
def test_a_name_that_is_nearly_right_is_suggested(api, said, meant):
    with pytest.raises(Failure, match=f"did you mean '{meant}'"):
        tenants_named(api, [said])


def test_nothing_is_suggested_for_what_is_like_no_name(api):
    with pytest.raises(Failure) as failure:
        tenants_named(api, ["zzzzzz"])
    assert "did you mean" not in str(failure.value)
