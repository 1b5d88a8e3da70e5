"""The kill switch over HTTP: anyone who operates may pull it, an Admin lets go."""

from contextlib import suppress

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport

from domain.incident import SERVICE
from tests.handlers.web import ask, of


async def get(service):
    return of(await ask(service, "GET", "brake"))


async def put(service, **change):
    return of(await ask(service, "PUT", "brake", change))


async def test_releasing_a_released_brake_opens_no_new_blast_radius(service):
    before = await put(service, engaged=False)
    again = await put(service, engaged=False, reason="again")
    assert before["changed_at"] is again["changed_at"] is None
    engaged = await put(service, engaged=True)
    released = await put(service, engaged=False)
    assert engaged["changed_at"] < released["changed_at"]
    assert released["by"] == "key dev"


MOVED = "(PUT|PATCH|POST) .*/switches"


async def told(service):
    entries = await service.clients.storage.ledger.page(SERVICE)
    return [(each.event, each.reason) for each in reversed(entries) if each.event.startswith("brake")]


async def test_a_release_does_not_undo_an_engaging_that_nobody_has_looked_at(service, meanwhile):
    await put(service, engaged=True, reason="incident 7")
    meanwhile(MOVED, lambda: put(service, engaged=True, reason="incident 8"))
    refused = await ask(service, "PUT", "brake", {"engaged": False, "reason": "7 is over"})
    assert (refused.status_code, "key dev: incident 8; look, then release" in of(refused)["detail"]) == (409, True)
    brake = await get(service)
    assert (brake["engaged"], brake["reason"]) == (True, "incident 8")
    assert (await put(service, engaged=False, reason="both are over"))["engaged"] is False


async def test_an_engaging_stands_whatever_is_released_meanwhile(service, meanwhile):
    await put(service, engaged=True, reason="incident 7")
    meanwhile(MOVED, lambda: put(service, engaged=False, reason="7 is over"))
    engaged = await put(service, engaged=True, reason="incident 8")
    assert await get(service) == engaged
    assert (engaged["engaged"], engaged["reason"]) == (True, "incident 8")
    assert set(await told(service)) == {
        ("brake_engaged", "incident 7"),
        ("brake_released", "7 is over"),
        ("brake_engaged", "incident 8"),
    }


async def test_of_two_releases_at_once_neither_is_refused(service, meanwhile):
    await put(service, engaged=True, reason="incident 7")
    meanwhile(MOVED, lambda: put(service, engaged=False, reason="7 is over"))
    assert (await put(service, engaged=False, reason="over"))["engaged"] is False
    assert not (await get(service))["engaged"]


async def test_the_service_leaves_a_person_who_engages_at_the_same_time_the_reason(service, meanwhile):
    await put(service, engaged=False)
    meanwhile(MOVED, lambda: put(service, engaged=True, reason="incident 7"))
    await service.clients.storage.switches.engage("a fault", service.clock())
    brake = await get(service)
    assert (brake["engaged"], brake["reason"], brake["by"]) == (True, "incident 7", "key dev")


async def test_moves_that_the_ledger_could_not_take_are_told_in_order_once_it_can(service, monkeypatch):
    leave = AioHttpTransport.send

    async def without_ledger(transport, request, **options):
        if "/ledger" in request.url:
            raise HttpResponseError("the table cannot be written")
        return await leave(transport, request, **options)

    with monkeypatch.context() as patch:
        patch.setattr(AioHttpTransport, "send", without_ledger)
        for reason in ("incident 7", "incident 8"):
            with suppress(HttpResponseError):
                await put(service, engaged=True, reason=reason)
    await put(service, engaged=True, reason="incident 9")
    assert sorted(await told(service)) == [("brake_engaged", f"incident {number}") for number in (7, 8, 9)]


class Cut(Exception):  # noqa: N818 - the end of a worker, no fault of ours
    """A worker ends here."""


async def test_what_a_worker_that_was_cut_left_untold_is_told_by_the_move_that_was_made_at_once(service, meanwhile):
    async def cut():
        raise Cut

    async def by_another():
        meanwhile("/ledger", cut)
        with pytest.raises(Cut):
            await put(service, engaged=True, reason="incident 7")

    meanwhile(MOVED, by_another)
    await put(service, engaged=True, reason="incident 8")
    assert await told(service) == [("brake_engaged", "incident 8"), ("brake_engaged", "incident 7")]
