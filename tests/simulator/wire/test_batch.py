from typing import Any

import httpx
import pytest

from simulator.faults import Fault
from tests.simulator.conftest import EXCHANGE, Caller, command


def statuses(answer: httpx.Response) -> dict[str, int]:
    return {item["id"]: item["status"] for item in answer.json()["responses"]}


async def test_each_item_has_its_own_status_and_body(caller: Caller) -> None:
    answer = await caller.batch("Get-InboundConnector", command("Get-TransportRule", Identity="nobody"), "Get-Bogus")
    first, second, third = answer.json()["responses"]

    assert answer.status_code == 200
    assert (first["id"], first["status"]) == ("0", 200)
    assert first["headers"]["OData-Version"] == "4.0"
    assert first["body"]["value"][0]["Name"] == "ExchangeDefender"
    assert (second["status"], second["body"]["error"]["code"]) == (404, "NotFound")
    assert (third["status"], third["body"]) == (403, "\0" * 4096)


async def test_it_is_one_http_request_and_a_log_entry_an_item(caller: Caller) -> None:
    await caller.batch("Get-InboundConnector", "Get-AcceptedDomain")

    assert caller.tenant.http_requests["exchange"] == 1
    assert [entry.cmdlet for entry in caller.tenant.log] == ["Get-InboundConnector", "Get-AcceptedDomain"]


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 400)])
async def test_a_batch_holds_ten(caller: Caller, size: int, status: int) -> None:
    assert (await caller.batch(*["Get-AcceptedDomain"] * size)).status_code == status


async def test_ids_must_differ(caller: Caller) -> None:
    item = {"id": "1", "method": "POST", "url": caller.url(), "body": command("Get-AcceptedDomain")}

    assert (await caller.post(caller.url(resource="$batch"), {"requests": [item, item]})).status_code == 400


@pytest.mark.parametrize(("inherits", "status"), [(False, 401), (True, 200)])
async def test_each_item_needs_its_own_authorization(caller: Caller, *, inherits: bool, status: int) -> None:
    caller.tenant.switches.batch_inherits_authorization = inherits
    item = {"id": "1", "method": "POST", "url": caller.url(), "headers": {}, "body": command("Get-AcceptedDomain")}

    assert statuses(await caller.post(caller.url(resource="$batch"), {"requests": [item]})) == {"1": status}


async def test_the_batch_itself_needs_a_token_too(caller: Caller) -> None:
    assert (await caller.http.post(caller.url(resource="$batch"), json={"requests": []})).status_code == 401


async def test_answers_may_come_in_another_order(caller: Caller) -> None:
    caller.tenant.switches.batch_shuffle = True

    answer = await caller.batch("Get-InboundConnector", "Get-AcceptedDomain", "Get-TransportRule")

    assert list(statuses(answer)) == ["1", "0", "2"]


async def test_an_item_may_be_missing(caller: Caller) -> None:
    caller.tenant.faults.script(Fault("missing_item", cmdlet="Get-AcceptedDomain"))

    assert list(statuses(await caller.batch("Get-InboundConnector", "Get-AcceptedDomain"))) == ["0"]


async def test_a_single_item_or_the_whole_batch_may_be_throttled(caller: Caller) -> None:
    caller.tenant.faults.script(
        Fault("throttled", cmdlet="Get-AcceptedDomain", retry_after=3),
        Fault("throttled", cmdlet="$batch", retry_after=5),
    )

    whole = await caller.batch("Get-AcceptedDomain")
    inner = await caller.batch("Get-InboundConnector", "Get-AcceptedDomain")

    assert (whole.status_code, whole.headers["Retry-After"]) == (429, "5")
    assert statuses(inner) == {"0": 200, "1": 429}
    assert inner.json()["responses"][1]["headers"]["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("prefer", "seen"), [("odata.continue-on-error", ["0", "1", "2"]), ("odata.maxpagesize=10", ["0", "1"])]
)
async def test_without_continue_on_error_it_stops_at_the_first(caller: Caller, prefer: str, seen: list[str]) -> None:
    answer = await caller.batch("Get-AcceptedDomain", "Get-Bogus", "Get-AcceptedDomain", Prefer=prefer)

    assert list(statuses(answer)) == seen


async def test_an_item_pages_and_its_link_is_followed_alone_or_in_a_batch(caller: Caller) -> None:
    caller.tenant.switches.page_size = 1
    link: str = (await caller.batch("Get-AcceptedDomain")).json()["responses"][0]["body"]["@odata.nextLink"]
    headers = {"Authorization": (await caller.headers(EXCHANGE))["Authorization"]}
    item: dict[str, Any] = {"id": "x", "method": "POST", "url": link, "headers": headers}

    alone = await caller.post(link, command("Get-AcceptedDomain"))
    body = {"requests": [item | {"body": command("Get-AcceptedDomain")}]}
    batched = (await caller.post(caller.url(resource="$batch"), body)).json()["responses"][0]["body"]

    assert [row["DomainName"] for row in alone.json()["value"]] == ["northwindlegal.onmicrosoft.com"]
    assert batched["value"] == alone.json()["value"]


async def test_without_json_in_accept_the_answer_is_multipart(caller: Caller) -> None:
    answer = await caller.batch("Get-AcceptedDomain", "Get-Bogus", Accept="*/*")

    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=")
    boundary = answer.headers["Content-Type"].partition("boundary=")[2]
    assert answer.text.count(f"--{boundary}\r\n") == 2
    assert "HTTP/1.1 403" in answer.text


async def test_a_cut_item_cuts_the_whole_batch_after_the_items_before_it(caller: Caller) -> None:
    caller.tenant.faults.script(Fault("cut", cmdlet="Get-AcceptedDomain"))
    change = command("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)

    with pytest.raises(httpx.ReadError):
        await caller.batch(change, "Get-AcceptedDomain", "Get-TransportRule")

    assert [(entry.cmdlet, entry.status) for entry in caller.tenant.log] == [
        ("Set-InboundConnector", 200),
        ("Get-AcceptedDomain", 0),
    ]
    assert caller.tenant.admin("Get-InboundConnector")[0]["Enabled"] is False


@pytest.mark.parametrize("body", [[], {}, {"requests": [1]}, {"requests": [{"url": "x"}]}])
async def test_what_is_no_batch_is_a_bad_request(caller: Caller, body: object) -> None:
    assert (await caller.post(caller.url(resource="$batch"), body)).status_code == 400
