"""What the rows of a trace come to, without a subject or a person's address."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.findings import Inventory, found, with_networks
from domain.mail_flow import ADDRESSES_TOLD, MOST_COUNTED, MOST_LISTED, SETTLES, Traffic
from domain.mail_trace import LET_IN, OddTrace, Trace, Ways, parse_trace, with_rows
from domain.profile import Profile
from tests.domain.builders import NOW, wanted

START = NOW - timedelta(days=1)
FILTER, MICROSOFT, STRANGER = "65.99.255.7", "40.107.3.4", "198.51.100.20"


def row(from_ip=STRANGER, sender="kim@sender.example", status="delivered", received=NOW):
    at = received.isoformat() if hasattr(received, "isoformat") else received
    return {"receivedDateTime": at, "senderAddress": sender, "fromIP": from_ip, "status": status, "subject": "x"}


def count(*rows, traffic=None, by="network", config=None, **given_times):
    ways = Ways.of(wanted(**(config or {})))
    return with_rows(traffic or Traffic(START, NOW), map(parse_trace, rows), ways, by=by, **given_times)


def parsed(raw):
    found = parse_trace(raw)
    assert isinstance(found, Trace)
    return found


def odd_row(raw):
    found = parse_trace(raw)
    assert isinstance(found, OddTrace)
    return found


def test_a_row_is_read_as_the_service_writes_it():
    found = parsed(row(received="2026-11-23T11:59:59.1234567Z", sender="Kim@Sender.Example"))
    assert (found.sender_domain, found.received.microsecond) == ("sender.example", 123456)
    for nobody in (None, "", "<>", "/O=CONTOSO/CN=RECIPIENTS/CN=MIA.MEYER"):
        assert parsed(row(sender=nobody, from_ip=None)).sender_domain == ""
    assert parsed(row(sender="<kim@sender.example>")).sender_domain == "sender.example"
    assert "subject" not in Trace.model_fields


@pytest.mark.parametrize(
    "odd", [None, [], {}, row(received="yesterday"), row(received="2026-11-23T11:59:59"), row(status=7), row(from_ip=1)]
)
def test_a_row_that_lacks_what_matters_is_odd(odd):
    assert odd_row(odd).why.startswith("row")


def test_of_an_odd_row_nothing_is_kept_that_says_who_wrote_to_whom_about_what():
    found = odd_row(row(status=None) | {"recipientAddress": "lee@contoso.example", "id": "7"})
    assert json.loads(found.shown).keys() == {"id", "receivedDateTime", "fromIP", "status"}


def test_an_odd_row_counts_as_one_whose_way_nobody_knows_and_the_others_count_as_ever():
    odd = [row(FILTER, status=None), row(FILTER, sender=7), row(from_ip=1), row(received=None), None]
    traffic = count(row(FILTER), *odd, row())
    assert (traffic.rows, traffic.odd, traffic.counted, traffic.came("filter")) == (7, 5, 2, 1)
    assert [each.messages for each in traffic.groups] == [1]


def test_an_odd_row_counts_each_time_it_is_read_as_it_may_be_one_that_came_up_late():
    known_until = NOW - timedelta(hours=1)
    known, later = (row(status=None, received=known_until + timedelta(minutes=each)) for each in (-1, 1))
    assert count(known, later, None, known_until=known_until).odd == 3


DECLARED = {"reason": "the copier", "owner": "ann", "until": "2027-01-01T00:00:00Z", "control": "lock-bypass"}


def declaration(kind, name, value, **more):
    return {"declared": [DECLARED | {"finding": "0" * 16, "kind": kind, "name": name, "value": value} | more]}


@pytest.mark.parametrize(
    ("from_ip", "config", "way"),
    [
        (FILTER, {}, "filter"),
        ("", {}, "tenant"),
        (None, {}, "tenant"),
        (MICROSOFT, {}, "tenant"),
        ("2a01:111:f403:c000::1", {}, "tenant"),
        (STRANGER, {}, "outside"),
        ("2001:db8::9", {}, "outside"),
        ("10.0.0.1", {}, "unclear"),
        ("odd", {}, "unclear"),
        (STRANGER, {"service_connectors": [{"name": "Copier", "sender_ips": [STRANGER]}]}, "declared"),
        (STRANGER, declaration("bypass", "connector Copier", f"{STRANGER}/32, certificate x.example"), "declared"),
        (STRANGER, declaration("address", "ExchangeDefender", f"{STRANGER}/32"), "declared"),
        (STRANGER, declaration("address", "ours", f"{STRANGER}/32", until="2026-01-01T00:00:00Z"), "outside"),
        (STRANGER, declaration("address", "ours", "198.51.0.0/16"), "outside"),
        ("2001:db8::9", declaration("address", "ours", "2001:db8::/32"), "outside"),
        (STRANGER, declaration("bypass", "spoofed sender *", f"*, {STRANGER}/32, External"), "outside"),
        (STRANGER, declaration("sender", "198.51.100.0/24", "198.51.100.0/24, sender.example"), "outside"),
    ],
)
def test_a_message_came_by_the_filter_from_the_tenant_by_what_is_declared_or_from_outside(from_ip, config, way):
    assert count(row(from_ip), config=config).came(way) == 1


def test_of_a_declared_connector_with_more_addresses_than_are_shown_each_one_is_declared():
    content = [*(f"198.51.100.{n}/32" for n in range(80)), "certificate x.example"]
    there = with_networks(found("bypass", "lock-bypass", "connector Copier", content, "mail comes in"), content)
    of_config = declaration("bypass", there.name, there.value, finding=there.id)
    assert there.value.endswith("...")
    known = wanted(**of_config)
    ways = Ways.of(replace(known, inventory=Inventory(known={there.id: there})))
    assert {ways.way(f"198.51.100.{n}", NOW) for n in range(80)} == {"declared"}
    assert [ways.way("198.51.100.80", NOW), ways.way("198.51.100.79", NOW + timedelta(days=99))] == ["outside"] * 2


def test_a_range_that_a_wave_has_dropped_is_the_filters_until_the_change_took_effect_and_a_strangers_after():
    known = wanted()
    other = Profile.model_validate(
        known.profile.model_dump(exclude_unset=True) | {"delivery_networks": ["198.51.100.0/24"]}
    )
    moved = Ways.of(replace(known, others=(other,), moved_at=NOW))
    until = NOW + SETTLES
    assert moved.way(STRANGER, NOW - timedelta(days=1)) == moved.way(STRANGER, until - timedelta(minutes=1)) == "filter"
    assert moved.way(STRANGER, until) == "outside"
    assert Ways.of(replace(known, others=(other,))).way(STRANGER, NOW) == "outside"


def test_only_what_was_delivered_in_the_time_counts_and_all_rows_are_counted_as_read():
    late, early = NOW + timedelta(minutes=1), START - timedelta(minutes=1)
    unfinished = [row(status=each) for each in ("gettingStatus", "pending", "failed", "quarantined", "recalled")]
    traffic = count(row(), row(received=late), row(received=early), *unfinished)
    assert (traffic.rows, traffic.counted, len(traffic.groups)) == (8, 1, 1)


def test_after_a_close_mail_that_microsofts_own_filter_kept_back_came_in_all_the_same():
    statuses = ["delivered", "filteredAsSpam", "quarantined", "expanded", "failed", "pending", "gettingStatus"]
    traffic = count(*(row(status=each) for each in statuses), by="address", statuses=LET_IN)
    assert (traffic.rows, traffic.counted, [each.messages for each in traffic.groups]) == (7, 4, [4])


def test_groups_are_networks_with_senders_domains_before_the_close_and_addresses_after_it():
    rows = [row(), row("198.51.100.21"), row(sender="a@shop.example"), row("2001:db8::9"), row("2001:db8::a")]
    by_network = {(each.source, each.domain): each.messages for each in count(*rows).groups}
    assert by_network == {
        ("198.51.100.0/24", "sender.example"): 2,
        ("198.51.100.0/24", "shop.example"): 1,
        ("2001:db8::/64", "sender.example"): 2,
    }
    by_address = {each.source: each.messages for each in count(*rows, by="address").groups}
    assert by_address == {STRANGER: 2, "198.51.100.21": 1, "2001:db8::9": 1, "2001:db8::a": 1}


def test_a_group_tells_its_last_message_and_the_first_of_its_addresses():
    rows = [row(f"198.51.100.{n}", received=NOW - timedelta(minutes=n)) for n in range(1, 30)]
    [group] = count(*rows).groups
    assert (group.messages, group.latest, len(group.addresses)) == (29, NOW - timedelta(minutes=1), ADDRESSES_TOLD)


def test_what_comes_while_a_close_takes_effect_is_settling():
    settled_at = NOW - timedelta(hours=1)
    traffic = count(row(received=settled_at - timedelta(minutes=1)), row(received=settled_at), settled_at=settled_at)
    assert (traffic.settling, [each.messages for each in traffic.groups]) == (1, [1])


def test_rows_that_are_read_again_count_once_and_late_ones_still_count():
    settled_at, known_until = START + timedelta(hours=1), NOW - timedelta(hours=1)
    settling, seen = row(received=START + timedelta(minutes=1)), row(received=known_until - timedelta(minutes=20))
    once = count(settling, seen, settled_at=settled_at)
    late = row("203.0.113.9", received=known_until - timedelta(minutes=30))
    later = row(received=known_until - timedelta(minutes=10))
    again = count(settling, seen, late, later, traffic=once, settled_at=settled_at, known_until=known_until)
    assert (again.counted, again.settling) == (2, 1)
    assert {each.source: each.messages for each in again.groups} == {"198.51.100.0/24": 2, "203.0.113.0/24": 1}


def test_groups_beyond_the_most_are_counted_as_a_whole_and_few_are_listed():
    rows = [row(sender=f"a@s{n}.example") for n in range(MOST_COUNTED + 2)]
    traffic = count(*rows, row(sender="a@s7.example"))
    assert (len(traffic.groups), traffic.further) == (MOST_COUNTED, 2)
    listed = traffic.listed()
    assert (len(listed.groups), listed.groups[0].domain) == (MOST_LISTED, "s7.example")
    assert listed.further == len(rows) + 1 - sum(each.messages for each in listed.groups)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([FILTER, MICROSOFT, STRANGER, "203.0.113.9", "", "odd"]),
            st.sampled_from(["a@x.example", "b@y.example", None, 7]),
            st.sampled_from(["delivered", "failed"]),
        )
    ),
    st.integers(0, 20),
)
def test_pages_of_any_size_come_to_the_same_and_nothing_is_lost(rows, cut):
    parsed = [row(ip, sender, status) for ip, sender, status in rows]
    whole = count(*parsed)
    parts = count(*parsed[cut:], traffic=count(*parsed[:cut]))
    assert replace(parts, groups=()) == replace(whole, groups=())
    assert {(g.source, g.domain, g.messages) for g in parts.groups} == {
        (g.source, g.domain, g.messages) for g in whole.groups
    }
    assert whole.came("outside") == sum(each.messages for each in whole.groups) + whole.further
    assert whole.counted == sum(status == "delivered" and sender != 7 for _, sender, status in rows)
    assert whole.odd == sum(sender == 7 for _, sender, _ in rows)
