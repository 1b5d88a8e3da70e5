"""What people answered for in a month: whatever held at some time of it, also what has ended since."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.evidence.accepted import declarations_of, exceptions_of
from domain.exemption import Exemption
from domain.findings import found
from domain.ledger import Entry
from domain.states import Span
from domain.tenant import Declaration
from tests.domain.builders import TENANT_ID

START = datetime(2026, 11, 1, tzinfo=UTC)
NOVEMBER = Span(START, START + timedelta(days=30))
COPIER = found("address", "inbound-lockdown", "ExchangeDefender", "198.51.100.7", "mail that says; declared by Eve")


def day(number):
    return START + timedelta(days=number)


def exemption(until, reason="moves", owner="Ann"):
    return Exemption(reason=reason, owner=owner, until=day(until))


def made(at, accepted, control="dmarc"):
    return ended(at, accepted.sentence, control, event="exception_made")


def ended(at, detail, control="dmarc", event="exception_ended"):
    return Entry(at=day(at), tenant_id=TENANT_ID, control=control, event=event, detail=detail)


def declaration(until, owner="Bea"):
    return Declaration(
        finding=COPIER.id,
        kind=COPIER.kind,
        control=COPIER.control,
        name=COPIER.name,
        value=COPIER.value,
        reason="a copier: old",
        owner=owner,
        until=day(until),
    )


def declared(at, said):
    return Entry(
        at=day(at),
        tenant_id=TENANT_ID,
        control=said.control,
        event="declared",
        detail=f"{COPIER.sentence}; {said.sentence}",
        reason=said.reason,
        finding=said.finding,
    )


def exceptions(*entries, **kept):
    accepted = exceptions_of(NOVEMBER, entries, kept)
    return [(each.control, each.owner, each.reason, (each.until - START).days) for each in accepted]


def declarations(*entries, kept=()):
    accepted = declarations_of(NOVEMBER, entries, kept)
    return [(each.what, each.owner, each.reason, (each.until - START).days) for each in accepted]


def test_an_exception_that_ended_in_the_month_is_told_with_reason_and_owner():
    short = exemption(28)
    by_itself = made(2, short), ended(28, short.sentence)
    assert exceptions(*by_itself) == [("dmarc", "Ann", "moves", 28)]
    assert exceptions(made(2, short), ended(9, "taken back")) == [("dmarc", "Ann", "moves", 9)]
    # Made before what is read of the ledger, or when a tenant was opened.
    assert exceptions(ended(28, short.sentence)) == [("dmarc", "Ann", "moves", 28)]


def test_one_that_was_replaced_ends_there_and_one_that_holds_is_told_once():
    first, second = exemption(20), exemption(40, "moves still: until May", "Bob")
    assert exceptions(made(2, first), made(9, second), dmarc=second) == [
        ("dmarc", "Ann", "moves", 9),
        ("dmarc", "Bob", "moves still: until May", 40),
    ]
    # An undo's exception in between has ended, and the person's holds again.
    undo = exemption(40, "undo", "Cy")
    assert exceptions(made(2, second), made(9, undo), ended(10, "turned away"), dmarc=second) == [
        ("dmarc", "Bob", "moves still: until May", 40),
        ("dmarc", "Cy", "undo", 10),
    ]
    again = made(2, second), ended(3, "taken back"), made(4, second)
    assert exceptions(*again, dmarc=second) == [("dmarc", "Bob", "moves still: until May", 40)]
    assert exceptions(dmarc=second, spf=first) == [
        ("dmarc", "Bob", "moves still: until May", 40),
        ("spf", "Ann", "moves", 20),
    ]


def test_what_held_before_or_after_the_month_is_none_of_it():
    early, late = exemption(-1), exemption(50)
    assert exceptions(made(-9, early), made(31, late, "spf"), spf=late, mx=early) == []
    gone, to_come = declaration(-1), declaration(50)
    assert declarations(declared(-9, gone)) == []
    assert declarations(kept=[gone]) == []
    assert declarations(declared(31, to_come), kept=[to_come]) == []
    assert declarations(declared(31, to_come)) == []


def test_a_declaration_is_told_by_the_config_and_one_that_is_not_there_any_more_by_the_ledger():
    first, second = declaration(20), declaration(40, "Dan")
    now = ("address 198.51.100.7", "Dan", "a copier: old", 40)
    assert declarations(kept=[second]) == [now]
    assert declarations(declared(2, first), declared(9, second), kept=[second]) == [
        now,
        (COPIER.sentence, "Bea", "a copier: old", 9),
    ]
    assert declarations(declared(2, first)) == [(COPIER.sentence, "Bea", "a copier: old", 20)]


def test_entries_of_another_wording_are_passed_over():
    for detail in ("a copier", "a copier; declared by Bea until 2026-99+00:00"):
        assert declarations(replace(declared(2, declaration(20)), detail=detail)) == []
    assert exceptions(ended(2, "accepted", event="exception_made")) == []


def test_an_owner_who_is_called_like_a_time_stops_no_evidence():
    for odd in ("Ann until soon: x", "Ann until 2026-99-99T00:00:00+00:00: x", "Ann until +00:00"):
        told = exceptions(made(2, exemption(20, owner=odd)), made(2, exemption(20), "spf"))
        assert ("spf", "Ann", "moves", 20) in told
        assert declarations(declared(1, declaration(20, odd)), declared(2, declaration(20)))[-1][1] == "Bea"
