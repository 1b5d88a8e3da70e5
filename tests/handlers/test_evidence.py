"""What a stranger can check later: settings at start, brake moves, and the hourly root over the heads."""

import pytest

from clients.connect import connect
from clients.settings import load
from domain import chain
from domain.chain import Head
from domain.incident import SERVICE
from handlers.evidence import anchor_heads, note_settings
from handlers.loop.tick import tick
from tests.handlers.web import ask


async def told(service, *events):
    entries = await service.clients.storage.ledger.page(SERVICE, limit=1000)
    return [entry for entry in reversed(entries) if entry.event in events]


async def test_other_settings_than_the_last_worker_started_with_are_in_the_ledger_without_secrets(service):
    await note_settings(service.clients)
    await note_settings(service.clients)
    [first] = await told(service, "settings_changed")
    secret = service.clients.settings.client_secret
    assert len(first.after["sha256"]) == 64
    assert "HOLDFAST_CLIENT_SECRET" in first.after["set"]
    assert secret not in str(first)
    assert secret not in str(service.clients.settings.shown())


async def test_settings_that_come_and_go_are_told_each_time(service, azurite_connection):
    environment = {
        "AzureWebJobsStorage": azurite_connection,
        "HOLDFAST_CLIENT_ID": service.clients.settings.client_id,
        "HOLDFAST_CLIENT_SECRET": "another",
        "HOLDFAST_FAST_SCHEDULE": "0 */5 * * * *",
        "HOLDFAST_SLOW_SCHEDULE": "0 */15 * * * *",
        "HOLDFAST_ALERTS_SCHEDULE": "30 */5 * * * *",
        "HOLDFAST_AUDIT_SCHEDULE": "45 */5 * * * *",
        "HOLDFAST_MAX_TENANTS_PER_HOUR": "7",
    }
    other = await connect(load(environment), now=service.clock)
    try:
        for clients in (service.clients, other, service.clients):
            await note_settings(clients)
    finally:
        await other.aclose()
    one, two, three = [entry.after["sha256"] for entry in await told(service, "settings_changed")]
    assert one == three != two


async def test_the_brake_moves_in_the_ledger_with_who_and_why(service):
    await ask(service, "PUT", "brake", {"engaged": True, "reason": "incident 7"})
    await ask(service, "PUT", "brake", {"engaged": False, "reason": "over"})
    moves = await told(service, "brake_engaged", "brake_released")
    assert [(each.event, each.actor, each.reason) for each in moves] == [
        ("brake_engaged", "key dev", "incident 7"),
        ("brake_released", "key dev", "over"),
    ]


async def test_a_ledger_that_cannot_be_written_keeps_nobody_from_the_brake_and_is_told_at_the_next_move(
    service, monkeypatch
):
    storage = service.clients.storage

    async def down(*_, **__):
        raise RuntimeError("the ledger is down")

    with monkeypatch.context() as patched:
        patched.setattr(storage.ledger, "append", down)
        with pytest.raises(RuntimeError, match="down"):
            await ask(service, "PUT", "brake", {"engaged": True, "reason": "incident 7"})
        assert (await storage.switches.brake()).engaged
    await ask(service, "PUT", "brake", {"engaged": False, "reason": "over"})
    assert [each.reason for each in await told(service, "brake_engaged", "brake_released")] == ["incident 7", "over"]


async def test_each_hour_has_one_root_over_the_heads_of_every_chain(service):
    await ask(service, "PUT", "brake", {"engaged": True, "reason": "something happens"})
    assert await anchor_heads(service.clients)
    hour = service.clock().strftime("%Y-%m-%dT%H")
    kept = await service.clients.storage.anchors.get(hour)
    heads = [head async for head in service.clients.storage.chains.heads.all()]
    assert (kept.hour, kept.root, list(kept.heads)) == (hour, chain.merkle_root(heads), heads)
    await ask(service, "PUT", "brake", {"engaged": False, "reason": "more happens"})
    assert not await anchor_heads(service.clients)
    assert await service.clients.storage.anchors.get(hour) == kept
    assert not await service.clients.storage.anchors.add(hour, "00", [Head("a", 1, "00")])
    service.clock.advance(hours=1)
    assert await anchor_heads(service.clients)


async def test_an_hour_before_anything_happened_has_no_root(service):
    assert not await anchor_heads(service.clients)
    assert await service.clients.storage.anchors.latest("2026-11-23") is None


async def test_a_tick_in_each_interval_of_the_slow_lane_anchors(service):
    await ask(service, "PUT", "brake", {"engaged": True, "reason": "something happens"})
    await tick(service.clients)
    service.clock.advance(minutes=15)
    await tick(service.clients)
    assert await service.clients.storage.anchors.latest(service.clock().strftime("%Y-%m-%d"))
