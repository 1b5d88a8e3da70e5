from dataclasses import replace
from datetime import timedelta

import pytest

from domain.control import Compliant, Drift, Drifted, NeedsPerson, NotApplicable, Unknown, with_findings
from domain.controls import CATALOGUE
from domain.findings import (
    AWAY_FOR,
    FIRST_SIGHT_AFTER,
    LONGEST_VALUE,
    THE_REST,
    HeldRemoval,
    Inventory,
    after_look,
    found,
    held_removal,
    is_inventoried,
    newly_told,
    open_findings,
    source,
    with_networks,
)
from domain.states import ControlState, Look, after_check, after_judgement
from domain.steps import Step
from tests.domain.builders import NOW

LOCK = "inbound-lockdown"
ADDRESS = found("address", LOCK, "ExchangeDefender", "203.0.113.7/32", "mail from 203.0.113.7 comes in")
OTHER = found("address", LOCK, "ExchangeDefender", "203.0.113.8/32", "mail from 203.0.113.8 comes in")
BEGUN = frozenset({source(LOCK, "address")})
PROVEN = Inventory(settled=frozenset({LOCK}), begun=BEGUN)
STEP = Step("exchange", "Set-InboundConnector", {"Identity": "x", "Enabled": True})
PLAN = Drifted((Drift("Enabled", wanted=True, found=False),), (STEP,))


def knowing(*findings, **more):
    return Inventory(known={each.id: each for each in findings}, begun=BEGUN, **more)


def test_one_answer_counts_for_every_sender_and_for_nothing_else():
    sender = found("sender", "mail-flow", "203.0.113.0/24", "203.0.113.0/24, shop.example", "x")
    all_bounce = knowing(sender, ADDRESS, declared=frozenset({THE_REST.id}))
    assert [all_bounce.is_open(each) for each in (sender, ADDRESS)] == [False, True]
    assert (all_bounce.answer(sender), open_findings(all_bounce)) == ("declared", (ADDRESS,))


def test_one_more_address_is_another_finding_and_the_order_of_addresses_is_none():
    one = found("connector", LOCK, "Scanner", ("10.0.0.2", "10.0.0.1"), "x")
    assert one.id == found("connector", LOCK, "Scanner", ("10.0.0.1", "10.0.0.2"), "told otherwise").id
    assert one.value == "10.0.0.1, 10.0.0.2"
    assert one.id != found("connector", LOCK, "Scanner", ("10.0.0.1", "10.0.0.2", "10.0.0.3"), "x").id
    assert one.id != found("connector", LOCK, "Scanner", "10.0.0.1, 10.0.0.2", "x").id


def test_what_a_tenants_admin_named_does_nothing_to_the_page():
    hostile = found("connector", LOCK, "a\u202eb", "line\nbreak" + "x" * LONGEST_VALUE, "y")
    assert "\n" not in hostile.sentence
    assert "\u202e" not in hostile.sentence
    assert len(hostile.value) < LONGEST_VALUE + 20
    assert hostile.id != found("connector", LOCK, "a\u202eb", "line\nbreak" + "x" * (LONGEST_VALUE + 1), "y").id


def test_the_addresses_of_a_long_connector_are_kept_whole_also_of_one_that_was_kept_before_without():
    content = [*(f"198.51.100.{n}/32" for n in range(80)), "198.51.100.90-198.51.100.99", "certificate x.example"]
    bare = found("connector", LOCK, "Scanner", content, "x")
    assert bare.networks == ()
    seen = with_networks(bare, content)
    assert seen.networks == tuple(sorted(content[:-1]))
    assert with_networks(bare, content[:9]).networks == ()
    assert after_look(knowing(bare), LOCK, [seen], NOW)[seen.id].networks == seen.networks
    assert after_look(knowing(seen), LOCK, [], NOW)[seen.id].networks == ()
    declared = knowing(seen, declared=frozenset({seen.id}))
    assert after_look(declared, LOCK, [], NOW)[seen.id].networks == seen.networks


@pytest.mark.parametrize(
    ("inventory", "answer"),
    [
        (Inventory(), "open"),
        (Inventory(begun=BEGUN), "open"),
        (Inventory(settled=frozenset({LOCK})), "open"),
        (PROVEN, "unwanted"),
        (replace(PROVEN, declared=frozenset({ADDRESS.id})), "declared"),
        (knowing(ADDRESS, settled=frozenset({LOCK})), "open"),
        (knowing(ADDRESS).without(ADDRESS.id), "unwanted"),
        (knowing(ADDRESS, declared=frozenset({ADDRESS.id})).without(ADDRESS.id), "unwanted"),
    ],
    ids=["unread", "first_look", "a_new_kind", "beside_a_proven_state", "declared", "known", "removed", "asked_away"],
)
def test_only_what_comes_up_beside_a_proven_state_is_drift(inventory, answer):
    assert inventory.answer(ADDRESS) == answer


