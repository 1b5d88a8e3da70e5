import httpx
import pytest

from clients.errors import Forbidden, Unreadable
from domain.psa.ticket import Person
from tests.clients.psa.deeds import first, opened

connectwise = pytest.mark.parametrize("provider", ["connectwise"])


@connectwise
async def test_a_release_moves_the_api_and_it_is_looked_for_again(psa, system):
    made = opened(system)
    await psa.ticket(str(made.id))
    system.codebase = "v2026_2"
    assert (await psa.ticket(str(made.id))).id == str(made.id)


@connectwise
async def test_a_change_that_was_answered_and_not_made_is_noticed(psa, system, router):
    made = opened(system)
    before = httpx.Response(200, json={"id": made.id, "status": {"id": 512}})
    router.patch(url__regex=r".*/service/tickets/.*").mock(return_value=before)
    first(router)
    with pytest.raises(Unreadable, match="is not 515"):
        await psa.set_status(str(made.id), "515")


@connectwise
async def test_who_set_a_status_is_a_member_or_nobody(psa, system):
    made = opened(system)
    system.changes("jdoe", made.id, status=513)
    ticket = await psa.ticket(str(made.id))
    assert (await psa.status_set_by(ticket)).id == "jdoe"
    system.changes("portal", made.id, status=513)
    assert await psa.status_set_by(ticket) is None
    system.changes("jdoe", made.id, status=512)
    assert await psa.status_set_by(ticket) is None


@connectwise
async def test_of_who_created_a_note_we_are_believed_alone(psa, system, router):
    made = opened(system)
    rows = [{"id": at, "text": "approved", "createdBy": each} for at, each in enumerate((system.own, system.agent), 1)]
    router.get(path__regex=r".*/notes").mock(httpx.Response(200, json=rows))
    first(router)
    assert [note.by for note in await psa.notes(str(made.id))] == [Person(system.own, "agent"), None]


@pytest.mark.parametrize("provider", ["connectwise"])
async def test_a_path_that_is_missing_is_no_missing_ticket(psa, router):
    missing = httpx.Response(404, json={"code": "ConnectWiseApi", "message": "The endpoint does not exist."})
    router.get(path__regex=r".*/service/tickets/48211").mock(missing)
    first(router)
    with pytest.raises(Forbidden):
        await psa.ticket("48211")
