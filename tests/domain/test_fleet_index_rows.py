"""One row a tenant: what it says is what the states say, and nothing where it is about other controls."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from domain.controls import CATALOGUE
from domain.findings import found
from domain.fleet_index import LONGEST_CAUSE, MOST_FINDINGS, NotCompliant, Summary, TenantInFleet, counts_of
from domain.states import Actor, ControlState
from domain.tenant import Declaration, TenantConfig

if TYPE_CHECKING:
    from domain.reading import Lane

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
CONFIG = TenantConfig(tenant_id=TENANT, name="Contoso", initial_domain="c.onmicrosoft.com", labels=("gold",))


def states(**others):
    """Every control compliant, but for *others*."""
    given = {name.replace("_", "-"): state for name, state in others.items()}
    return {each: given.get(each) or ControlState(id=each, state="compliant") for each in CATALOGUE}


def entry(config, summary):
    return replace(TenantInFleet.of(config, NOW), summary=summary)


def row(findings=(), **others):
    return entry(CONFIG, Summary.of(states(**others), findings))


def finding(value="10.0.0.1", **more):
    return replace(found("sender", "inbound-lockdown", "scanner", value, "its mail"), since=NOW, **more)


def declaration(of, until):
    return Declaration(
        finding=of.id,
        kind="sender",
        control="inbound-lockdown",
        name="x",
        value="y",
        reason="r",
        owner="o",
        until=until,
    )


def test_a_tenant_that_nobody_looked_at_is_unknown_in_every_control():
    fresh = TenantInFleet.of(CONFIG, NOW)
    assert (fresh.worst, fresh.worst_since) == ("unknown", None)
    assert {fresh.state_of(each) for each in CATALOGUE} == {"unknown"}


def test_a_row_that_was_made_by_another_catalogue_is_unknown_in_every_control():
    older = entry(CONFIG, replace(row().summary, catalogue="older"))
    assert (older.worst, older.state_of("spf")) == ("unknown", "unknown")


def test_what_is_compliant_is_not_listed_and_is_said_to_be_so():
    assert (row().worst, row().state_of("spf"), row().cell("spf")) == ("compliant", "compliant", None)


def test_the_worst_state_is_the_one_that_a_person_should_see_first_with_its_time():
    found = row(
        spf=ControlState(id="spf", state="needs_person", since=NOW, detail="publish it"),
        dkim=ControlState(id="dkim", state="drifted", since=NOW - timedelta(days=1)),
    )
    assert (found.worst, found.worst_since) == ("needs_person", NOW)
    assert found.cell("spf") == NotCompliant("needs_person", NOW, "publish it")


def test_a_tenant_in_which_nothing_applies_is_not_called_compliant():
    nothing = {each: ControlState(id=each, state="not_applicable") for each in CATALOGUE}
    assert entry(CONFIG, Summary.of(nothing, ())).worst == "not_applicable"


def test_who_changed_something_is_known_and_what_waits_says_why():
    actor = Actor("ann@contoso.example", "192.0.2.1", NOW, "Set-InboundConnector")
    found = row(spf=ControlState(id="spf", state="drifted", detail="long story", actor=actor))
    assert (found.actors, found.cell("spf").why) == ({"ann@contoso.example"}, "")


def test_findings_are_open_until_a_person_vouches_for_them_and_again_after_that():
    open_, declared = finding("10.0.0.1"), finding("10.0.0.2")
    config = CONFIG.declaring(declaration(declared, NOW + timedelta(days=1)))
    listed = entry(config, Summary.of(states(), [open_, declared]))
    assert listed.open_findings(NOW).keys() == {open_.id}
    assert listed.open_findings(NOW + timedelta(days=2)).keys() == {open_.id, declared.id}


def test_findings_that_are_gone_or_silent_are_not_listed_and_of_very_many_the_oldest_are():
    gone, silent = finding("1", gone_at=NOW), finding("2", silent=True)
    assert row([gone, silent]).open_findings(NOW) == {}
    many = [finding(str(number), first_sight=True) for number in range(MOST_FINDINGS)]
    oldest = replace(finding("oldest"), since=NOW - timedelta(days=1))
    assert oldest.id in row([*many, oldest]).open_findings(NOW)
    assert len(row([*many, oldest]).open_findings(NOW)) == MOST_FINDINGS


def test_the_last_look_is_the_one_of_either_lane():
    looked: dict[Lane, datetime] = {"fast": NOW, "slow": NOW - timedelta(minutes=9)}
    assert (row().last_looked, entry(CONFIG, Summary(looked=looked)).last_looked) == (None, NOW)


def test_every_state_is_counted_by_name():
    counts = counts_of([row(), row(spf=ControlState(id="spf", state="held"))])
    assert (counts["compliant"], counts["held"], counts["excepted"]) == (1, 1, 0)


def test_a_long_cause_is_cut_and_says_so():
    whole, cut = (
        NotCompliant.of(ControlState(id="spf", state="held", detail="x" * length)).why
        for length in (LONGEST_CAUSE, LONGEST_CAUSE + 1)
    )
    assert (whole[-1], cut[-1], len(cut)) == ("x", "…", LONGEST_CAUSE)
