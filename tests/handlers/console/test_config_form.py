"""A config as the fields of a form: what is read from them is what was shown, and each fault is at its field."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from domain.dns_hosts import AzureDnsHost, CloudflareHost, Rfc2136Host
from domain.tenant import Declaration, Freeze, PsaCompany, ServiceConnector, TenantConfig
from handlers.console.config_form import (
    OVERRIDES,
    PSA_INPUTS,
    ROWS,
    TENANT_INPUTS,
    SentConfig,
    changed_fields,
    fields_of,
)

TENANT_ID = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
BARE = TenantConfig(tenant_id=TENANT_ID, name="Contoso", initial_domain="contoso.onmicrosoft.com")

words = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
times = st.integers(0, 4_000_000_000_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))
modes = st.sampled_from(["observe", "approve", "correct"])
connectors = st.builds(
    lambda name, ips, tls: {"name": name, "require_tls": tls} | ({"sender_ips": ips} if ips else {"certificate": name}),
    words,
    st.lists(st.sampled_from(["192.0.2.0/24", "198.51.100.7/32"]), unique=True),
    st.booleans(),
)
windows = st.builds(
    lambda ends, reason: {"start": min(ends), "end": max(ends), "reason": reason},
    st.lists(times, min_size=2, max_size=2, unique=True),
    words | st.just(""),
)
hosts = st.one_of(
    st.builds(lambda it: {"kind": "cloudflare", "secret_setting": f"HOLDFAST_DNS_SECRET_{it.upper()[0]}"}, words),
    st.just({"kind": "azure_dns", "subscription_id": TENANT_ID, "resource_group": "dns"}),
    st.just({"kind": "azure_dns", "subscription_id": TENANT_ID, "resource_group": "dns", "directory": TENANT_ID}),
    st.just(
        {
            "kind": "rfc2136",
            "server": "ns.contoso.com:53",
            "key_name": "k",
            "secret_setting": "HOLDFAST_DNS_SECRET_K",
            "algorithm": "hmac-sha512",
        }
    ),
)
declarations = st.builds(
    lambda number, text, at: {
        "finding": f"{number:016x}",
        "kind": "connector",
        "control": "lock-bypass",
        "name": f"\u202e<b>\r\n{text}",
        "value": f"{text}\n{text}",
        "reason": text,
        "owner": text,
        "until": at,
    },
    st.integers(0, 2**64 - 1),
    words,
    times,
)
psa = st.builds(
    lambda company, may, agents: {
        "provider": "halopsa",
        "company_id": company,
        "may_reprovision": may,
        "may_open": not may,
        "approvers": agents,
    },
    words,
    st.booleans(),
    st.lists(words),
)
configs = st.fixed_dictionaries(
    {"name": words, "mode": modes, "enabled": st.booleans()},
    optional={
        "controls": st.dictionaries(st.sampled_from(["spf", "dkim", "false-alerts"]), modes.map(lambda m: {"mode": m})),
        "overrides": st.dictionaries(words, st.text() | st.lists(st.integers()) | st.dictionaries(words, st.none())),
        "service_connectors": st.lists(connectors, max_size=3),
        "declared": st.lists(declarations, max_size=3, unique_by=lambda each: each["finding"]),
        "labels": st.lists(words, max_size=3),
        "psa": psa,
        "notify": st.lists(words.map("notify-a{}".format), max_size=3),
        "freeze": st.lists(windows, max_size=3),
        "mx_at_filter_since": times,
        "dns": st.dictionaries(words.map("{}.example".format), hosts, max_size=3),
    },
).map(lambda given: TenantConfig.model_validate(BARE.model_dump() | given))


@given(configs)
def test_what_is_sent_back_as_it_was_shown_is_the_config_that_it_was(config):
    sent = SentConfig(fields_of(config), config)
    assert sent.faults() == {}
    assert TenantConfig.model_validate(sent.document()) == config
    assert changed_fields(config, config) == []


@given(configs, configs)
def test_two_configs_differ_in_a_field_or_are_one(one, other):
    changed = [name for name, _, _ in changed_fields(one, other)]
    hidden = {"declared"}  # what was found is not in the form
    assert bool(changed) or one.model_dump(exclude=hidden) == other.model_dump(exclude=hidden)


PARTS: dict[str, tuple[type[BaseModel], ...]] = {
    "service_connectors": (ServiceConnector,),
    "freeze": (Freeze,),
    "dns": (AzureDnsHost, CloudflareHost, Rfc2136Host),
}


def test_every_field_of_the_model_is_in_the_form():
    single = {each.name for each in (*TENANT_INPUTS, OVERRIDES)}
    assert single | ROWS.keys() | {"tenant_id", "controls", "psa"} == set(TenantConfig.model_fields)
    assert {each.name.removeprefix("psa.") for each in PSA_INPUTS} == set(PsaCompany.model_fields)
    for group, models in PARTS.items():
        fields = {name for model in models for name in model.model_fields}
        assert {each.name for each in ROWS[group]} - {"zone"} == fields
    assert {each.name for each in ROWS["declared"]} < set(Declaration.model_fields)


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({"name": ""}, "name"),
        ({"mode": "never"}, "mode"),
        ({"labels": "gold, not a label"}, "labels"),
        ({"controls.spf.mode": "never"}, "controls.spf.mode"),
        ({"psa.company_id": "", "psa.provider": "halopsa"}, "psa.company_id"),
        ({"psa.may_open": "yes"}, "psa.provider"),
        ({"freeze.3.start": "2026-01-02T00:00", "freeze.3.end": "2026-01-01T00:00"}, "freeze.3"),
        ({"freeze.1.reason": "no times"}, "freeze.1.start"),
        ({"freeze.0.start": "soon", "freeze.0.away": "yes", "freeze.4.start": "soon"}, "freeze.4.start"),
        ({"service_connectors.2.name": "Copier"}, "service_connectors.2"),
        ({"service_connectors.0.sender_ips": "10.0.0.0/8"}, "service_connectors.0.sender_ips"),
        ({"dns.7.zone": "contoso.com", "dns.7.kind": "cloudflare"}, "dns.7.secret_setting"),
        ({"dns.7.zone": "contoso.com"}, "dns.7"),
        ({"dns.1.zone": "not a zone", "dns.1.kind": "cloudflare"}, "dns.1"),
    ],
)
def test_what_the_model_refuses_is_told_at_its_field(sent, place):
    form = SentConfig(fields_of(BARE) | sent, BARE)
    with pytest.raises(ValidationError) as refused:
        TenantConfig.model_validate(form.document())
    assert place in {form.place_of(each["loc"]) for each in refused.value.errors()}


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({"overrides": "{"}, "overrides"),
        ({"overrides": "[]"}, "overrides"),
        ({"dns.0.zone": "contoso.com", "dns.4.zone": " contoso.com"}, "dns.4.zone"),
    ],
)
def test_what_the_model_cannot_see_is_told_at_its_field_too(sent, place):
    assert list(SentConfig(fields_of(BARE) | sent, BARE).faults()) == [place]


def test_a_row_that_is_taken_away_is_none_and_a_declaration_that_nobody_made_is_not_made_here():
    config = TenantConfig.model_validate(
        BARE.model_dump() | {"service_connectors": [{"name": "Copier", "certificate": "copier.contoso.com"}]}
    )
    fields = fields_of(config) | {"service_connectors.0.away": "yes", "declared.0.finding": "0123456789abcdef"}
    assert TenantConfig.model_validate(SentConfig(fields, config).document()) == BARE
