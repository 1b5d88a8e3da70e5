from datetime import timedelta

import pytest

from clients.errors import Throttled, Unreadable
from tests.clients.psa.deeds import first, opened


async def test_every_page_is_asked_for_with_the_same_filter(psa, system):
    system.page_size = 2
    made = opened(system)
    for number in range(5):
        system.writes("4711", made.id, f"note {number}")
    assert len(await psa.notes(str(made.id))) == 5


async def test_all_that_changed_in_a_long_outage_is_looked_through(psa, system, clock):
    system.page_size = 2
    opened(system, 13)
    assert len((await psa.changed_since(clock() - timedelta(hours=1))).tickets) == 13


async def test_too_many_threads_are_waited_for(psa, system):
    made = opened(system)
    await psa.ticket(str(made.id))
    system.trouble.append("threads")
    with pytest.raises(Throttled):
        await psa.set_status(str(made.id), "8")


async def test_what_is_left_of_an_hours_calls_is_the_other_tools(psa, system, clock):
    made = opened(system)
    system.used = 7_600
    with pytest.raises(Throttled) as caught:
        await psa.ticket(str(made.id))
    assert caught.value.retry_after_s == 300
    system.used = 1_000
    clock.advance(minutes=5)
    assert await psa.ticket(str(made.id))


ELSEWHERE = [
    "http://webservices5.autotask.net/ATServicesRest/",
    "https://webservices5.autotask.net.evil.example/",
    "https://evil.example/",
]


@pytest.mark.parametrize("url", ELSEWHERE)
async def test_a_zone_that_is_not_autotasks_gets_no_secret(psa, router, url):
    router.get(path__regex="(?i).*zoneInformation").respond(200, json={"url": url})
    first(router)
    with pytest.raises(Unreadable):
        await psa.ticket("1")
    assert all("Secret" not in call.request.headers for call in router.calls)


async def test_a_contact_that_set_a_status_is_told_from_a_resource(psa, system):
    made = opened(system)
    system.changes("4711", made.id, status=21)
    ticket = await psa.ticket(str(made.id))
    assert (await psa.status_set_by(ticket)).kind == "agent"
    system.changes("402", made.id, "contact", status=21)
    assert (await psa.status_set_by(ticket)).kind == "contact"
