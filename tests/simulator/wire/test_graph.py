from typing import Any

import httpx
import pytest

from simulator.defender import IP_ALLOW
from simulator.tenant import Tenant
from tests.simulator.conftest import Caller, Clock

GRAPH, FEED = "https://graph.microsoft.com/v1.0", "https://manage.office.com/api/v1.0"


LISTED = f"{GRAPH}/security/alerts_v2"


async def ask(caller: Caller, method: str, url: str, body: Any = None, **query: str) -> httpx.Response:
    token = await caller.token(url.split("/")[2])
    headers = {"Authorization": f"Bearer {token}"}
    return await caller.http.request(method, url, params=query, json=body, headers=headers)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_alerts_are_filtered_by_documented_fields_only(caller: Caller, tenant: Tenant) -> None:
    alert = tenant.alerts.raise_alert(tenant.alerts.mail("65.99.255.1"))
    tenant.alerts.raise_alert(title="Another", severity="low")
    found = await ask(caller, "GET", LISTED, **{"$filter": "severity eq 'informational' and status ne 'resolved'"})
    assert [each["id"] for each in found.json()["value"]] == [alert["id"]]
    assert found.json()["value"][0]["title"] == IP_ALLOW
    assert code_of(await ask(caller, "GET", LISTED, **{"$filter": f"title eq '{IP_ALLOW}'"})) == (400, "BadRequest")
    assert code_of(await ask(caller, "GET", LISTED, **{"$skip": "501"})) == (400, "BadRequest")


@pytest.mark.parametrize("body", [{"status": "newAlert"}, {"title": "x"}, {}, [], {"determination": "clean"}])
async def test_a_change_that_cannot_be_is_refused(caller: Caller, tenant: Tenant, body: Any) -> None:
    alert = tenant.alerts.raise_alert()
    assert code_of(await ask(caller, "PATCH", f"{LISTED}/{alert['id']}", body)) == (400, "InvalidRequestBody")


async def test_the_hundred_and_fifty_first_request_of_a_minute_waits(caller: Caller, clock: Clock) -> None:
    parts = [{"id": str(n), "method": "GET", "url": "/security/alerts_v2/fa1"} for n in range(20)]
    for _ in range(8):
        answer = await ask(caller, "POST", f"{GRAPH}/$batch", {"requests": parts})
    assert answer.status_code == 200
    assert [part["status"] for part in answer.json()["responses"]].count(429) == 10
    clock.forward(61)
    assert (await ask(caller, "GET", LISTED)).status_code == 200
    assert code_of(await ask(caller, "POST", f"{GRAPH}/$batch", {"requests": [*parts, parts[0]]})) == (
        400,
        "BadRequest",
    )
