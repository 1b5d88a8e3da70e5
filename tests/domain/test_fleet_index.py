"""What the index says of a tenant: how it stands outlives a change of its config, and looks add up."""

from datetime import UTC, datetime, timedelta

from domain.controls import CATALOGUE, in_lane
from domain.findings import found
from domain.fleet_index import CATALOGUE_DIGEST, NotCompliant, Summary, TenantInFleet
from domain.rests import Rest
from domain.states import ControlState
from domain.tenant import TenantConfig

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
CONFIG = TenantConfig(
    tenant_id="0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e", name="Contoso", initial_domain="contoso.onmicrosoft.com"
)


def test_a_tenant_that_nobody_has_looked_at_is_unknown_in_everything():
    entry = TenantInFleet.of(CONFIG, NOON)
    assert entry.summary.states == dict.fromkeys(CATALOGUE, NotCompliant("unknown"))
    assert entry.looked_at("fast") is None


def test_a_new_config_leaves_how_the_tenant_stands():
    before = TenantInFleet.of(CONFIG, NOON).seeing(Summary(looked={"fast": NOON}))
    after = TenantInFleet.of(CONFIG, NOON + timedelta(hours=1), before)
    assert (after.summary, after.since) == (before.summary, NOON + timedelta(hours=1))


def test_only_what_is_not_compliant_is_named_and_only_open_findings_are_counted():
    controls = {each: ControlState(id=each, state="compliant") for each in CATALOGUE}
    controls["spf"] = ControlState(id="spf", state="held", since=NOON)
    finding = found("address", "inbound-lockdown", "ExchangeDefender", "203.0.113.7/32", "x")
    summary = Summary.of(controls, [finding])
    assert (summary.states, summary.findings) == ({"spf": NotCompliant("held", NOON, "not read yet")}, 1)


def test_a_sight_without_a_visit_leaves_the_looks_and_one_of_a_lane_leaves_the_other():
    entry = TenantInFleet.of(CONFIG, NOON).seeing(Summary(looked={"fast": NOON}))
    assert entry.seeing(Summary()).looked_at("fast") == NOON
    assert entry.seeing(Summary(looked={"slow": NOON})).looked_at("fast") == NOON


def test_nothing_can_be_read_since_the_last_control_of_exchange_became_unknown():
    states = {each: NotCompliant("unknown", NOON) for each in in_lane("fast")}
    assert TenantInFleet(NOON, summary=Summary(states)).unread_since == NOON
    assert TenantInFleet(NOON, summary=Summary({**states, "oof-rule": NotCompliant("held", NOON)})).unread_since is None
    assert TenantInFleet(NOON, summary=Summary()).unread_since is None
    assert TenantInFleet.of(CONFIG, NOON).unread_since is None


def test_what_was_read_is_said_by_a_look_and_not_by_the_want_of_one():
    unread = {each: NotCompliant("unknown", NOON) for each in in_lane("fast")}

    def read(states, catalogue=CATALOGUE_DIGEST):
        entry = TenantInFleet(NOON, summary=Summary(states, catalogue=catalogue))
        return entry.exchange_is_read, entry.dns_is_read

    assert read({}) == (True, True)
    assert read({"spf": NotCompliant("unknown", NOON)}) == (True, False)
    assert read(unread)[0] is False
    assert read({**unread, "oof-rule": NotCompliant("not_applicable", NOON)})[0] is False
    assert read({**unread, "oof-rule": NotCompliant("held", NOON)})[0] is True
    assert read(dict.fromkeys(in_lane("fast"), NotCompliant("not_applicable", NOON)))[0] is True
    assert read({}, catalogue="of another version") == (False, False)
    entry = TenantInFleet.of(CONFIG, NOON)
    assert (entry.exchange_is_read, entry.dns_is_read) == (False, False)


def test_rests_that_a_visit_knew_stay_until_a_visit_knows_better():
    rest = Rest(NOON)
    entry = TenantInFleet.of(CONFIG, NOON).seeing(Summary(rests={"exchange": rest}))
    assert entry.seeing(Summary()).summary.rests == {"exchange": rest}
    assert entry.seeing(Summary(rests={})).summary.rests == {}


def test_a_correction_that_no_message_follows_is_lost_once_its_time_is_over():
    states = {"spf": NotCompliant("correcting", NOON), "dkim": NotCompliant("held", NOON)}
    entry = TenantInFleet(NOON, summary=Summary(states, followed=NOON))
    assert entry.lost_corrections(NOON - timedelta(seconds=1)) == ()
    assert entry.lost_corrections(NOON) == ("spf",)
    assert entry.followed_until(NOON + timedelta(minutes=5)).lost_corrections(NOON) == ()
    assert TenantInFleet(NOON, summary=Summary(states)).lost_corrections(NOON) == ()
