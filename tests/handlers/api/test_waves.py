"""Who may begin, pause and resume a wave, what is refused, and what its page is told."""

from dataclasses import replace

import pytest

from tests.filters import NEW, OLD, WIDER, deployed
from tests.handlers.web import ask, of


@pytest.fixture
async def tenants(service):
    tenants = [service.world.add_tenant(f"customer{n}.example") for n in range(2)]
    for tenant in tenants:
        await service.look_after(tenant)
    service.clients = deployed(service.clients, WIDER)
    return tenants


def wish(*tenants, **changes):
    return {"profile": "exchangedefender", "version": NEW, "canaries": [each.tenant_id for each in tenants]} | changes


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"profile": "gone"}, "body.profile: 'gone' does not exist; there is exchangedefender"),
        ({"version": "2020-01-01"}, f"body.version: '2020-01-01' of exchangedefender does not exist; there is {OLD}, {NEW}"),
        ({"version": OLD}, "body.version: no tenant of exchangedefender is held to another one"),
        ({"canaries": []}, "body.canaries: "),
        ({"canaries": ["7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"]}, "body.canaries.0: 7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4 is no tenant that"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused_with_the_field(service, tenants, changes, detail):
    answer = await ask(service, "POST", "waves", wish(tenants[0], **changes))
    assert answer.status_code == 422
    assert of(answer)["detail"].startswith(detail)
    assert of(await ask(service, "GET", "waves")) == []


async def test_one_wave_of_a_profile_at_a_time_is_begun_paused_and_resumed(service, tenants):
    begun = await ask(service, "POST", "waves", wish(tenants[0], reason="a new range"))
    wave = of(begun)["id"]
    assert begun.status_code == 201
    late = await ask(service, "POST", "waves", wish(tenants[1]))
    assert (late.status_code, of(late)["detail"]) == (
        409,
        f"wave {wave} of profile exchangedefender has not ended: there is one at a time",
    )
    for _ in range(2):
        paused = of(await ask(service, "POST", f"waves/{wave}/pause", {"reason": "a question"}))
        assert (paused["state"], paused["detail"]) == ("paused", "by key dev")
    assert (await ask(service, "POST", "waves", wish(tenants[1]))).status_code == 409
    for _ in range(2):
        assert of(await ask(service, "POST", f"waves/{wave}/resume", {"reason": "answered"}))["state"] == "running"
    [shown] = of(await ask(service, "GET", "waves"))
    assert (shown["id"], shown["version"], shown["stage"], shown["by"]) == (wave, NEW, "canaries", "key dev")
    told = reversed(await service.clients.storage.ledger.page("service", limit=100))
    assert [(each.event, each.reason) for each in told if each.event.startswith("wave")] == [
        ("wave_begun", "a new range"),
        ("wave_paused", "a question"),
        ("wave_resumed", "answered"),
    ]
    assert (await ask(service, "POST", "waves/000000000000/pause", {})).status_code == 404


async def test_a_wave_that_has_ended_is_kept_and_cannot_be_paused(service, tenants):
    for canary in tenants:
        wave = of(await ask(service, "POST", "waves", wish(canary)))["id"]
        kept, etag = await service.clients.storage.waves.find("exchangedefender")
        await service.clients.storage.waves.change(replace(kept, state="ended"), etag)
        assert (await ask(service, "POST", f"waves/{wave}/pause", {})).status_code == 409
        service.clock.advance(minutes=1)
    assert [each["state"] for each in of(await ask(service, "GET", "waves"))] == ["ended", "ended"]