def test_a_finding_keeps_the_time_since_which_it_is_there():
    first = knowing(*after_look(Inventory(begun=BEGUN), LOCK, [ADDRESS], NOW).values())
    kept = first.known[ADDRESS.id]
    assert (kept.since, kept.first_sight, kept.silent, kept.gone_at) == (NOW, True, False, None)
    later = after_look(first, LOCK, [ADDRESS, OTHER], NOW + timedelta(hours=1))
    assert later[ADDRESS.id].since == NOW
    assert later[OTHER.id].since == NOW + timedelta(hours=1)


def test_what_another_replica_hides_is_no_new_thing_when_it_shows_again():
    there = knowing(ADDRESS)
    gone = after_look(there, LOCK, [], NOW)
    assert gone[ADDRESS.id].gone_at == NOW
    assert open_findings(knowing(*gone.values())) == ()
    still = after_look(knowing(*gone.values()), LOCK, [], NOW + timedelta(days=6))
    assert still[ADDRESS.id].gone_at == NOW
    assert after_look(knowing(*still.values()), LOCK, [ADDRESS], NOW + timedelta(days=6))[ADDRESS.id].gone_at is None
    assert after_look(knowing(*still.values()), LOCK, [], NOW + FIRST_SIGHT_AFTER) == {}


def test_what_was_made_again_is_news_whatever_it_was_before():
    old = replace(ADDRESS, since=NOW, first_sight=True, silent=True, actor="kim", gone_at=NOW)
    there = knowing(old, settled=frozenset({LOCK}))
    soon = after_look(there, LOCK, [ADDRESS], NOW + AWAY_FOR)
    assert soon == {ADDRESS.id: replace(old, gone_at=None)}
    at = NOW + AWAY_FOR + timedelta(minutes=1)
    again = after_look(there, LOCK, [ADDRESS], at)
    assert again == {ADDRESS.id: replace(ADDRESS, since=at)}
    assert newly_told(there.known, replace(there, known=again), LOCK) == tuple(again.values())
    assert newly_told(there.known, replace(there, known=soon), LOCK) == ()


def test_what_was_silent_is_asked_about_once_its_declaration_has_ended():
    silent = knowing(replace(ADDRESS, silent=True), declared=frozenset({ADDRESS.id}))
    ended = knowing(*after_look(silent, LOCK, [ADDRESS], NOW).values())
    assert isinstance(with_findings(Compliant(), [ADDRESS], ended), NeedsPerson)
    never = knowing(*after_look(knowing(replace(ADDRESS, silent=True)), LOCK, [ADDRESS], NOW).values())
    assert isinstance(with_findings(Compliant(), [ADDRESS], never), Compliant)


def test_what_a_state_does_not_tell_of_is_told_at_first_sight_too():
    first = knowing(*after_look(Inventory(begun=BEGUN), LOCK, [ADDRESS], NOW).values())
    assert newly_told({}, first, LOCK) == ()
    assert newly_told({}, first, LOCK, untold=True) == tuple(first.known.values())
    assert newly_told(first.known, first, LOCK, untold=True) == ()


def test_what_a_person_no_longer_vouches_for_is_told_whatever_its_control_waits_for():
    there = knowing(*after_look(Inventory(begun=BEGUN), LOCK, [ADDRESS], NOW).values())
    told = newly_told(there.known, there, LOCK, untold=True, lapsed={ADDRESS.id})
    assert told == tuple(there.known.values())


def test_a_look_says_nothing_of_other_controls_and_of_what_it_could_not_read():
    there = knowing(ADDRESS)
    assert after_look(there, "spf", [], NOW)[ADDRESS.id] == ADDRESS
    assert after_look(there, LOCK, [], NOW, unseen=["ExchangeDefender"])[ADDRESS.id] == ADDRESS


def test_a_tenant_is_inventoried_once_each_finding_of_its_first_sight_is_answered():
    first = knowing(*after_look(Inventory(begun=BEGUN), LOCK, [ADDRESS], NOW).values())
    assert not is_inventoried(first)
    assert is_inventoried(replace(first, declared=frozenset({ADDRESS.id})))
    assert is_inventoried(knowing(*after_look(Inventory(), LOCK, [ADDRESS], NOW).values()))


