"""What HTTP callers can rely on: the same request is done once, and is followed from its first step to its end."""

import asyncio

import pytest

from handlers.delivery import deliver
from tests.handlers.web import ask, of

LOCK = "inbound-lockdown"
OFF = {"Identity": "ExchangeDefender", "Enabled": False}


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", **OFF)
    await service.look_after(tenant)
    return tenant


async def test_the_same_request_under_the_same_key_is_done_once(service, tenant):
    path = f"tenants/{tenant.tenant_id}/reprovision"
    first = await ask(service, "POST", path, {"controls": [LOCK], "dry_run": False}, idempotency_key="k1")
    await service.work()
    again = await ask(
        service, "POST", path, b' {"dry_run":false, "controls": ["inbound-lockdown"]}', idempotency_key="k1"
    )
    assert (first.status_code, again.status_code) == (202, 202)
    assert of(again)["id"] == of(first)["id"]
    assert of(again)["state"] == "succeeded"
    assert again.headers["Location"] == first.headers["Location"] == f"/api/operations/{of(first)['id']}"
    await service.work()
    assert len(tenant.writes) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [("reprovision", {"dry_run": True}), ("reprovision", {"reason": "x"}), ("check", None)],
    ids=["other_body", "other_reason", "other_path"],
)
async def test_a_key_that_was_used_for_another_request_is_refused(service, tenant, path, body):
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/reprovision", {}, idempotency_key="k1")
    refused = await ask(service, "POST", f"tenants/{tenant.tenant_id}/{path}", body, idempotency_key="k1")
    assert refused.status_code == 409
    assert "Idempotency-Key" in of(refused)["detail"]
    assert len(await service.messages("remediations")) == 1


async def test_two_callers_at_once_under_one_key_make_one_operation(service, tenant):
    path = f"tenants/{tenant.tenant_id}/reprovision"
    answers = await asyncio.gather(*(ask(service, "POST", path, {}, idempotency_key="k1") for _ in range(4)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({of(answer)["id"] for answer in answers}) == 1
    bodies = await service.messages("remediations")
    await asyncio.gather(*(deliver("remediations", body, service.clients) for body in bodies))
    await service.work()
    assert len(tenant.writes) == 1


async def test_two_callers_at_once_on_one_tenant_write_once(service, tenant):
    path = f"tenants/{tenant.tenant_id}/reprovision"
    answers = await asyncio.gather(*(ask(service, "POST", path, {"controls": [LOCK]}) for _ in range(2)))
    assert len({of(answer)["id"] for answer in answers}) == 2
    await asyncio.gather(
        *(deliver("remediations", body, service.clients) for body in await service.messages("remediations"))
    )
    await service.work()
    assert len(tenant.writes) == 1
    for answer in answers:
        ended = of(await ask(service, "GET", answer.headers["Location"].removeprefix("/api/")))
        assert ended["state"] == "succeeded"


async def test_a_request_whose_message_was_lost_with_its_worker_is_sent_again(service, tenant):
    path = f"tenants/{tenant.tenant_id}/reprovision"
    first = of(await ask(service, "POST", path, {}, idempotency_key="k1"))
    await service.messages("remediations")
    again = of(await ask(service, "POST", path, {}, idempotency_key="k1"))
    await service.work()
    assert again["id"] == first["id"]
    assert of(await ask(service, "GET", f"operations/{first['id']}"))["finished_at"]


async def test_every_step_is_in_the_operation_as_it_happens(service, tenant):
    tenant.admin(
        "Disable-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies", Confirm=False
    )
    accepted = of(await ask(service, "POST", f"tenants/{tenant.tenant_id}/reprovision", {}))
    assert accepted["state"] == "queued"
    seen = []
    [body] = await service.messages("remediations")
    working = asyncio.create_task(deliver("remediations", body, service.clients))
    while not working.done():
        seen.append(of(await ask(service, "GET", f"operations/{accepted['id']}")))
        await asyncio.sleep(0)
    await working
    assert "running" in [each["state"] for each in seen]
    under_way = [each for each in seen if each["state"] == "running" and each["controls"]]
    assert under_way[0]["controls"][0]["state"] == "correcting"
    assert under_way[0]["controls"][0]["steps"][0]["powershell"].startswith("Set-InboundConnector")
    assert of(await ask(service, "GET", f"operations/{accepted['id']}"))["state"] == "succeeded"
