"""What holds for each control, whichever it is."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import undo
from domain.audit.record import concerns_control
from domain.control import (
    Compliant,
    Drift,
    Drifted,
    NeedsPerson,
    NotApplicable,
    Unknown,
)
from domain.controls import CATALOGUE, WRITINGS, concerned_by, in_lane, unknown
from domain.effects import effects
from domain.facts import Facts
from domain.mail.answers import Absent, Unclear
from domain.profile import Profile
from domain.reading import Seen
from domain.steps import digest
from domain.tenant import Wanted
from tests.domain.builders import (
    DNS,
    NOW,
    Rows,
    answered,
    differing,
    failing,
    healthy,
    judge,
    reading,
    wanted,
)
from tests.domain.test_undo import entry

NOWHERE = Absent(name_exists=True, ttl_s=300, at=NOW)

EVERY = pytest.mark.parametrize("control", CATALOGUE.values(), ids=list(CATALOGUE))


@EVERY
def test_a_tenant_as_documented_is_compliant_or_not_concerned(control):
    assert isinstance(judge(control, healthy()), Compliant | NotApplicable)


@EVERY
def test_a_failed_read_is_unknown_with_its_reason_and_remedy(control):
    for cmdlet in {query.cmdlet for query in control.queries}:
        facts = Facts(failing(healthy(), cmdlet))
        assert control.find(facts, wanted()) == Unknown("no answer", "grant it")


@EVERY
def test_a_read_that_was_never_made_is_unknown(control):
    assert isinstance(control.find(Facts({}), wanted()), Unknown)
    assert control.read_at(Facts({})) is None


@EVERY
def test_nothing_at_all_is_believed_of_no_tenant(control):
    empty: Rows = {cmdlet: [] for cmdlet in healthy()}
    assert isinstance(judge(control, empty), Unknown)


@EVERY
def test_the_time_of_a_verdict_is_the_time_of_the_read(control):
    assert control.read_at(Facts(reading(healthy()))) == NOW


@pytest.mark.parametrize(("name", "dated"), [("spf", True), ("mx", True), ("dkim", True), ("lock-bypass", False)])
def test_an_older_dns_answer_dates_what_is_judged_by_dns_and_not_what_it_stands_beside(name, dated):
    facts, control = Facts(reading(healthy())), CATALOGUE[name]
    [question, *_] = control.questions(facts, wanted())
    kept = facts.answered({question: Unclear("SERVFAIL", NOW - timedelta(hours=1))})
    assert (control.read_at(kept) == NOW - timedelta(hours=1)) is dated


@EVERY
@given(
    odd=st.one_of(st.none(), st.integers(), st.text(), st.booleans(), st.lists(st.integers(), max_size=2)),
    data=st.data(),
)
def test_an_odd_value_never_raises_and_the_same_rows_in_any_order_give_the_same_plan(control, odd, data):
    rows = healthy()
    cmdlet = data.draw(st.sampled_from(sorted({query.cmdlet for query in control.queries if rows[query.cmdlet]})))
    row = data.draw(st.sampled_from(rows[cmdlet]))
    field = data.draw(st.sampled_from(sorted(row)))
    if data.draw(st.booleans()):
        row[field] = odd
    else:
        del row[field]
    shuffled = {cmdlet: data.draw(st.permutations(items)) for cmdlet, items in rows.items()}
    first, second = judge(control, rows), judge(control, shuffled)
    assert type(first) is type(second)
    if isinstance(first, Drifted):
        assert isinstance(second, Drifted)
        assert digest(first.steps) == digest(second.steps)


@EVERY
def test_a_control_says_where_it_comes_from_and_what_a_person_can_do(control):
    assert control.title
    assert bool(control.parts) is not bool(control.source)
    assert control.by_hand


EVERYTHING: dict[str, Any] = {
    "dns": {"northwindlegal.example": {"kind": "cloudflare", "secret_setting": "HOLDFAST_DNS_SECRET_X"}},
    "service_connectors": [{"name": "Scanner", "sender_ips": ["198.51.100.7"]}],
}
"""A config that lets every control do all that it can."""
_NAMING = {"Identity", "Ids", "Name", "Comment"}


def judgements(control):
    """What *control* says of every tenant that differs from the documented one in one thing."""
    yield from (judge(control, rows, **EVERYTHING) for rows in differing(control))
    yield judge(control, healthy(), dict.fromkeys(DNS, NOWHERE), **EVERYTHING)


@EVERY
def test_the_generic_builders_know_the_drift_of_every_control(control):
    assert any(isinstance(judgement, Drifted | NeedsPerson) for judgement in judgements(control))


@EVERY
def test_what_a_control_writes_is_in_its_room_so_that_undo_audit_and_readiness_know_it(control):
    """Readiness lists the cmdlets of each kind, audit asks whose noun it is, undo which fields it can restore."""
    steps = [step for judgement in judgements(control) if isinstance(judgement, Drifted) for step in judgement.steps]
    for step in (step for step in steps if step.service != "dns"):
        kinds = [kind for kind in control.about if kind.writing and step.cmdlet in kind.writing.cmdlets]
        assert kinds, f"{step.cmdlet} belongs to the `writing` of an object of domain/exchange.py that it is `about`"
        kind = kinds[0]
        assert control.id in concerned_by(step.cmdlet.partition("-")[2])
        assert concerns_control({"Operation": step.cmdlet})
        own = {alias for name, field in kind.model_fields.items() for alias in (field.validation_alias, name)}
        if step.cmdlet == kind.writing.set:
            assert {*step.parameters} & own - _NAMING <= kind.writing.restorable
        if step.cmdlet == kind.writing.new:
            assert kind.writing.remove or step.parameters["Enabled"] is False
        if step.cmdlet == kind.writing.enable:
            assert kind.writing.disable


@EVERY
def test_whoever_changes_what_a_control_is_about_brings_a_look_at_it(control):
    assert control.about
    for kind in control.about:
        for noun in kind.nouns():
            assert concerns_control({"Operation": f"Set-{noun}"})
            assert control.id in concerned_by(noun.upper())


def undoable(control):
    return [f for f in judgements(control) if isinstance(f, Drifted) and {s.service for s in f.steps} != {"dns"}]


@EVERY
def test_undo_knows_the_opposite_of_whatever_a_control_writes(control):
    for judgement in undoable(control):
        try:
            back = undo.plan(entry(judgement.drift, *judgement.steps), Facts(reading(healthy())))
        except undo.CannotUndo as refusal:
            assert re.match("the ledger has what|the pair that was made|there is no opposite of New-Dkim", str(refusal))  # noqa: PT017
        else:
            assert {step.cmdlet for step in back.steps} <= {c for writing in WRITINGS for c in writing.cmdlets}


@EVERY
def test_what_a_step_of_a_control_does_at_the_doors_can_be_computed(control):
    facts = Facts(reading(healthy()))
    for step in (step for judgement in undoable(control) for step in judgement.steps):
        closing = effects((step,), facts, wanted())[0].closing
        assert f"what {step.cmdlet} does is not known" not in closing, (
            "its kind belongs into _JUDGES of domain/effects.py"
        )


@EVERY
def test_a_control_whose_part_the_profile_does_not_have_does_not_apply(control):
    """Whatever was read, or not: nothing has to be granted for what a filter does not ask for."""
    bare = Profile(id="x", version="1", name="Another Filter", guide="https://filter.example", sources={})
    judgement = control.find(Facts({}), Wanted(wanted().tenant, bare))
    if control.parts:
        assert judgement == NotApplicable("the guide of Another Filter does not ask for it")
    else:
        assert isinstance(judgement, Unknown)


@EVERY
def test_a_control_takes_its_figures_from_the_parts_that_it_names_and_no_others(control):
    named = {part: getattr(wanted().profile, part) for part in (*control.parts, *control.optional_parts)}
    alone = Profile(id="x", version="1", name="Another Filter", guide="https://filter.example", sources={}, **named)
    facts = answered(Facts(reading(healthy())), control, wanted(), DNS)
    assert control.find(facts, replace(wanted(), profile=alone)) == control.find(facts, wanted())


def test_dns_that_was_not_asked_is_unknown_and_so_is_one_that_is_unclear():
    rows = healthy()
    for name in ("mx", "spf", "dmarc"):
        control = CATALOGUE[name]
        facts = Facts(reading(rows))
        assert isinstance(control.find(facts, wanted()), Unknown)
        questions = control.questions(facts, wanted())
        unclear = facts.answered({question: Unclear("SERVFAIL", NOW) for question in questions})
        assert isinstance(control.find(unclear, wanted()), Unknown)
        assert control.read_at(unclear) == NOW


def test_a_tenant_without_a_domain_of_its_own_has_no_dns_to_judge():
    rows = healthy()
    del rows["Get-AcceptedDomain"][0]
    assert all(isinstance(judge(name, rows), NotApplicable) for name in ("mx", "spf", "dmarc"))


def test_a_missing_boolean_is_not_taken_for_false():
    rows = healthy()
    del rows["Get-InboundConnector"][0]["Enabled"]
    assert judge("inbound-lockdown", rows) == Unknown(
        "Get-InboundConnector returned an odd object: InboundConnector.Enabled: Field required"
    )


def test_the_fast_lane_is_one_batch():
    """Budget: one Exchange request, and a batch takes ten cmdlets at most."""
    queries = {query for control in in_lane("fast") for query in CATALOGUE[control].queries_in("fast")}
    assert len(queries) <= 10
    assert {query.service for query in queries} == {"exchange"}


def test_what_a_control_needs_comes_before_it():
    order = list(CATALOGUE)
    for control in CATALOGUE.values():
        assert all(order.index(need) < order.index(control.id) for need in control.needs)


def test_every_control_is_in_one_lane_or_sees_more_in_the_slow_one():
    assert {*in_lane("fast"), *in_lane("slow")} == {*CATALOGUE}
    assert all(CATALOGUE[both].later for both in {*in_lane("fast")} & {*in_lane("slow")})


def test_the_slow_lane_is_two_batches_at_most():
    queries = {query for control in in_lane("slow") for query in CATALOGUE[control].queries}
    assert len({query for query in queries if query.service == "exchange"}) <= 20


def test_ids_of_no_control_are_told():
    assert unknown(("oof-rule", "ooof-rule", "spf")) == ["ooof-rule"]


def test_a_plan_can_be_cut_to_some_of_its_steps():
    rows = healthy() | {"Get-TenantAllowBlockListSpoofItems": []}
    plan = judge("spoof-allow", rows)
    assert isinstance(plan, Drifted)
    part = plan.only(plan.steps[:1])
    assert (part.drift, part.steps) == (plan.drift[:1], plan.steps[:1])


def test_a_plan_without_drift_or_steps_cannot_be_made():
    with pytest.raises(ValueError, match="drift and steps"):
        Drifted((Drift("Enabled", wanted=True, found=False),), ())


def test_an_object_listed_by_two_queries_is_judged_once():
    rows = healthy()
    facts = Facts({query: Seen(tuple(rows[query.cmdlet]), NOW) for query in CATALOGUE["oof-connector"].queries})
    assert isinstance(CATALOGUE["oof-connector"].find(facts, wanted()), Compliant)


def with_an_odd_row(control, rows):
    """*rows*, each time with another row cut down to nothing, or to what names its object."""
    for kind in control.sees:
        for cmdlet in {query.cmdlet for query in kind.queries}:
            for at, row in enumerate(rows[cmdlet]):
                named = {name: value for name, value in row.items() if name == kind.named_by}
                for odd in ({}, named) if named != row else ({},):
                    yield rows | {cmdlet: [*rows[cmdlet][:at], odd, *rows[cmdlet][at + 1 :]]}


def steps_of(judgement):
    return {step.key for step in judgement.steps} if isinstance(judgement, Drifted) else set()


@EVERY
def test_while_a_row_is_odd_nothing_is_compliant_and_nothing_is_written_that_the_row_could_have_stopped(control):
    for rows in (healthy(), *differing(control)):
        allowed = steps_of(judge(control, rows, **EVERYTHING))
        for odd in with_an_odd_row(control, rows):
            judgement = judge(control, odd, **EVERYTHING)
            assert not isinstance(judgement, Compliant)
            assert steps_of(judgement) <= allowed
