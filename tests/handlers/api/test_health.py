"""Health says when the tick is late, and sees to it that it is done."""

from datetime import timedelta

import pytest

from handlers.loop.tick import tick
from tests.handlers.web import ask, of


async def test_a_new_installation_is_well_and_its_fleet_is_counted(service):
    await service.look_after(service.world.add_tenant("contoso.example"))
    assert (await ask(service, "GET", "health")).status_code == 200
    cursor, _ = await service.clients.storage.fleet.cursor()
    assert cursor.tenants == 1


@pytest.mark.parametrize(("minutes", "status"), [(3.9, 200), (4.1, 503)])
async def test_a_tick_that_is_over_three_intervals_late_is_told_with_its_age(service, minutes, status):
    await tick(service.clients)
    service.clock.advance(minutes=minutes)
    answer = await ask(service, "GET", "health")
    assert answer.status_code == status
    if status == 503:
        assert of(answer)["detail"].startswith("the tick is 186 s late")


async def test_health_does_the_tick_that_it_found_missing(service):
    await tick(service.clients)
    service.clock.advance(minutes=10)
    assert (await ask(service, "GET", "health")).status_code == 503
    assert (await ask(service, "GET", "health")).status_code == 200


async def since(service, moment):
    return await ask(service, "GET", f"health?timer_since={moment:%Y-%m-%dT%H:%M:%SZ}")


async def test_a_deployment_is_well_only_once_the_timer_itself_has_run(service):
    deployed = service.clock()
    assert (await since(service, deployed)).status_code == 503
    service.clock.advance(minutes=1)
    await tick(service.clients)  # whoever wakes does it, as health did
    answer = await since(service, deployed)
    assert (answer.status_code, of(answer)["detail"]) == (
        503,
        "the tick's timer has not run since 2026-11-23 12:00:00 UTC (docs/operations.md#ticks-silent)",
    )
    service.clock.advance(minutes=1)
    await tick(service.clients, by_timer=True)
    service.clock.advance(minutes=1)
    await tick(service.clients)
    assert (await since(service, deployed)).status_code == 200


async def test_a_run_of_the_timer_before_the_deployment_does_not_count(service):
    await tick(service.clients, by_timer=True)
    assert (await since(service, service.clock() + timedelta(seconds=1))).status_code == 503
    assert (await ask(service, "GET", "health")).status_code == 200


async def test_a_run_of_the_timer_in_the_future_cannot_be_asked_for(service):
    answer = await since(service, service.clock() + timedelta(minutes=6))
    assert (answer.status_code, of(answer)["detail"]) == (422, "query.timer_since: should not be in the future")
