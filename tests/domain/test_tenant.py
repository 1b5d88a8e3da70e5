from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from domain.tenant import Declaration, PsaCompany, TenantConfig
from tests.domain.builders import TENANT_ID, wanted

START = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.mark.parametrize("spelling", [TENANT_ID.upper(), f"{{{TENANT_ID}}}", TENANT_ID.replace("-", "")])
def test_every_spelling_of_a_guid_is_one_tenant(spelling):
    assert wanted(tenant_id=spelling).tenant.tenant_id == TENANT_ID


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenant_id": "northwind"},
        {"initial_domain": "northwind.example"},
        {"initial_domain": "../x.onmicrosoft.com"},
        {"mode": "destroy"},
        {"name": ""},
        {"surprise": 1},
        {"dns": {"a..b": {"kind": "cloudflare", "secret_setting": "HOLDFAST_DNS_SECRET_C"}}},
        {"dns": []},
        {"service_connectors": [{"name": "Scanner"}]},
        {"service_connectors": [{"name": "Scanner", "sender_ips": ["203.0.113.7"], "certificate": "x"}]},
        {"service_connectors": [{"name": "Scanner", "sender_ips": ["10.0.0.0/8"]}]},
        {"freeze": [{"start": "2026-12-24T00:00:00Z", "end": "2026-12-23T00:00:00Z"}]},
        {"freeze": [{"start": "2026-12-24T00:00:00", "end": "2026-12-25T00:00:00"}]},
        {"psa": {"provider": "other", "company_id": "1"}},
    ],
    ids=str,
)
def test_a_config_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        wanted(**wrong)


def test_the_example_of_the_design_is_taken():
    config = TenantConfig.model_validate_json(
        '{"tenant_id": "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4", "name": "n", "initial_domain": "x.onmicrosoft.com",'
        ' "profile": "exchangedefender", "mode": "correct", "enabled": true, "controls": {"spf": {"mode": "observe"}},'
        ' "overrides": {}, "service_connectors": [], "psa": {"provider": "connectwise", "company_id": "250"}, "freeze": []}'
    )
    assert config.mode_of("spf") == "observe"
    assert config.mode_of("oof-rule") == "correct"


def test_a_freeze_holds_from_its_start_to_just_before_its_end():
    window = {"start": START.isoformat(), "end": (START + timedelta(days=1)).isoformat()}
    tenant = wanted(freeze=[window]).tenant
    assert tenant.frozen_at(START)
    assert not tenant.frozen_at(START - timedelta(seconds=1))
    assert not tenant.frozen_at(START + timedelta(days=1))


@pytest.mark.parametrize(
    ("approvers", "agent", "may"),
    [((), "jdoe", True), ((), "", False), (("jdoe",), "jdoe", True), (("jdoe",), "eve", False), (("jdoe",), "", False)],
)
def test_the_agents_who_decide_by_ticket_can_be_limited_to_a_list(approvers, agent, may):
    company = PsaCompany(provider="halopsa", company_id="250", approvers=approvers)
    assert company.lets_decide(agent) is may


def test_a_declaration_counts_until_its_end_and_replaces_an_earlier_one_of_the_same_finding():
    said = {
        "finding": "0123456789abcdef", "kind": "address", "control": "inbound-lockdown", "name": "ExchangeDefender",
        "value": "203.0.113.7/32", "reason": "the copier", "owner": "ann", "until": START,
    }  # fmt: skip
    declaration = Declaration.model_validate(said)
    config = wanted().tenant.declaring(declaration)
    assert config.declared_at(START - timedelta(seconds=1)) == {declaration.finding}
    assert config.declared_at(START) == frozenset()
    longer = Declaration.model_validate(said | {"until": START + timedelta(days=1)})
    assert config.declaring(longer).declared == (longer,)
    assert declaration.sentence == f"declared by ann until {START.isoformat()}: the copier"
