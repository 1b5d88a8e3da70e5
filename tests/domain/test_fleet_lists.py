"""Lists over the fleet: filters, orders, pages that miss and repeat nothing, and what waits for a person."""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fleet_index import CATALOGUE_DIGEST, FoundThere, NotCompliant, Summary, TenantInFleet
from domain.fleet_lists import SORTS, Filter, Order, controls_of, controls_page, cursor_of, key_of, paged, waiting_in

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def row(number=1, *, cells=None, findings=None, **more):
    seen = Summary(cells or {}, found=findings or {}, catalogue=CATALOGUE_DIGEST, looked={"fast": NOW})
    known: dict[str, Any] = {"name": f"Tenant {number}", "profile": "exchangedefender", "mode": "correct"}
    return TenantInFleet(
        since=NOW,
        tenant_id=f"id-{number}",
        initial_domain=f"d{number}.onmicrosoft.com",
        summary=seen,
        **({"enabled": True} | known | more),
    )


DRIFTED = row(1, cells={"spf": NotCompliant("drifted", NOW, actor="Ann@contoso.example")}, labels=("gold",))
QUIET = row(2, mode="observe", profile="other")


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (Filter(), [DRIFTED, QUIET]),
        (Filter(q="TENANT 2"), [QUIET]),
        (Filter(q="d1.on"), [DRIFTED]),
        (Filter(state="drifted"), [DRIFTED]),
        (Filter(control="dkim", state="drifted"), []),
        (Filter(control="spf", state="drifted"), [DRIFTED]),
        (Filter(label="gold"), [DRIFTED]),
        (Filter(mode="observe"), [QUIET]),
        (Filter(profile="other"), [QUIET]),
        (Filter(actor="ann@"), [DRIFTED]),
    ],
)
def test_a_wish_takes_the_tenants_that_it_names(filters, wanted):
    assert filters.in_state(filters.tenants([DRIFTED, QUIET])) == wanted


def test_controls_are_listed_with_their_states_compliant_ones_too():
    listed = [(each.tenant_id, control) for each, control, _ in controls_of([DRIFTED, QUIET], Filter(state="drifted"))]
    assert listed == [("id-1", "spf")]
    compliant = list(controls_of([DRIFTED, QUIET], Filter(control="spf", state="compliant")))
    assert [(each.tenant_id, cell) for each, _, cell in compliant] == [("id-2", None)]
    assert list(controls_of([QUIET], Filter(label="gold"))) == []


ROWS = st.lists(
    st.builds(
        lambda number, state: row(number, cells={"spf": NotCompliant(state, NOW)}),
        st.integers(0, 5),
        st.sampled_from(["drifted", "held", "unknown"]),
    ),
    unique_by=lambda each: each.tenant_id,
    max_size=6,
)


@given(ROWS, st.sampled_from(SORTS), st.integers(1, 3))
def test_pages_one_after_the_other_are_the_whole_list_once(rows, sort, limit):
    order = Order(sort, NOW)
    ordered, seen, after = order.sorted(rows), list[TenantInFleet](), ""
    while True:
        items, after = paged(ordered, order.key, after, limit, descending=order.descending)
        seen += items
        if not after:
            break
    assert seen == ordered
    assert sorted(each.tenant_id for each in seen) == sorted(each.tenant_id for each in rows)


@given(ROWS, st.sampled_from([Filter(), Filter(state="compliant"), Filter(control="spf")]), st.integers(1, 20))
def test_pages_of_controls_one_after_the_other_are_the_whole_list_once(rows, filters, limit):
    named, seen, after = Order("name", NOW).sorted(rows), list[Any](), ""
    while True:
        items, after = controls_page(named, filters, after, limit)
        seen += items
        if not after:
            break
    assert seen == list(controls_of(named, filters))
    places = [(*each.list_key, control) for each, control, _ in seen]
    assert places == sorted(set(places))


@pytest.mark.parametrize("key", [(1, "id-1", "spf"), ("tenant 1", "id-1", 2)])
def test_a_cursor_of_another_list_is_refused(key):
    with pytest.raises(ValueError, match="same order"):
        controls_page([DRIFTED, QUIET], Filter(), cursor_of(key), 1)