@pytest.mark.parametrize("inventory", [Inventory(begun=BEGUN), knowing(ADDRESS)])
def test_while_a_finding_is_open_a_person_is_needed_and_what_is_off_is_still_put_back(inventory):
    judged = with_findings(Compliant("fine", frozenset({"Enabled"})), [ADDRESS], inventory)
    assert isinstance(judged, NeedsPerson)
    assert judged.equal == {"Enabled"}
    assert "203.0.113.7/32" in judged.todo
    drifted = with_findings(PLAN, [ADDRESS], inventory)
    assert isinstance(drifted, Drifted)
    assert drifted.steps == PLAN.steps
    asking = with_findings(NeedsPerson("remove one of them"), [ADDRESS], inventory)
    assert isinstance(asking, NeedsPerson)
    assert asking.todo.startswith("remove one of them; to be declared or removed")


def test_what_is_declared_needs_nobody():
    judged = with_findings(Compliant(), [ADDRESS], replace(PROVEN, declared=frozenset({ADDRESS.id})))
    assert judged == Compliant(findings=(ADDRESS,))


def test_a_new_kind_begins_with_one_summary():
    judged = with_findings(Compliant("fine"), [ADDRESS, OTHER], Inventory())
    assert isinstance(judged, Compliant)
    assert judged.detail == "fine; findings from before this version, to be declared or removed: 2"


@pytest.mark.parametrize(
    ("mode", "state"), [("observe", "needs_person"), ("approve", "drifted"), ("correct", "drifted")]
)
def test_a_plan_beside_an_open_finding_is_taken_where_something_is_taken_at_all(mode, state):
    judged = with_findings(PLAN, [ADDRESS], Inventory(begun=BEGUN))
    after = after_check(ControlState(id=LOCK), judged, Look(CATALOGUE[LOCK], mode, NOW, NOW))
    assert after.state == state
    assert "203.0.113.7/32" in after.detail


def test_what_could_not_be_read_changes_nothing_that_is_known():
    assert after_judgement(knowing(ADDRESS), CATALOGUE[LOCK], Unknown("no answer"), NOW) == knowing(ADDRESS)


def test_what_a_judgement_hands_over_is_known_afterwards():
    control = CATALOGUE[LOCK]
    judged = with_findings(Compliant(), [ADDRESS], Inventory(begun=BEGUN))
    assert after_judgement(Inventory(begun=BEGUN), control, judged, NOW).known.keys() == {ADDRESS.id}
    gone = after_judgement(knowing(ADDRESS), control, NotApplicable("not asked for"), NOW)
    assert gone.known[ADDRESS.id].gone_at == NOW
    missing = NeedsPerson("x", unseen=("ExchangeDefender",))
    assert after_judgement(knowing(ADDRESS), control, missing, NOW).known == {ADDRESS.id: ADDRESS}


@pytest.mark.parametrize(
    ("state", "settled"),
    [
        (ControlState(id=LOCK, state="compliant", since=NOW, read_at=NOW), True),
        (ControlState(id=LOCK, state="needs_person", since=NOW, read_at=NOW), False),
        (ControlState(id=LOCK, state="compliant", since=NOW, read_at=NOW - FIRST_SIGHT_AFTER), False),
        (ControlState(id=LOCK), False),
    ],
)
def test_a_control_is_settled_once_it_was_proven_and_while_it_is_read(state, settled):
    assert state.is_settled(NOW) is settled


@pytest.mark.parametrize(("service", "answer"), [("Scanner", "open"), ("Forms", "unwanted")])
def test_what_is_new_on_a_connector_that_was_never_proven_so_is_first_sight(service, answer):
    new = replace(PROVEN, unsettled=frozenset({"Scanner"}))
    assert new.about(service).answer(ADDRESS) == answer
    seen = after_look(new, LOCK, [replace(ADDRESS, service=service)], NOW)
    assert seen[ADDRESS.id].first_sight is (answer == "open")
    assert seen[ADDRESS.id].service == service


def test_the_removal_that_an_approval_names_is_one_that_is_held_now():
    held = replace(found("bypass", "lock-bypass", "rule X", "x", "x"), held=HeldRemoval("p1", (), "lock not proven"))
    assert held_removal([held], "lock-bypass", "p1") is held
    assert held_removal([held], "lock-bypass", "p2") is None
    assert held_removal([held], "spf", "p1") is None
    assert held_removal([replace(held, gone_at=NOW)], "lock-bypass", "p1") is None
    [gone] = after_look(Inventory(known={held.id: held}), "lock-bypass", (), NOW).values()
    assert (gone.gone_at, gone.held) == (NOW, None)
