"""Incidents over HTTP: what lasts is listed, taken and ended by people."""

from domain.incident import SERVICE, Incident
from handlers.operators import tell_operators
from tests.handlers.web import ask, of

TROUBLE = Incident(id="poison", kind="parked", summary="the wells are poisoned", detail="since noon")


async def test_what_lasts_is_listed_with_its_number_and_whose_it_is(service):
    assert of(await ask(service, "GET", "incidents")) == []
    await tell_operators(TROUBLE, service.clients)
    await tell_operators(TROUBLE, service.clients)
    [found] = of(await ask(service, "GET", "incidents"))
    assert (found["id"], found["owner"], found["detail"]) == ("poison", "", "the wells are poisoned: since noon")
    assert found["begun_at"] < found["last_at"]
    assert (await ask(service, "POST", "incidents/poison/take", {"reason": "I look"})).status_code == 204
    [taken] = of(await ask(service, "GET", "incidents"))
    assert (taken["owner"], taken["number"]) == ("key dev", found["number"])


async def test_what_is_ended_is_listed_no_more_and_begins_anew_with_another_number(service):
    await tell_operators(TROUBLE, service.clients)
    [first] = of(await ask(service, "GET", "incidents"))
    assert (await ask(service, "POST", "incidents/poison/end", {"reason": "cleaned"})).status_code == 204
    assert of(await ask(service, "GET", "incidents")) == []
    [entry] = await service.clients.storage.ledger.page(SERVICE, limit=1)
    assert (entry.event, entry.actor, entry.detail) == ("incident_ended", "key dev", "cleaned")
    await tell_operators(TROUBLE, service.clients)
    [second] = of(await ask(service, "GET", "incidents"))
    assert second["number"] > first["number"]


async def test_what_does_not_last_cannot_be_taken_or_ended(service):
    for what in ("take", "end"):
        answer = await ask(service, "POST", f"incidents/poison/{what}", {"reason": ""})
        assert (answer.status_code, "poison" in of(answer)["detail"]) == (404, True)


async def test_the_brake_is_an_incident_while_it_is_engaged(service):
    await ask(service, "PUT", "brake", {"engaged": True, "reason": "incident 7"})
    [found] = of(await ask(service, "GET", "incidents"))
    assert found["detail"] == "the brake is engaged, nothing is written: incident 7 (by key dev)"
    await ask(service, "PUT", "brake", {"engaged": False, "reason": "over"})
    assert of(await ask(service, "GET", "incidents")) == []
