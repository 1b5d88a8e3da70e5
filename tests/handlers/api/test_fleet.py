"""The fleet's lists over HTTP: one result, several renderings, pages, entity tags, and nothing unknown is ignored."""

import csv
import io
import json

import pytest

from domain.ledger import Entry
from tests.handlers.web import ask, of

LISTS = ["fleet", "states", "ledger", "findings", "inbox", "operations", "alerts", "parked"]
DOMAINS = ["contoso.example", "fabrikam.example", "northwind.example"]


@pytest.fixture
async def tenants(service):
    """Three tenants that were looked at; an admin has broken one of them."""
    made = [service.world.add_tenant(domain, state="healthy") for domain in DOMAINS]
    for number, tenant in enumerate(made):
        config = {
            "tenant_id": tenant.tenant_id,
            "name": f"=Tenant {number}",
            "initial_domain": tenant.initial_domain,
            "mode": "observe",
            "labels": ["gold"] if number == 1 else [],
        }
        assert (await ask(service, "PUT", f"tenants/{tenant.tenant_id}", config)).status_code == 201
    await service.sweep()
    made[0].admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.sweep()
    return made


async def get(service, target, **headers):
    answer = await ask(service, "GET", target, **headers)
    assert answer.status_code == 200, answer.get_body()
    return answer


def links(answer):
    return answer.headers.get("link", "").partition(">")[0].removeprefix("</api/")


def without_look(item):
    return item | {"looked_at": None}


async def all_of(service, target):
    found = []
    while target:
        answer = await get(service, target)
        page = of(answer)
        found += page["items"] if isinstance(page, dict) else page
        target = links(answer)
    return found


@pytest.mark.parametrize("target", [*LISTS, "tenants", "brake"])
async def test_an_unknown_query_parameter_is_refused_everywhere(service, target):
    answer = await ask(service, "GET", f"{target}?no_such_parameter=1")
    assert answer.status_code == 422
    assert "no_such_parameter" in of(answer)["detail"]


@pytest.mark.parametrize("target", LISTS)
async def test_every_list_is_empty_before_there_is_anything(service, target):
    page = of(await get(service, target))
    assert (page["items"] if target == "fleet" else page) == []


@pytest.mark.usefixtures("tenants")
@pytest.mark.parametrize("target", LISTS)
async def test_a_list_that_the_caller_has_already_is_not_sent_again(service, target):
    tag = (await get(service, target)).headers["etag"]
    again = await ask(service, "GET", target, if_none_match=tag)
    assert (again.status_code, again.get_body(), again.headers["etag"]) == (304, b"", tag)


async def test_the_fleet_shows_the_worst_first_with_counts(service, tenants):
    fleet = of(await get(service, "fleet"))
    assert (fleet["tenants"], fleet["matching"]) == (3, 3)
    assert fleet["items"][0]["tenant_id"] == tenants[0].tenant_id
    assert sum(fleet["states"].values()) == 3
    assert fleet["items"][0]["state"] in {"drifted", "needs_person"}


@pytest.mark.parametrize(
    ("query", "count"),
    [("label=gold", 1), ("q=fabrikam", 1), ("mode=correct", 0), ("control=inbound-lockdown&state=drifted", 1)],
)
@pytest.mark.usefixtures("tenants")
async def test_the_fleet_is_filtered(service, query, count):
    assert len(of(await get(service, f"fleet?{query}"))["items"]) == count


@pytest.mark.usefixtures("tenants")
@pytest.mark.parametrize("target", ["fleet?sort=-name&", "states?", "ledger?"])
async def test_pages_one_after_the_other_are_the_whole_list(service, target):
    whole = await all_of(service, f"{target}limit=1000")
    assert await all_of(service, f"{target}limit=2") == whole
    assert len(whole) > 2


async def test_what_an_admin_broke_is_in_states_and_in_the_ledger(service, tenants):
    [drifted] = await all_of(service, "states?state=drifted")
    assert (drifted["tenant_id"], drifted["control"]) == (tenants[0].tenant_id, "inbound-lockdown")
    [entry] = await all_of(service, f"ledger?event=drift_found&tenant={tenants[0].tenant_id}")
    assert entry["control"] == "inbound-lockdown"
    own = of(await get(service, f"tenants/{tenants[0].tenant_id}/ledger"))
    assert entry["id"] in {each["id"] for each in own}


async def test_every_entry_of_every_tenant_has_its_line(service, tenants):
    lines = {(each["tenant_id"], each["id"]) for each in await all_of(service, "ledger")}
    for tenant in tenants:
        entries = of(await get(service, f"tenants/{tenant.tenant_id}/ledger?limit=1000"))
        assert {(tenant.tenant_id, each["id"]) for each in entries} <= lines


