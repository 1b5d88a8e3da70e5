from importlib import resources

import pytest

from clients.profiles import all_profiles
from domain.profile import given, parse_profile

TEXT = resources.files("domain").joinpath("profiles/exchangedefender-2026-11-23.yaml").read_text("utf-8")
PROFILE = all_profiles().newest["exchangedefender"]
BARE = "{id: bare, version: '1', name: Bare Filter, guide: 'https://filter.example', sources: {}}"


def test_the_shipped_profile_holds_the_guides_figures():
    assert PROFILE.delivery_networks == ("65.99.255.0/24",)
    assert given(PROFILE.spoof_allow).networks == ("65.99.255.0/24", "206.125.40.0/24")
    assert PROFILE.connector_form == "partner"
    assert given(PROFILE.inbound_connector).comment == "ExchangeDefender Inbound connector for 65.99.255.0/24"
    assert given(PROFILE.out_of_office).connector_name == "Automatic Replies (Out of Office) Only"
    assert given(PROFILE.out_of_office).rule_name == "Send Automatic Replies to connector Automatic Replies"
    assert len(PROFILE.alert_policies) == 2


def test_every_figure_says_where_it_comes_from_and_the_second_range_that_the_guide_alone_names_it():
    assert {*PROFILE.parts} <= PROFILE.sources.keys()
    assert "guide alone" in PROFILE.sources["206.125.40.0/24"].caution
    assert PROFILE.sources["delivery_networks"].caution == ""


def test_a_profile_may_leave_out_any_part_and_then_does_not_have_it():
    bare = parse_profile(BARE, "bare.yaml")
    assert bare.parts == ()
    assert not any(bare.has(part) for part in PROFILE.parts)
    for part in PROFILE.parts:
        with_one = bare.with_overrides({part: PROFILE.model_dump()[part]})
        assert with_one.parts == (part,)


def test_a_part_that_a_control_did_not_ask_for_is_not_made_up():
    with pytest.raises(LookupError):
        given(None)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("id: exchangedefender\n", "", "p.yaml.id: Field required"),
        ("connector_form: partner", "connector_form: both", "p.yaml.connector_form: Input should be 'partner' or 'as_command_line'"),
        ("delivery_networks: [65.99.255.0/24]", "delivery_networks: []", "p.yaml.delivery_networks: "),
        ("delivery_networks: [65.99.255.0/24]", "delivery_networks: [65.0.0.0/8]", "p.yaml.delivery_networks.0: should be an IPv4 network of /24 to /32"),
        ("delivery_networks: [65.99.255.0/24]", "delivery_networks: [nonsense]", "p.yaml.delivery_networks.0: "),
        ("networks: [65.99.255.0/24, 206", "networks: [65.99.255.0/25, 206", "p.yaml.spoof_allow.networks.0: should be an IPv4 network of exactly /24"),
        ("includes: [proxy.exchangedefender.com", "includes: [Bücher.example", "p.yaml.spf.includes.0: should be a domain name, as A-labels"),
        ("action: Allow", "action: Allow\n  surprise: 1", "p.yaml.spoof_allow.surprise: Extra inputs are not permitted"),
        ("version: 2026-11-23", "version: ''", "p.yaml.version: "),
        ("id: exchangedefender", "id: [", "p.yaml: line "),
        ("  alert_policies:\n    section: Disable M365 False Phishing Alerts\n    confirmed_on: 2026-11-23\n", "", "p.yaml.sources.alert_policies: Field required"),
    ],
)  # fmt: skip
def test_a_malformed_profile_is_told_in_one_line_with_file_and_field(old, new, line):
    with pytest.raises(ValueError, match=r"p\.yaml") as caught:
        parse_profile(TEXT.replace(old, new, 1), "p.yaml")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_text_that_is_no_yaml_at_all_is_told():
    with pytest.raises(ValueError, match="not valid YAML"):
        parse_profile("\x00", "p.yaml")


def test_overrides_replace_parts_and_leave_the_rest():
    changed = PROFILE.with_overrides({"delivery_networks": ["203.0.113.0/24"], "inbound_connector": {"name": "Lock"}})
    assert changed.delivery_networks == ("203.0.113.0/24",)
    assert given(changed.inbound_connector).name == "Lock"
    assert given(changed.inbound_connector).comment == given(PROFILE.inbound_connector).comment
    assert PROFILE.with_overrides({}) is PROFILE


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ({"id": "other"}, "overrides.id: belongs to the profile"),
        ({"sources": {}}, "overrides.sources: belongs to the profile"),
        ({"delivery_networks": []}, "overrides.delivery_networks: "),
        ({"microsoft_networks": ["40.96.0.0/11"]}, "overrides.microsoft_networks.0: should be an IPv4 network of /12"),
        ({"microsoft_networks": ["2a01::/31"]}, "overrides.microsoft_networks.0: should be an IPv4 network of /12"),
        ({"nonsense": 1}, "overrides.nonsense: "),
    ],
)
def test_overrides_that_the_profile_would_refuse_are_refused(overrides, line):
    with pytest.raises(ValueError, match="overrides") as caught:
        PROFILE.with_overrides(overrides)
    assert str(caught.value).startswith(line)


def test_a_false_alert_is_closed_with_a_pair_that_the_portal_offers():
    expected = {"classification": "informationalExpectedActivity", "determination": "confirmedActivity"}
    assert PROFILE.with_overrides({"false_alerts": expected}).false_alerts.determination == "confirmedActivity"
    with pytest.raises(ValueError, match=r"overrides\.false_alerts: determination should be one of notMalicious"):
        PROFILE.with_overrides({"false_alerts": {"determination": "phishing"}})
