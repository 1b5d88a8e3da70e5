"""The kill switch over HTTP: anyone who operates may pull it, an Admin lets go."""

from tests.handlers.web import ask, of


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