@pytest.mark.usefixtures("tenants")
async def test_csv_has_the_same_and_no_cell_that_a_spreadsheet_would_run(service):
    answer = await get(service, "fleet?sort=name", accept="text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.get_body().decode())))
    assert [row["name"] for row in rows] == ["'=Tenant 0", "'=Tenant 1", "'=Tenant 2"]
    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["tenant_id"] for row in rows] == [
        each["tenant_id"] for each in of(await get(service, "fleet?sort=name"))["items"]
    ]


@pytest.mark.usefixtures("tenants")
async def test_json_lines_have_one_item_a_line(service):
    answer = await get(service, "states?format=jsonl&limit=1000")
    lines = [json.loads(line) for line in answer.get_body().decode().splitlines()]
    assert lines == of(await get(service, "states?limit=1000"))


async def test_an_operation_is_listed_with_its_state(service, tenants):
    started = of(await ask(service, "POST", f"tenants/{tenants[0].tenant_id}/check"))
    [listed] = of(await get(service, f"operations?tenant={tenants[0].tenant_id}"))
    assert (listed["id"], listed["state"]) == (started["id"], "queued")
    assert of(await get(service, "operations?state=failed")) == []


async def test_what_was_given_up_is_in_the_inbox_until_a_person_has_looked(service):
    await service.clients.storage.parked.add("checks", b"<img src=x>\x1b", "no message of ours", service.clock())
    [parked] = of(await get(service, "parked"))
    assert parked["content"] == "<img src=x>\x1b"
    [waiting] = of(await get(service, "inbox"))
    assert (waiting["kind"], waiting["finding"]) == ("parked", parked["id"])

    path = f"parked/checks/{parked['id']}"
    assert (await ask(service, "DELETE", path)).status_code == 204
    assert (await ask(service, "DELETE", path)).status_code == 404
    assert of(await get(service, "inbox")) == []
    [told] = of(await get(service, "ledger?event=parked_seen"))
    assert told["actor"] == "key dev"


async def test_what_waits_for_approval_is_in_the_inbox_until_it_is_answered(service):
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    config = {"tenant_id": tenant.tenant_id, "name": "C", "initial_domain": tenant.initial_domain, "mode": "approve"}
    await ask(service, "PUT", f"tenants/{tenant.tenant_id}", config)
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.sweep()
    [waiting] = of(await get(service, "inbox?kind=approval"))

    path = f"tenants/{waiting['tenant_id']}/controls/{waiting['control']}/approve"
    assert (await ask(service, "POST", path, {"plan": waiting["plan"]})).status_code == 202
    await service.work()
    assert of(await get(service, "inbox")) == []


@pytest.mark.parametrize("target", ["fleet", "states", "alerts", "parked", "findings", "inbox"])
async def test_what_is_no_cursor_is_refused_by_name(service, target):
    answer = await ask(service, "GET", f"{target}?after=nonsense")
    assert (answer.status_code, of(answer)["detail"].partition(":")[0]) == (422, "after")


@pytest.mark.usefixtures("tenants")
async def test_the_index_is_written_anew_by_an_admin(service):
    before = of(await get(service, "fleet"))
    table = service.clients.storage.index._table  # noqa: SLF001 - what was lost
    async for row in table.query_entities("PartitionKey eq 'index'"):
        await table.delete_entity(row["PartitionKey"], row["RowKey"])
    service.clock.advance(seconds=5)
    assert of(await get(service, "fleet"))["items"] == []

    assert of(await ask(service, "POST", "fleet/rebuild")) == {"tenants": 3}
    after = of(await get(service, "fleet"))
    assert [without_look(each) for each in after["items"]] == [without_look(each) for each in before["items"]]


async def test_the_ledger_is_searched_for_any_words_and_for_a_tenants_name(service, tenants):
    for hour, reason in ((1, "Scanner of the third floor"), (2, "nothing")):
        at = service.clock.time.replace(hour=hour)
        entry = Entry(at=at, tenant_id="service", event="configured", detail=str(hour), reason=reason)
        await service.clients.storage.ledger.append(entry, announced=False)
    assert [each["detail"] for each in await all_of(service, "ledger?q=scanner%20of")] == ["1"]
    assert {each["event"] for each in await all_of(service, "ledger?q=Drift%20found")} == {"drift_found"}
    name = (await service.clients.storage.tenants.get(tenants[0].tenant_id)).name
    found = await all_of(service, f"ledger?q={name}")
    assert {each["tenant_id"] for each in found} == {tenants[0].tenant_id}
    assert await all_of(service, "ledger?q=nowhere") == []


async def test_lines_of_the_ledger_since_a_time(service):
    for hour in (1, 2, 3):
        at = service.clock.time.replace(hour=hour)
        await service.clients.storage.ledger.append(
            Entry(at=at, tenant_id="service", event="configured", detail=str(hour)), announced=False
        )
    since = service.clock.time.replace(hour=2).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [each["detail"] for each in of(await get(service, f"ledger?since={since}"))] == ["3", "2"]
