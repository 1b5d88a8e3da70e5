from typing import Any

import httpx

from simulator.tenant import Tenant
from tests.simulator.conftest import Caller, Clock

GRAPH, FEED = "https://graph.microsoft.com/v1.0", "https://manage.office.com/api/v1.0"


LISTED = f"{GRAPH}/security/alerts_v2"


RESOLVED = {"status": "resolved", "classification": "falsePositive", "determination": "notMalicious"}


async def ask(caller: Caller, method: str, url: str, body: Any = None, **query: str) -> httpx.Response:
    token = await caller.token(url.split("/")[2])
    headers = {"Authorization": f"Bearer {token}"}
    return await caller.http.request(method, url, params=query, json=body, headers=headers)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_change_sets_when_it_was_resolved_and_moves_the_last_update(
    caller: Caller, tenant: Tenant, clock: Clock
) -> None:
    alert = tenant.alerts.raise_alert()
    clock.forward(60)
    changed = (await ask(caller, "PATCH", f"{LISTED}/{alert['id']}", RESOLVED)).json()
    assert changed["resolvedDateTime"] == changed["lastUpdateDateTime"] > alert["lastUpdateDateTime"]
    assert code_of(await ask(caller, "PATCH", f"{LISTED}/fa-nobody", RESOLVED)) == (404, "ResourceNotFound")


async def test_comments_add_up_and_all_come_back(caller: Caller, tenant: Tenant) -> None:
    url = f"{LISTED}/{tenant.alerts.raise_alert()['id']}/comments"
    body = {"@odata.type": "microsoft.graph.security.alertComment", "comment": "same"}
    for _ in range(2):
        answer = await ask(caller, "POST", url, body)
    assert [each["comment"] for each in answer.json()["value"]] == ["same", "same"]
