"""What people answered for in a month: whatever held at some time of it, also what has ended since."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given

from domain.evidence.accepted import declarations_of, exceptions_of
from domain.exemption import LONGEST_ACCEPTED, Exemption
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


def declaration(until, owner="Bea", finding=COPIER.id):
    return Declaration(
        finding=finding,
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


def configured(at, before, after):
    before, after = ({"declared": [each.model_dump(mode="json") for each in some]} for some in (before, after))
    return Entry(at=day(at), tenant_id=TENANT_ID, event="configured", before=before, after=after)


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


def test_what_began_after_the_month_is_none_of_it_though_it_holds_when_the_evidence_is_made():
    opened, config = exemption(61, "held open: no mail", "Dan"), declaration(61)
    assert exceptions(made(30, opened), dmarc=opened) == []
    assert exceptions(made(30, opened), ended(61, opened.sentence)) == []
    assert declarations(configured(30, [], [config]), kept=[config]) == []


def test_one_that_began_long_before_the_month_is_told_with_its_true_end():
    year = exemption(90, "held open: no mail", "Dan")
    assert exceptions(made(-275, year), ended(19, "taken back")) == [("dmarc", "Dan", "held open: no mail", 19)]
    first, second = declaration(90), declaration(90, "Eve")
    told = declarations(configured(-275, [], [first]), configured(19, [first], [second]), kept=[second])
    what = "address 198.51.100.7"
    assert told == [(what, "Bea", "a copier: old", 19), (what, "Eve", "a copier: old", 90)]


def test_what_a_config_no_longer_has_ended_there_also_where_its_beginning_was_not_read():
    assert declarations(configured(19, [declaration(90)], [])) == [("address 198.51.100.7", "Bea", "a copier: old", 19)]
    assert declarations(configured(-1, [declaration(90)], [])) == []


def test_what_an_undo_had_replaced_is_told_until_it_was_taken_back_itself():
    person = exemption(90)
    undo = Exemption(reason="undo", owner="Cy", until=day(2)).over(person)
    begun = replace(made(-20, undo), of="x", operation_id="u", before={"exception": person.model_dump(mode="json")})
    turned_away = replace(ended(-19, "turned away"), of="x", operation_id="u")
    history = made(-30, person), begun, turned_away, ended(9, "taken back")
    assert exceptions(*history) == [("dmarc", "Ann", "moves", 9)]


def test_what_the_states_keep_counts_where_the_ledger_told_last_of_another():
    opened, person = exemption(50, "held open", "Dan"), exemption(40)
    told = exceptions(made(2, opened), made(3, person), dmarc=opened)
    assert told == [("dmarc", "Dan", "held open", 50), ("dmarc", "Ann", "moves", 40)]


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
        (COPIER.sentence, "Bea", "a copier: old", 9),
        now,
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


MOMENTS = [half / 2 for half in range(60)]
"""Days of November: in these histories things change at noon and at midnight only."""
LONG_AGO = -600


class Life:
    """A control's exceptions as a tenant's states keep them, with the entries that the changes write."""

    def __init__(self):
        self.entries, self.undone = [], None
        self.kept_since = [(LONG_AGO, None)]

    @property
    def kept(self):
        return self.kept_since[-1][1]

    def make(self, at, new):
        self.change(at, new, made(at, new))

    def undo(self, at, new):
        self.undone = new.owner, self.kept
        before = {"exception": self.kept.model_dump(mode="json")} if self.kept else {}
        new = new.over(self.kept)
        self.change(at, new, replace(made(at, new), of="x", operation_id=new.owner, before=before))

    def turn_away(self, at, new):  # noqa: ARG002 - as the others
        if self.undone and self.kept and self.undone[0] == self.kept.owner:
            operation, earlier = self.undone
            self.change(at, earlier, replace(ended(at, "turned away"), of="x", operation_id=operation))

    def take_back(self, at, new):  # noqa: ARG002
        if self.kept:
            self.change(at, None, ended(at, "taken back"))

    def look(self, at, new):  # noqa: ARG002
        if self.kept and not self.kept.holds_at(day(at)):
            self.change(at, None, ended(at, self.kept.sentence))

    def change(self, at, kept, entry):
        self.kept_since.append((at, kept))
        self.entries.append(entry)

    def owners(self):
        """Who answered for the control at some moment of November."""
        there = {moment: at_of(self.kept_since, moment) for moment in MOMENTS}
        return {kept.owner for moment, kept in there.items() if kept and kept.holds_at(day(moment))}


def at_of(history, moment):
    """The newest of *history* at *moment*."""
    return next(what for at, what in reversed(history) if at <= moment)


def known(entries):
    """Those that the evidence of November reads."""
    return [each for each in entries if each.at > START - LONGEST_ACCEPTED]


begins = st.integers(-500, -20)
gaps, lengths = st.integers(1, 120), st.integers(1, 366)
moves = st.sampled_from([Life.make, Life.make, Life.undo, Life.turn_away, Life.take_back, Life.look])


@given(begins, st.lists(st.tuples(gaps, moves, lengths), max_size=12))
def test_the_evidence_of_a_month_names_the_exceptions_that_held_at_some_moment_of_it(at, history):
    life = Life()
    for number, (halves, move, length) in enumerate(history):
        at += halves / 2
        move(life, at, exemption(at + length, owner=f"o{number}"))
    told = exceptions_of(NOVEMBER, known(life.entries), {"dmarc": life.kept} if life.kept else {})
    assert {each.owner for each in told} == life.owners()


ways = st.sampled_from(["declared", "config", "taken out of the config"])


@given(begins, st.lists(st.tuples(gaps, ways, lengths, st.integers(0, 2)), max_size=12))
def test_the_evidence_of_a_month_names_the_declarations_that_held_at_some_moment_of_it(at, history):
    entries: list[Entry] = []
    kept_since: list[tuple[float, list[Declaration]]] = [(LONG_AGO, [])]
    for number, (halves, way, length, finding) in enumerate(history):
        at += halves / 2
        new, before = declaration(at + length, f"o{number}", f"{finding:016x}"), kept_since[-1][1]
        others = [each for each in before if each.finding != new.finding]
        after = others if way.startswith("taken") else [*others, new]
        entries.append(declared(at, new) if way == "declared" else configured(at, before, after))
        kept_since.append((at, after))
    owners = {each.owner for at in MOMENTS for each in at_of(kept_since, at) if day(at) < each.until}
    told = declarations_of(NOVEMBER, known(entries), kept_since[-1][1])
    assert {each.owner for each in told} == owners
