import json
import time
from typing import Any

import httpx
import pytest

from simulator.faults import Fault, FaultKind
from tests.simulator.conftest import COMPLIANCE, Caller

WRITE: dict[str, Any] = {"Identity": "ExchangeDefender", "Enabled": False}


def enabled(caller: Caller) -> bool:
    return bool(caller.tenant.admin("Get-InboundConnector")[0]["Enabled"])


async def read(caller: Caller, fault: Fault) -> httpx.Response:
    caller.tenant.faults.script(fault)
    return await caller.run("Get-InboundConnector")


@pytest.mark.parametrize(("phase", "applied"), [("before", False), ("after", True)])
async def test_a_connection_cut_on_a_write_leaves_it_undone_or_done(
    caller: Caller, phase: str, *, applied: bool
) -> None:
    caller.tenant.faults.script(Fault("cut", writes=True, phase="after" if phase == "after" else "before"))

    assert (await caller.run("Get-InboundConnector")).status_code == 200
    with pytest.raises(httpx.ReadError):
        await caller.run("Set-InboundConnector", **WRITE)

    assert enabled(caller) is not applied
    assert (caller.tenant.writes[0].status, caller.tenant.writes[0].changed) == (0, applied)


async def test_a_connection_that_never_opens_is_a_connect_error(caller: Caller) -> None:
    with pytest.raises(httpx.ConnectError):
        await read(caller, Fault("unreachable"))


async def test_a_gateway_timeout_may_hide_an_applied_write(caller: Caller) -> None:
    caller.tenant.faults.script(Fault("gateway_timeout", phase="after"))

    assert (await caller.run("Set-InboundConnector", **WRITE)).status_code == 504
    assert not enabled(caller)


async def test_faults_come_in_their_order_and_only_where_they_fit(caller: Caller) -> None:
    caller.tenant.faults.script(
        Fault("unavailable", cmdlet="get-inboundconnector", times=2),
        Fault("gateway_timeout", service="compliance-region"),
        Fault("throttled", cmdlet="Get-InboundConnector"),
    )

    other = (await caller.run("Get-AcceptedDomain")).status_code
    statuses = [(await caller.run("Get-InboundConnector")).status_code for _ in range(4)]

    assert other == 200
    assert statuses == [503, 503, 429, 200]
    assert (await caller.compliance("Get-ProtectionAlert")).status_code == 504


async def test_a_fault_of_the_world_meets_any_tenant(caller: Caller, fresh: Caller) -> None:
    caller.tenant.world.faults.script(Fault("throttled", times=2))

    assert [(await one.run("Get-AcceptedDomain")).status_code for one in (caller, fresh, caller)] == [429, 429, 200]


@pytest.mark.parametrize("retry_after", [None, 12])
async def test_throttling_is_json_with_or_without_a_wait(caller: Caller, retry_after: int | None) -> None:
    answer = await read(caller, Fault("throttled", retry_after=retry_after))

    assert answer.status_code == 429
    assert answer.headers.get("Retry-After") == (None if retry_after is None else "12")
    assert answer.json()["error"]["code"] == "TooManyRequests"


async def test_throttling_may_be_plain_text(caller: Caller) -> None:
    answer = await read(caller, Fault("throttled", plain=True))

    assert answer.headers["Content-Type"] == "text/plain"
    assert "maximum number of concurrent requests per tenant" in answer.text


async def test_busy_names_its_exception_in_a_header(caller: Caller) -> None:
    answer = await read(caller, Fault("unavailable", exception="Microsoft.Exchange.DCOverloadedException"))

    assert (answer.status_code, answer.headers["X-ExceptionType"]) == (503, "Microsoft.Exchange.DCOverloadedException")


async def test_a_success_may_be_an_html_page(caller: Caller) -> None:
    answer = await read(caller, Fault("html"))

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")


async def test_json_may_be_cut_short(caller: Caller) -> None:
    answer = await read(caller, Fault("truncated"))

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_a_body_may_be_empty(caller: Caller) -> None:
    assert (await read(caller, Fault("empty"))).content == b""


async def test_value_may_be_missing_or_empty_where_it_cannot_be(caller: Caller) -> None:
    missing = await read(caller, Fault("value_missing"))
    empty = await read(caller, Fault("value_empty"))

    assert "value" not in missing.json()
    assert empty.json()["value"] == []


async def test_a_success_may_carry_errors(caller: Caller) -> None:
    answer = await read(caller, Fault("adminapi_errors"))

    assert answer.status_code == 200
    assert answer.json()["@adminapi.errors"]


async def test_a_link_may_lead_to_a_stranger(caller: Caller) -> None:
    link = httpx.URL((await read(caller, Fault("foreign_next_link"))).json()["@odata.nextLink"])

    assert not link.host.endswith(("office365.com", "outlook.com"))


async def test_a_label_may_say_gzip_where_there_is_none(caller: Caller) -> None:
    with pytest.raises(httpx.DecodingError):
        await read(caller, Fault("gzip_label"))


@pytest.mark.parametrize(
    ("kind", "status"), [("nul_403", 403), ("unauthorized", 401), ("server_error", 500), ("bad_request", 400)]
)
async def test_a_refusal_can_be_scripted(caller: Caller, kind: FaultKind, status: int) -> None:
    assert (await read(caller, Fault(kind))).status_code == status


async def test_a_slow_answer_is_the_true_one(caller: Caller) -> None:
    before = time.monotonic()
    answer = await read(caller, Fault("slow", seconds=0.05))

    assert time.monotonic() - before >= 0.05
    assert len(answer.json()["value"]) == 1


async def test_the_front_door_has_its_own_faults(caller: Caller) -> None:
    probe = f"https://{COMPLIANCE}/adminapi/beta/{caller.tenant.tenant_id}/EXOModuleFile"
    caller.tenant.faults.script(Fault("throttled"), Fault("unavailable", service="compliance"))

    statuses = [(await caller.http.get(probe)).status_code for _ in range(2)]

    assert statuses == [503, 302]
    assert (await caller.compliance("Get-ProtectionAlert")).status_code == 429