def test_a_minus_turns_the_order():
    names = [each.name for each in Order("-name", NOW).sorted([QUIET, DRIFTED])]
    assert names == ["Tenant 2", "Tenant 1"]


@pytest.mark.parametrize(
    "cursor", ["%", "e30", "W10", "W251bGxd", "W3sxOiAyfV0", base64.urlsafe_b64encode(b"\xff").decode()]
)
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(ValueError, match="cursor"):
        key_of(cursor)


def test_a_cursor_of_another_order_is_refused():
    order = Order("state", NOW)
    with pytest.raises(ValueError, match="same order"):
        paged(order.sorted([QUIET, DRIFTED]), order.key, cursor_of(("text", "x")), 1)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (NotCompliant("awaiting_approval", NOW, "waits", "abc"), "approval"),
        (NotCompliant("needs_person", NOW, "publish it"), "needs person"),
        (NotCompliant("held", NOW, "guard: lock not proven: x"), "lock not proven"),
        (NotCompliant("held", NOW, "radius: more than 5"), "radius"),
        (NotCompliant("held", NOW, "breaker: put back 3 times"), "breaker"),
        (NotCompliant("held", NOW, "freeze: until"), None),
        (NotCompliant("drifted", NOW), None),
    ],
)
def test_what_waits_for_a_person_has_a_kind_and_the_rest_does_not_wait(cell, kind):
    waits = list(waiting_in([row(cells={"spf": cell})], NOW))
    assert [each.kind for each in waits] == ([kind] if kind else [])


def test_findings_wait_and_those_of_mail_that_a_lock_would_refuse_are_of_the_rehearsal():
    findings = {"a": FoundThere("sender", "inbound-lockdown", "x"), "b": FoundThere("bypass", "lock-bypass", "y")}
    waits = {each.finding: each.kind for each in waiting_in([row(findings=findings)], NOW)}
    assert waits == {"a": "rehearsal", "b": "finding"}


def test_a_removal_that_is_held_waits_for_an_approval_beside_its_finding_and_is_named_once():
    findings = {"b": FoundThere("bypass", "lock-bypass", "y", plan="p1")}
    held = {"lock-bypass": NotCompliant("held", NOW, "guard: lock not proven: x", "p1")}
    for cells in ({}, held):
        waits = [
            (each.kind, each.plan, each.finding) for each in waiting_in([row(cells=cells, findings=findings)], NOW)
        ]
        assert waits == [("finding", "", "b"), ("lock not proven", "p1", "b")]


def test_nothing_of_a_tenant_waits_that_is_switched_off_or_was_listed_by_another_catalogue():
    cells = {"spf": NotCompliant("needs_person", NOW, "publish it")}
    off = row(cells=cells, enabled=False)
    older = replace(row(cells=cells), summary=replace(row(cells=cells).summary, catalogue="older"))
    assert list(waiting_in([off, older], NOW)) == []


def test_what_waits_for_the_same_reason_has_the_same_cause():
    cells = {"spf": NotCompliant("needs_person", NOW, "publish it", "p1")}
    first, second = (next(waiting_in([row(number, cells=cells)], NOW)) for number in (1, 2))
    assert first.cause == second.cause == "needs person spf publish it"
    assert first.key < second.key


def test_a_control_that_waits_for_its_findings_alone_is_not_named_beside_them():
    asks = {"lock-bypass": NotCompliant("needs_person", NOW, "to be declared or removed by a person: x")}
    findings = {"a": FoundThere("bypass", "lock-bypass", "x")}
    assert [each.kind for each in waiting_in([row(cells=asks, findings=findings)], NOW)] == ["finding"]
    assert [each.kind for each in waiting_in([row(cells=asks)], NOW)] == ["needs person"]
    more = {"lock-bypass": NotCompliant("needs_person", NOW, "publish it; to be declared or removed by a person: x")}
    waits = waiting_in([row(cells=more, findings=findings)], NOW)
    assert [each.kind for each in waits] == ["needs person", "finding"]
