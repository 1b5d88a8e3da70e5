"""The vendor's published ranges beside the profile's: told where they differ, with what it means."""

from ipaddress import ip_network

import pytest

from domain.filter_ranges import MOST_NAMED, incident_id, ranges_incident
from domain.profile import given
from tests.domain.builders import wanted

PROFILE = wanted().profile


def told(*networks):
    incident = ranges_incident(PROFILE, frozenset(map(ip_network, networks)))
    return incident.detail if incident else ""


@pytest.mark.parametrize("same", [("65.99.255.0/24",), ("65.99.255.0/25", "65.99.255.128/25"), ()])
def test_the_same_addresses_however_they_are_cut_and_none_at_all_are_no_news(same):
    assert told(*same) == ""
    assert ranges_incident(PROFILE.model_copy(update={"delivery_networks": ()}), frozenset()) is None


def test_a_range_that_no_connector_takes_will_bounce():
    assert "203.0.113.0/24, which no connector takes" in told("65.99.255.0/24", "203.0.113.0/24")
    assert "2001:db8::/32, which no connector takes" in told("65.99.255.0/24", "2001:db8::/32")
    assert "65.99.254.0/23" in told("65.99.254.0/23")


def test_a_range_that_the_guide_names_for_spoofed_senders_alone_is_in_no_connector_and_is_told():
    assert "206.125.40.0/24" in given(PROFILE.spoof_allow).networks
    assert "it lists 206.125.40.0/24, which no connector takes" in told("65.99.255.0/24", "206.125.40.0/24")


def test_a_range_that_is_gone_may_be_a_strangers():
    said = told("65.99.255.0/25")
    assert "it no longer lists 65.99.255.0/24: a stranger may own" in said
    assert "no connector takes" not in said


def test_many_are_counted_and_the_id_is_that_of_the_profile():
    assert f"and {5} more" in told("65.99.255.0/24", *(f"198.51.{n}.0/24" for n in range(MOST_NAMED + 5)))
    assert incident_id(PROFILE) == "ranges-exchangedefender"
