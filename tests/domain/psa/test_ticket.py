"""Which tickets ask, and whose word approves a plan."""

from datetime import UTC, datetime

import pytest

from domain.psa.desk import ApprovalRules, Desk
from domain.psa.marks import Marks
from domain.psa.ticket import (
    Note,
    Opening,
    Person,
    Ticket,
    approver,
    asked_to_open,
    deciders,
    has_our_key,
    is_own,
    is_told,
    trigger_of,
)
from domain.tenant import PsaCompany

TRIGGER = {"action": "check", "container": "37", "type": "91", "statuses": ["512"], "fields": {"Tool": "Holdfast"}}
DESK = Desk.model_validate({"triggers": [TRIGGER, {"action": "reprovision", "subtype": "14", "statuses": ["512"]}]})
FITTING = Ticket("1", "250", "512", container="37", type="91", subtype="13", fields={"Tool": "Holdfast"})


def changed(**fields):
    return Ticket(**{**{name: getattr(FITTING, name) for name in FITTING.__slots__}, **fields})


def test_a_ticket_that_fits_in_all_that_the_trigger_names_asks():
    trigger = trigger_of(DESK, FITTING)
    assert trigger is not None and trigger.action == "check"


def test_what_a_trigger_does_not_name_may_be_anything():
    trigger = trigger_of(DESK, Ticket("1", "250", "512", subtype="14"))
    assert trigger is not None and trigger.action == "reprovision"


@pytest.mark.parametrize(
    "fields",
    [
        {"container": "38"},
        {"type": ""},
        {"status": "513"},
        {"closed": True},
        {"fields": {}},
        {"fields": {"Tool": "other"}},
    ],
)
def test_a_ticket_that_differs_in_one_asks_nothing(fields):
    assert trigger_of(DESK, changed(**fields)) is None


@pytest.mark.parametrize(
    ("key", "ours"),
    [("hf-0123456789abcdef01234567", True), ("", False), ("hf-0123456789abcdef0123456x", False), ("PO 4711", False)],
)
def test_what_looks_like_a_key_of_ours_is_no_reason_to_ask_nothing(key, ours):
    ticket = changed(key=key)
    assert has_our_key(ticket) is ours
    assert trigger_of(DESK, ticket) is not None


PLAN, OTHER = "1a2b3c4d5e6f7081", "ffffffffffffffff"
APPROVAL = ApprovalRules(words=("approved", "go ahead"))
AGENT, CONTACT, OURSELVES = Person("jdoe", "agent"), Person("402", "contact"), Person("api", "agent")


UNLISTED = Person("intern", "agent")
ANYBODY = deciders(PsaCompany(provider="halopsa", company_id="250"), "api")
LISTED = deciders(PsaCompany(provider="halopsa", company_id="250", approvers=("jdoe",)), "api")


def said(text, by=AGENT, number=11, *, internal=True):
    return approver([Note(number, text, by, internal)], PLAN, 10, APPROVAL, ANYBODY)


@pytest.mark.parametrize(
    "text",
    [
        "approved",
        "Approved.",
        " APPROVED!\nthanks",
        f"approved {PLAN}",
        f"Approved: {PLAN}",
        "go ahead",
        f"go ahead {PLAN}.",
    ],
)
def test_the_word_of_a_psa_user_approves(text):
    assert said(text) == AGENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not approved",
        "approved?",
        "approved by nobody",
        f"approved {OTHER}",
        "please\napproved",
        f"approvedx {PLAN}",
        PLAN,
        "disapproved",
    ],
)
def test_anything_else_approves_nothing(text):
    assert said(text) is None


@pytest.mark.parametrize("by", [CONTACT, OURSELVES, Person("", "agent"), None])
def test_the_word_of_anybody_else_approves_nothing(by):
    assert said("approved", by) is None


@pytest.mark.parametrize("number", [9, 10])
def test_a_word_from_before_the_plan_was_told_approves_nothing(number):
    assert said("approved", number=number) is None


