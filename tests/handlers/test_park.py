"""What is given up is kept with its content, and told once."""

import json

import pytest

from domain.jobs import CheckTenant, RemediateTenant
from handlers import park
from handlers.delivery import deliver


async def test_what_a_worker_parked_and_died_before_telling_is_told_when_it_comes_again(service):
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    body = json.dumps({"version": 1, "tenant_id": tenant.tenant_id, "lane": "fast"}).encode()
    await service.clients.storage.parked.add("checks", body, "gave up", service.clients.now())
    service.clock.advance(minutes=1)

    await park.given_up("checks", body, service.clients)
    service.clock.advance(minutes=1)
    await park.given_up("checks", body, service.clients)

    entries = await service.clients.storage.ledger.page(tenant.tenant_id)
    assert [entry.event for entry in entries] == ["parked"]
    assert len(await service.clients.storage.parked.all("checks")) == 1


async def test_what_the_platform_gave_up_on_is_parked(service):
    body = CheckTenant(tenant_id="7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4").body.encode()
    await park.given_up("checks", body, service.clients)
    [(content, reason)] = await service.clients.storage.parked.all("checks")
    assert content == body
    assert "gave up" in reason


async def test_a_message_that_was_given_up_is_parked_with_its_last_error(service):
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    await service.look_after(tenant)
    service.microsoft.side_effect = ZeroDivisionError("an error that nobody expected")
    body = RemediateTenant(tenant_id=tenant.tenant_id, controls=("oof-rule",)).body.encode()
    with pytest.raises(ZeroDivisionError):
        await deliver("remediations", body, service.clients)
    await park.given_up("remediations", body, service.clients)
    [(_, reason)] = await service.clients.storage.parked.all("remediations")
    assert "the last error was" in reason
    assert "ZeroDivisionError" in reason
    assert await service.clients.storage.parked.count() == 1

    service.clock.advance(days=2)
    await service.clients.storage.parked.forget_errors(service.clock())
    assert await service.clients.storage.parked.last_error("remediations", body) == ""
