"""The three ticket systems behind one Protocol: what each does in its own way, and how each fails."""

from datetime import timedelta
from typing import get_args

import pytest
import stamina

from clients.errors import Forbidden, Invalid, NotFound, Redirected, Throttled, Unauthorised, Unreachable, Unreadable
from clients.settings import load
from domain.psa.desk import TicketSystem
from tests.clients.psa.deeds import ODD_IN_EVERY_SYSTEM, first, listing, opened
from tests.clients.test_settings import GOOD
from tests.handlers.tickets.msp import COMPANY, SYSTEMS, in_every_system, settings

KEY = "hf-0123456789abcdef01234567"


def test_each_ticket_system_is_simulated_so_that_these_tests_run_over_it():
    assert {*SYSTEMS} == {*get_args(TicketSystem)}


@in_every_system
def test_the_marks_of_every_ticket_system_have_a_key_that_its_credentials_make(provider):
    without = {"HOLDFAST_MARK_SECRET": ""}
    assert load(GOOD | settings(provider) | without).mark_key() != load(GOOD | without).mark_key()


@in_every_system
async def test_a_ticket_is_read_with_all_that_a_trigger_may_name(psa, system):
    made = opened(system, fields={"Tool": "Holdfast"})
    read = await psa.ticket(str(made.id))
    assert (read.company, read.container, read.type, read.subtype) == ("250", "37", "91", "14")
    assert (read.status, read.closed, dict(read.fields)) == (str(made.status), False, {"Tool": "Holdfast"})


@in_every_system
async def test_a_new_ticket_is_found_by_its_key_and_by_no_other(psa, system):
    number = await psa.create(str(COMPANY), KEY, "x" * 300 if system.name != "halopsa" else "setting", "See the notes.")
    found = await psa.find(str(COMPANY), KEY)
    assert found is not None and found.id == number
    assert await psa.find(str(COMPANY), KEY[:-1] + "0") is None
    assert await psa.find("251", KEY) is None
    system.changes(system.agent, int(number), status=system.status_ids["closed"])
    assert await psa.find(str(COMPANY), KEY) is None


@in_every_system
async def test_a_note_is_internal_and_says_whose_it_is(psa, system):
    made = opened(system)
    number = await psa.add_note(str(made.id), "one & two <b>\nthree")
    system.writes("402", made.id, "mine", "contact")
    ours, theirs = (
        await psa.notes(str(made.id)) if system.name == "autotask" else _in_order(await psa.notes(str(made.id)))
    )
    assert (ours.id, ours.text, ours.by.id, ours.by.kind) == (number, "one & two <b>\nthree", system.own, "agent")
    assert theirs.by.kind == "contact"
    assert made.notes[0].internal


def _in_order(notes):
    return sorted((note for note in notes if note.text), key=lambda note: note.id)


@in_every_system
async def test_a_ticket_that_is_not_there_is_not_found(psa):
    with pytest.raises(NotFound):
        await psa.ticket("999999")


@in_every_system
async def test_changes_are_found_over_many_pages(psa, system, clock):
    opened(system, 3)
    clock.advance(hours=1)
    since = clock()
    opened(system, 230)
    changed = await psa.changed_since(since - timedelta(seconds=1))
    assert len({ticket.id for ticket in changed.tickets}) == 230
    assert changed.odd == ()


@in_every_system
async def test_a_row_of_a_list_that_is_no_ticket_hides_none_of_the_others_and_is_named(psa, system, clock):
    since = clock()
    opened(system, 2)
    listing(system, 7, {"id": "x"}, ODD_IN_EVERY_SYSTEM)
    changed = await psa.changed_since(since - timedelta(seconds=1))
    assert {ticket.id for ticket in changed.tickets} == {str(number) for number in system.tickets}
    assert changed.odd[:2] == (
        "an object was expected",
        "id should be a whole number in this system, not 'x'",
    )
    assert "was expected" in changed.odd[2]


@in_every_system
async def test_a_ticket_is_not_taken_for_absent_where_a_row_of_the_search_makes_no_sense(psa, system):
    listing(system, 7)
    with pytest.raises(Unreadable):
        await psa.find(str(COMPANY), KEY)


@pytest.mark.parametrize("provider", ["autotask", "halopsa"])
async def test_a_note_with_an_odd_id_makes_its_ticket_unreadable(psa, system):
    made = opened(system)
    system.writes(system.agent, made.id, "mine").id = "n-1"
    with pytest.raises(Unreadable, match="an id was expected"):
        await psa.notes(str(made.id))


@in_every_system
async def test_a_company_that_does_not_exist_is_refused_with_what_the_system_says(psa):
    with pytest.raises(Invalid) as caught:
        await psa.create("999", KEY, "summary", "text")
    assert "ompany" in caught.value.sentence or "client" in caught.value.sentence


@in_every_system
async def test_a_creation_whose_answer_is_lost_is_not_repeated(psa, system):
    opened(system)
    await psa.find(str(COMPANY), KEY)  # signed in, and the zone is known
    system.trouble.append("lost")
    with pytest.raises(Unreachable) as caught:
        await psa.create(str(COMPANY), KEY, "summary", "text")
    assert caught.value.sent
    assert len(system.tickets) == 2


@in_every_system
async def test_a_write_that_is_turned_away_is_left_to_the_queue(psa, system):
    made = opened(system)
    await psa.ticket(str(made.id))
    system.trouble.append("throttled")
    with pytest.raises(Throttled):
        await psa.add_note(str(made.id), "text")
    assert made.notes == []


@in_every_system
async def test_a_page_instead_of_an_answer_is_told(psa, system):
    made = opened(system)
    await psa.ticket(str(made.id))
    system.trouble.append("html")
    with pytest.raises(Unreadable):
        await psa.set_status(str(made.id), str(made.status))


@in_every_system
async def test_wrong_credentials_are_a_persons_to_mend(psa, system):
    made = opened(system)
    setattr(system, system.credential, "exchanged")
    with pytest.raises(Unauthorised):
        await psa.ticket(str(made.id))


halopsa = pytest.mark.parametrize("provider", ["halopsa"])


ANSWERS = [(403, Forbidden), (302, Redirected), (400, Invalid), (401, Unauthorised), (502, Unreachable)]


@pytest.mark.parametrize(("status", "error"), ANSWERS)
async def test_errors_are_of_the_one_tree(psa, router, status, error):
    location = {"location": "https://evil.example"}
    router.get(path__regex="(?i).*zoneInformation").respond(status, text="no", headers=location)
    first(router)
    with stamina.set_testing(True, attempts=2), pytest.raises(error):
        await psa.ticket("1")
    assert {call.request.url.host for call in router.calls} == {"webservices.autotask.net"}
