"""A partner's customers become proposals, and nothing more."""

from typing import Any

import pytest

from domain.partner import EXCHANGE_ADMINISTRATOR, proposals, with_config

ONE, TWO = "7d1e2f30-1111-4222-8333-94a5b6c7d8e9", "7d1e2f30-2222-4222-8333-94a5b6c7d8e9"


def relationship(tenant_id: str | None = ONE, **fields: Any) -> dict[str, Any]:
    return {
        "id": "b1f0c2d4-3a5e-4f67-9081-a2b3c4d5e6f7-0c9d8e7f-1a2b-4c3d-8e4f-5a6b7c8d9e0f",
        "displayName": "Contoso_ED_2026",
        "customer": {"tenantId": tenant_id, "displayName": "Contoso"} if tenant_id else None,
        "accessDetails": {"unifiedRoles": [{"roleDefinitionId": EXCHANGE_ADMINISTRATOR}]},
        "status": "active",
        "autoExtendDuration": "P180D",
        "endDateTime": "2028-03-04T08:02:11.4410027Z",
    } | fields


def test_several_relationships_of_one_customer_are_one_proposal_with_the_last_end_and_all_roles():
    short = relationship(endDateTime="2027-01-01T00:00:00Z", accessDetails=None, autoExtendDuration="PT0S")
    [one] = proposals([short, relationship()], ())
    assert (one.tenant_id, one.name, one.ends_at and one.ends_at.year) == (ONE, "Contoso", 2028)
    assert one.extends_itself
    assert one.exchange_administrator
    assert not one.configured


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "expired"},
        {"status": "approvalPending"},
        {"status": "created", "customer": None},
        {"displayName": "MLT_Contoso"},
        {"displayName": "MLT_Contoso", "endDateTime": None},
    ],
)
def test_what_does_not_live_proposes_nobody(fields):
    assert proposals([relationship() | fields], ()) == []


ODD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no_customer": ({"customer": None}, "", "Contoso_ED_2026"),
    "no_id": ({"customer": {"tenantId": "x"}}, "", "Contoso_ED_2026"),
    "no_end": ({"endDateTime": None}, ONE, "Contoso"),
    "odd_access": ({"accessDetails": "x"}, ONE, "Contoso"),
    "odd_status": ({"status": 7}, ONE, "Contoso"),
    "no_name": ({"displayName": None}, ONE, "Contoso"),
    "nobodys_and_no_name": ({"displayName": None, "customer": None}, "", relationship()["id"]),
    "nothing_at_all": ({"displayName": 7, "customer": None, "id": None}, "", "without a name"),
}


@pytest.mark.parametrize(("fields", "tenant_id", "name"), ODD.values(), ids=list(ODD))
def test_a_relationship_that_is_odd_is_named_and_hides_no_other(fields, tenant_id, name):
    odd, other = proposals([relationship() | fields, relationship(TWO)], {ONE})
    if (odd.tenant_id, odd.name) != (tenant_id, name):
        odd, other = other, odd
    assert (odd.tenant_id, odd.name, odd.configured) == (tenant_id, name, tenant_id == ONE)
    assert (odd.ends_at, odd.config, odd.exchange_administrator) == (None, None, False)
    assert odd.unclear.startswith("the relationship '")
    assert "could not be read: relationship." in odd.unclear
    assert (other.tenant_id, other.unclear) == (TWO, "")


def test_what_is_no_relationship_at_all_is_told_and_one_odd_of_several_stands_beside_the_customers_others():
    [nothing] = proposals([None], ())
    assert nothing.unclear.startswith("the relationship 'without a name' could not be read: relationship:")
    [one] = proposals([relationship(), relationship(endDateTime=None)], ())
    assert (one.tenant_id, one.ends_at and one.ends_at.year) == (ONE, 2028)
    assert one.unclear == (
        "the relationship 'Contoso_ED_2026' could not be read: relationship.endDateTime: Input should be a valid datetime"
    )


def test_a_customer_without_a_name_goes_by_its_id_and_those_configured_are_marked():
    nameless = relationship(TWO, customer={"tenantId": TWO.upper(), "displayName": None}, autoExtendDuration="P0D")
    found = proposals([relationship(), nameless], {TWO})
    assert [(p.name, p.configured, p.extends_itself) for p in found] == [(TWO, True, False), ("Contoso", False, True)]


@pytest.mark.parametrize("domain", [None, 7, "contoso.example", ""])
def test_a_config_is_proposed_only_with_the_first_domain(domain):
    [one] = proposals([relationship()], ())
    assert with_config(one, {"defaultDomainName": domain}).config is None


def test_a_proposed_tenant_would_only_be_observed():
    [one] = proposals([relationship()], ())
    config = with_config(one, {"defaultDomainName": "contoso.onmicrosoft.com"}).config
    assert config
    assert (config.mode, config.initial_domain, config.name) == ("observe", "contoso.onmicrosoft.com", "Contoso")
