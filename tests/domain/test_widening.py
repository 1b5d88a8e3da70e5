from datetime import timedelta

import pytest

from domain.tenant import TenantConfig
from domain.widening import ProposedConfig, is_microsofts, widened
from tests.domain.builders import NOW, wanted

SHIPPED = wanted().profile
REPORTED = "v=DMARC1; p=none; rua=mailto:dmarc@stranger.example"


def lets_in(**overrides):
    return widened(SHIPPED.with_overrides(overrides), SHIPPED)


def test_a_profile_lets_in_nothing_beyond_itself():
    assert widened(SHIPPED, SHIPPED) == ()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"delivery_networks": ["65.99.255.0/24", "203.0.113.0/24"]}, ("delivery_networks: 203.0.113.0/24",)),
        ({"microsoft_networks": ["40.107.0.0/16", "203.0.113.0/24"]}, ("microsoft_networks: 203.0.113.0/24",)),
        ({"microsoft_networks": ["40.96.0.0/12"]}, ("microsoft_networks: 40.96.0.0/12",)),
        ({"mx_suffixes": ["filter.example"]}, ("mx_suffixes: filter.example",)),
        ({"spf": {"includes": ["senders.example"]}}, ("spf.includes: senders.example",)),
        ({"alert_policies": ["Other"]}, ("alert_policies: Other",)),
        ({"dmarc": {"record": REPORTED}}, (f"dmarc.record: {REPORTED}",)),
        ({"spoof_intelligence": {"policies": ["Other"]}}, ("spoof_intelligence.policies: Other",)),
        ({"spoof_allow": {"networks": ["203.0.113.0/24"]}}, ("spoof_allow.networks: 203.0.113.0/24",)),
        ({"spoof_allow": {"spoof_type": "Internal"}}, ("spoof_allow.spoof_type: Internal",)),
        ({"out_of_office": {"tls_settings": ["DomainValidation"]}}, ("out_of_office.tls_settings: DomainValidation",)),
        ({"inbound_connector": None}, ("inbound_connector: left out, so that nothing is locked",)),
        (
            {"outbound_hosts": ["outbound.exchangedefender.com"]},
            ("outbound_hosts: proxy.exchangedefender.com left out, so that it counts for one that takes mail",),
        ),
        ({"connector_form": "as_command_line"}, ("connector_form: as_command_line, which does not lock",)),
    ],
)
def test_what_is_beyond_is_named_with_its_field(overrides, told):
    assert lets_in(**overrides) == told


@pytest.mark.parametrize(
    "overrides",
    [
        {"delivery_networks": ["65.99.255.128/25"]},
        {"microsoft_networks": ["40.107.7.0/24", "2a01:111:f400:7::/64"]},
        {"mx_suffixes": ["inbound30.exchangedefender.com"]},
        {"spoof_allow": {"spoofed_user": "ann@contoso.example"}},
        {"dmarc": None},
        {"spf": None, "out_of_office": None, "spoof_intelligence": None, "spoof_allow": None},
        {"direct_send": {"reject": True}},
        {"outbound_hosts": ["outbound.exchangedefender.com", "proxy.exchangedefender.com", "out.exchangedefender.com"]},
        {"mx_suffixes": ["in.exchangedefender.com"], "outbound_hosts": []},
    ],
)
def test_what_is_within_is_not(overrides):
    assert lets_in(**overrides) == ()


def test_what_one_of_several_accepts_is_accepted():
    wider = SHIPPED.with_overrides({"delivery_networks": ["203.0.113.0/24"]})
    assert widened(wider, SHIPPED, wider) == ()


def proposed(**config):
    tenant = TenantConfig.model_validate(wanted().tenant.model_dump() | config)
    return ProposedConfig(config=tenant, by="ann", identity="oid 1", at=NOW, version="", widens=("one network",))


def test_a_proposal_has_the_digest_of_its_config_as_it_comes_back_from_storage():
    first, another = proposed(labels=("gold",)), proposed(labels=("gold", "eu"))
    assert ProposedConfig.model_validate_json(first.model_dump_json()).digest == first.digest != another.digest


def test_a_proposal_waits_for_seven_days():
    assert proposed().waits_at(NOW + timedelta(days=7, seconds=-1))
    assert not proposed().waits_at(NOW + timedelta(days=7))


@pytest.mark.parametrize(
    ("suffix", "theirs"),
    [
        ("outlook.com", True),
        ("eu.mail.protection.outlook.com", True),
        ("mx.microsoft", True),
        ("contoso.onmicrosoft.com", True),
        ("exchangedefender.com", False),
        ("notoutlook.com", False),
    ],
)
def test_hosts_of_microsofts_are_no_filters(suffix, theirs):
    assert is_microsofts(suffix) is theirs
