from typing import Any

import httpx

from simulator.tenant import Tenant
from tests.simulator.conftest import Caller, Clock

GRAPH, FEED = "https://graph.microsoft.com/v1.0", "https://manage.office.com/api/v1.0"


async def ask(caller: Caller, method: str, url: str, body: Any = None, **query: str) -> httpx.Response:
    token = await caller.token(url.split("/")[2])
    headers = {"Authorization": f"Bearer {token}"}
    return await caller.http.request(method, url, params=query, json=body, headers=headers)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_content_needs_a_subscription_and_a_window_of_at_most_a_day(
    caller: Caller, tenant: Tenant, clock: Clock
) -> None:
    root = f"{FEED}/{tenant.tenant_id}/activity/feed"
    kind = {"contentType": "Audit.Exchange"}
    window = {"startTime": "2026-11-23T08:00:00", "endTime": "2026-11-23T10:00:00"}
    assert code_of(await ask(caller, "GET", f"{root}/subscriptions/content", **kind, **window)) == (400, "AF20022")
    assert (await ask(caller, "POST", f"{root}/subscriptions/start", **kind)).json()["status"] == "enabled"
    assert code_of(await ask(caller, "POST", f"{root}/subscriptions/start", **kind)) == (400, "AF20024")
    wide = window | {"endTime": "2026-11-25T08:00:00"}
    assert code_of(await ask(caller, "GET", f"{root}/subscriptions/content", **kind, **wide)) == (400, "AF20030")
    early = {"startTime": "2026-11-10T08:00:00", "endTime": "2026-11-10T09:00:00"}
    assert code_of(await ask(caller, "GET", f"{root}/subscriptions/content", **kind, **early)) == (400, "AF20055")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Comment="x")
    clock.forward(3601)
    caller.tokens.clear()  # they live an hour
    later = {"startTime": "2026-11-23T09:30:00", "endTime": "2026-11-23T10:30:00"}
    [blob] = (await ask(caller, "GET", f"{root}/subscriptions/content", **kind, **later)).json()
    [record] = (await ask(caller, "GET", blob["contentUri"])).json()
    assert (record["Operation"], record["CreationTime"]) == ("Set-InboundConnector", "2026-11-23T09:00:00")
    assert code_of(await ask(caller, "GET", f"{root}/audit/none")) == (404, "AF20050")