@pytest.mark.parametrize("order", [1, -1])
def test_the_word_of_who_may_not_decide_hides_nobody_elses(order):
    notes = [Note(11, "approved", UNLISTED, internal=True), Note(12, "approved", AGENT, internal=True)]
    assert approver(notes[::order], PLAN, 10, APPROVAL, LISTED) == AGENT
    assert approver(notes[:1], PLAN, 10, APPROVAL, LISTED) is None


def test_a_word_in_a_note_that_mail_can_make_approves_nothing():
    assert said("approved", internal=False) is None


def test_an_empty_word_is_no_word():
    assert approver([Note(11, "", AGENT, internal=True)], PLAN, 10, ApprovalRules(words=("",)), ANYBODY) is None


@pytest.mark.parametrize(
    ("person", "own_user", "own"),
    [
        (Person("12", "agent"), "12", True),
        (Person("13", "agent"), "12", False),
        (Person("12", "contact"), "12", False),
        (Person("", "agent"), "", False),
        (None, "12", False),
    ],
)
def test_we_are_the_user_that_the_desk_names_and_nobody_where_it_names_none(person, own_user, own):
    assert is_own(person, own_user) is own


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def wanted_open(text, by=AGENT, *, internal=True):
    return asked_to_open([Note(7, "hello", AGENT, internal=True), Note(12, text, by, internal)], ANYBODY, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "holdfast open until 2026-11-23T16:00Z mail is refused",
        "Holdfast Open until 2026-11-23T16:00: mail is refused\nthe customer called",
        "  holdfast open until 2026-11-23T17:00+01:00  mail is refused",
    ],
)
def test_an_agents_note_opens_the_lock_until_a_moment_with_a_reason(text):
    [said] = wanted_open(text)
    assert said == Opening(12, AGENT, "mail is refused", datetime(2026, 11, 23, 16, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        "please: holdfast open until 2026-11-23T16:00Z mail is refused",
        "holdfast open until 2026-11-23T16:00Z",
        "holdfast open until tomorrow-at-noon mail is refused",
        "holdfast open until 2026-11-23T11:59Z mail is refused",
        "holdfast open",
        "",
    ],
)
def test_any_other_note_opens_nothing(text):
    assert wanted_open(text) == []


@pytest.mark.parametrize(("by", "internal"), [(CONTACT, True), (OURSELVES, True), (None, True), (AGENT, False)])
def test_nobody_but_an_agent_opens_it_and_no_note_that_mail_can_make(by, internal):
    assert wanted_open("holdfast open until 2026-11-23T16:00Z mail is refused", by, internal=internal) == []


def test_every_note_of_who_decides_opens_it_oldest_first():
    def note(number, by, hour):
        return Note(number, f"holdfast open until 2026-11-23T{hour}:00Z mail is refused", by, internal=True)

    newest_first = [note(14, AGENT, 20), note(13, UNLISTED, 19), note(12, AGENT, 16), note(11, UNLISTED, 15)]
    found = asked_to_open(newest_first, LISTED, NOW)
    assert [(each.note, each.by, each.until.hour) for each in found] == [(12, AGENT, 16), (14, AGENT, 20)]


MARKS = Marks(b"a secret of the installation")


@pytest.mark.parametrize(
    ("by", "own_user", "told"),
    [
        (OURSELVES, "api", True),
        (AGENT, "api", False),
        (CONTACT, "api", False),
        (None, "api", True),
        (AGENT, "", True),
        (None, "", True),
    ],
)
def test_a_note_with_our_mark_is_ours_unless_it_names_somebody_else_where_we_know_our_own_user(by, own_user, told):
    note = Note(12, f"Told. {MARKS.note(['1'])}", by, internal=True)
    assert is_told([Note(11, "hello", by), note], ["1"], MARKS, own_user) is told
    assert not is_told([note], ["2"], MARKS, own_user)
