"""What HTTP callers can rely on: the same request is done once, a change meets the version it was made for."""

import asyncio

import pytest

from handlers.api.routing import LONGEST_KEY
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


def config(tenant, **changes):
    base = {"tenant_id": tenant.tenant_id, "name": "Contoso", "initial_domain": tenant.initial_domain}
    return base | changes


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


FORMS = {
    "as_printed": str,
    "in_capitals": str.upper,
    "in_braces": "{{{}}}".format,
    "without_hyphens": lambda tenant_id: tenant_id.replace("-", ""),
    "as_urn": "urn:uuid:{}".format,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
async def test_a_guid_names_the_same_tenant_in_every_form(service, tenant, form):
    named = form(tenant.tenant_id)
    assert of(await ask(service, "GET", f"tenants/{named}"))["tenant_id"] == tenant.tenant_id
    put = await ask(service, "PUT", f"tenants/{named}", config(tenant, tenant_id=named))
    assert (put.status_code, of(put)["tenant_id"]) == (200, tenant.tenant_id)
    paths = [f"tenants/{each}/check" for each in (named, tenant.tenant_id)]
    operations = [of(await ask(service, "POST", path, idempotency_key="k1"))["id"] for path in paths]
    assert operations[0] == operations[1]


@pytest.mark.parametrize(
    "key", ["", "x" * (LONGEST_KEY + 1), "schl\u00fcssel", "a\tb"], ids=["empty", "long", "letters", "tab"]
)
async def test_a_key_that_is_none_is_refused(service, tenant, key):
    refused = await ask(service, "POST", f"tenants/{tenant.tenant_id}/check", idempotency_key=key)
    assert (refused.status_code, of(refused)["detail"][:15]) == (422, "Idempotency-Key")
    assert await service.messages("checks") == []


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
    assert under_way[0]["controls"][0]["steps"][0]["powershell"].startswith("Enable-TransportRule")
    assert of(await ask(service, "GET", f"operations/{accepted['id']}"))["state"] == "succeeded"


async def test_a_config_is_changed_only_over_the_version_its_writer_knew(service, tenant):
    path = f"tenants/{tenant.tenant_id}"
    version = (await ask(service, "GET", path)).headers["ETag"]
    first = await ask(service, "PUT", path, config(tenant, mode="observe"), if_match=version)
    late = await ask(service, "PUT", path, config(tenant, mode="approve"), if_match=version)
    assert (first.status_code, late.status_code) == (200, 412)
    assert "If-Match" in of(late)["detail"]
    assert of(await ask(service, "GET", path))["mode"] == "observe"
    assert (await ask(service, "DELETE", path, if_match=version)).status_code == 412
    assert (await ask(service, "DELETE", path, if_match=first.headers["ETag"])).status_code == 204
    assert (await ask(service, "PUT", path, config(tenant), if_match="*")).status_code == 412


async def test_of_two_writers_at_once_one_is_told_that_it_was_late(service, tenant):
    path = f"tenants/{tenant.tenant_id}"
    version = (await ask(service, "GET", path)).headers["ETag"]
    answers = await asyncio.gather(
        *(ask(service, "PUT", path, config(tenant, name=name), if_match=version) for name in ("a", "b"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_config_can_be_added_on_condition_that_it_is_new(service):
    tenant = service.world.add_tenant("fabrikam.example")
    path = f"tenants/{tenant.tenant_id}"
    made = await ask(service, "PUT", path, config(tenant), if_none_match="*")
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/{path}")
    assert (await ask(service, "PUT", path, config(tenant), if_none_match="*")).status_code == 412
    known = await ask(service, "GET", path, if_none_match=made.headers["ETag"])
    assert (known.status_code, known.get_body()) == (304, b"")


async def test_the_ledger_says_who_changed_which_part_of_a_config(service, tenant):
    path = f"tenants/{tenant.tenant_id}"
    await ask(service, "PUT", path, config(tenant, name="Contoso Ltd", mode="observe"))
    await ask(service, "PUT", path, config(tenant, name="Contoso Ltd", mode="observe"))
    await ask(service, "DELETE", path)
    changed, removed = await service.ledger(tenant)
    assert (changed.event, changed.detail, changed.actor) == ("configured", "changed: name, mode", "key dev")
    assert (changed.before["mode"], changed.after["mode"]) == ("correct", "observe")
    assert removed.detail == "removed"


async def test_the_ledger_is_read_page_by_page(service, tenant):
    await service.sweep()
    target, ids = f"tenants/{tenant.tenant_id}/ledger?limit=1", []
    while target:
        page = await ask(service, "GET", target)
        ids += [entry["id"] for entry in of(page)]
        link = page.headers.get("Link", "")
        assert not link or link.endswith('; rel="next"')
        target = link[1:].partition(">")[0].removeprefix("/api/")
    assert len(ids) == 3
    assert ids == [entry["id"] for entry in of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/ledger"))]


async def test_an_empty_list_of_controls_is_not_all_of_them(service, tenant):
    refused = await ask(service, "POST", f"tenants/{tenant.tenant_id}/reprovision", {"controls": []})
    assert (refused.status_code, "body.controls" in of(refused)["detail"]) == (422, True)
    assert await service.messages("remediations") == []


async def test_a_page_limit_of_thousands_of_digits_is_refused_like_any_other(service, tenant):
    refused = await ask(service, "GET", f"tenants/{tenant.tenant_id}/ledger?limit={'9' * 5000}")
    assert (refused.status_code, of(refused)["detail"][:6]) == (422, "limit:")


async def test_a_company_id_that_no_ticket_system_has_is_refused(service, tenant):
    psa = {"provider": "connectwise", "company_id": "9" * 40_000}
    refused = await ask(service, "PUT", f"tenants/{tenant.tenant_id}", config(tenant, psa=psa))
    assert (refused.status_code, "body.psa.company_id" in of(refused)["detail"]) == (422, True)


async def test_a_weak_entity_tag_still_says_that_a_reader_is_up_to_date(service, tenant):
    path = f"tenants/{tenant.tenant_id}"
    version = (await ask(service, "GET", path)).headers["ETag"]
    assert (await ask(service, "GET", path, if_none_match=f"W/{version}")).status_code == 304
    assert (await ask(service, "PUT", path, config(tenant), if_match=f"W/{version}")).status_code == 412
