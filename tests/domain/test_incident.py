from datetime import timedelta

import pytest

from domain.incident import SERVICE, Incident, held_by_radius, is_news, service_entry, since_begun
from domain.ledger import ENTRY_ID, Entry
from tests.domain.builders import NOW


def test_an_incident_is_an_entry_of_the_services_own_ledger():
    entry = Incident("radius-1", "radius", "steps are held", "too many tenants").entry(NOW)
    assert (entry.tenant_id, entry.control, entry.event) == (SERVICE, "radius-1", "incident")
    assert entry.detail == "steps are held: too many tenants"
    assert ENTRY_ID.fullmatch(entry.id)


@pytest.mark.parametrize("name", ["", "Brake", "a/b", "x" * 41])
def test_an_id_that_no_ledger_entry_can_carry_is_refused(name):
    with pytest.raises(ValueError, match=r"^incident\.id"):
        Incident(name, "radius", "x", "y")


def said(event, hours=0, actor="holdfast", detail="steps are held: too many tenants"):
    at = NOW + timedelta(hours=hours)
    return Entry(at=at, tenant_id=SERVICE, control="radius-1", event=event, actor=actor, detail=detail)


def test_what_was_said_since_an_incident_began_is_what_counts():
    first, end, second = said("incident"), said("incident_ended", 1), said("incident", 2)
    taken = said("incident_taken", 3, "Ada")
    assert since_begun([first, end]) == []
    assert since_begun([said("incident_taken"), first, end, second, taken]) == [second, taken]


@pytest.mark.parametrize(
    ("told", "news"),
    [
        ([], True),
        ([said("incident")], False),
        ([said("incident"), said("incident_taken", 1)], False),
        ([said("incident", detail="steps are held: others")], True),
        ([said("incident"), said("incident_ended", 1)], True),
        ([said("incident"), said("incident_ended", 1, "Ada")], False),
        ([said("incident"), said("incident_ended", -30, "Ada")], True),
    ],
)
def test_what_lasts_is_told_once_and_what_a_person_ended_too_early_a_day_later(told, news):
    seen = Incident("radius-1", "radius", "steps are held", "too many tenants")
    assert is_news(seen, told, NOW + timedelta(hours=2)) is news


def test_each_kind_of_step_that_is_held_is_an_incident_of_its_own():
    assert held_by_radius("spf:dns", "a").id == held_by_radius("spf:dns", "b").id != held_by_radius("mx:dns", "a").id


@pytest.mark.parametrize(("by", "asked"), [("holdfast", None), ("alice", "alice")])
def test_an_entry_of_the_service_names_the_person_who_asked_if_one_did(by, asked):
    entry = service_entry("incident_ended", NOW, by=by)
    assert (entry.tenant_id, entry.actor, entry.requested_by) == (SERVICE, by, asked)
