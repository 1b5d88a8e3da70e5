"""Mail is refused or traced as docs/reference/message-trace.md says."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from simulator.tenant import Tenant
from tests.simulator.conftest import Caller, Clock

GRAPH = "https://graph.microsoft.com"
TRACES = f"{GRAPH}/v1.0/admin/exchange/tracing/messageTraces"
FILTER, STRANGER = "65.99.255.7", "198.51.100.20"


@pytest.fixture
def traced(tenant: Tenant) -> Tenant:
    """A tenant that granted the permission, and whose tracing app is there."""
    tenant.access.permissions.add("ExchangeMessageTrace.Read.All")
    tenant.mail.principal = True
    return tenant


async def ask(caller: Caller, url: str = TRACES, **query: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {await caller.token('graph.microsoft.com')}"}
    return await caller.http.get(
        url, params={f"${name}": value for name, value in query.items()} or None, headers=headers
    )


def arrive(tenant: Tenant, from_ip: str = FILTER, sender: str = "kim@sender.example", **given: Any) -> bool:
    return tenant.mail.arrive(from_ip, sender, given.pop("to", f"lee@{tenant.domains[0]}"), **given)


async def test_neither_half_of_the_grant_is_enough(caller: Caller, tenant: Tenant) -> None:
    refused = await ask(caller)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Authorization_RequestDenied")
    tenant.access.permissions.add("ExchangeMessageTrace.Read.All")
    caller.tokens.clear()
    refused = await ask(caller)
    assert refused.status_code == 401
    assert "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373 was not found" in refused.json()["error"]["message"]
    tenant.mail.principal = True
    assert (await ask(caller)).json()["value"] == []


async def test_a_lock_refuses_strangers_and_leaves_no_trace_of_them(caller: Caller, traced: Tenant) -> None:
    assert arrive(traced)
    assert not arrive(traced, STRANGER)
    assert [row["fromIP"] for row in (await ask(caller)).json()["value"]] == [FILTER]


@pytest.mark.parametrize(
    ("connector", "comes_through"),
    [
        ({"SenderIPAddresses": [f"{STRANGER}/32"], "SenderDomains": ["*"]}, True),
        ({"SenderDomains": ["sender.example"]}, False),
    ],
)
async def test_only_a_connector_by_address_lets_a_stranger_in_beside_a_lock(
    traced: Tenant,
    connector: dict[str, object],
    comes_through: bool,  # noqa: FBT001 - the row's outcome
) -> None:
    given = {"Name": "Attacker", "ConnectorType": "Partner", "Enabled": True}
    traced.admin("New-InboundConnector", **given | connector)
    assert arrive(traced, STRANGER) is comes_through


@pytest.mark.parametrize(
    ("shown", "comes_through"),
    [("relay.attacker.example", True), ("RELAY.attacker.example", True), ("attacker.example", False), ("", False)],
)
async def test_a_connector_by_certificate_lets_in_whoever_shows_one(
    traced: Tenant,
    shown: str,
    comes_through: bool,  # noqa: FBT001 - the row's outcome
) -> None:
    given = {"Name": "Attacker", "ConnectorType": "Partner", "SenderDomains": ["*"]}
    traced.admin("New-InboundConnector", **given, TlsSenderCertificateName="*.attacker.example")
    assert arrive(traced, STRANGER, certificate=shown) is comes_through
    traced.admin("Set-InboundConnector", Identity="Attacker", TlsSenderCertificateName="relay.attacker.example")
    assert arrive(traced, STRANGER, certificate="relay.attacker.example")


@pytest.mark.parametrize(
    ("fields", "from_ip", "shown", "comes_through"),
    [
        ({}, FILTER, "", False),
        ({}, FILTER, "mx.filter.example", True),
        ({}, STRANGER, "mx.filter.example", False),
        ({"RestrictDomainsToIPAddresses": False}, STRANGER, "mx.filter.example", True),
        ({"RestrictDomainsToIPAddresses": False}, FILTER, "", False),
        ({"RestrictDomainsToCertificate": False}, FILTER, "", True),
    ],
)
async def test_a_lock_that_asks_for_address_and_certificate_wants_both(
    traced: Tenant,
    fields: dict[str, object],
    from_ip: str,
    shown: str,
    comes_through: bool,  # noqa: FBT001 - the row's outcome
) -> None:
    asks = {"TlsSenderCertificateName": "mx.filter.example", "RestrictDomainsToCertificate": True}
    traced.admin("Set-InboundConnector", Identity="ExchangeDefender", **asks | fields)
    assert arrive(traced, from_ip, certificate=shown) is comes_through


async def test_without_a_lock_everybody_comes_through(traced: Tenant) -> None:
    change = {"Identity": "ExchangeDefender", "RestrictDomainsToIPAddresses": False}
    traced.admin("Set-InboundConnector", **change)
    assert arrive(traced, STRANGER)


async def test_pages_follow_links_and_lose_nothing(caller: Caller, traced: Tenant) -> None:
    for _ in range(5):
        arrive(traced)
    answer, ids = await ask(caller, top=2), list[str]()
    while True:
        page = answer.json()
        ids += [row["id"] for row in page["value"]]
        if "@odata.nextLink" not in page:
            break
        answer = await ask(caller, page["@odata.nextLink"])
    assert len(set(ids)) == len(ids) == 5


async def test_the_budget_is_shared_with_the_customers_other_tools(
    caller: Caller, traced: Tenant, clock: Clock
) -> None:
    traced.mail.another_tool_asks(99)
    assert (await ask(caller)).status_code == 200
    refused = await ask(caller)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "301")
    clock.forward(301)
    assert (await ask(caller)).status_code == 200


async def test_rows_come_late_and_their_status_settles(caller: Caller, traced: Tenant, clock: Clock) -> None:
    arrive(traced, late=timedelta(minutes=10), unsettled=timedelta(minutes=20))
    assert (await ask(caller)).json()["value"] == []
    clock.forward(600)
    assert [row["status"] for row in (await ask(caller)).json()["value"]] == ["gettingStatus"]
    clock.forward(600)
    assert [row["status"] for row in (await ask(caller)).json()["value"]] == ["delivered"]


async def test_a_new_status_has_its_name_only_for_those_who_ask(caller: Caller, traced: Tenant) -> None:
    arrive(traced, status="recalled")
    assert (await ask(caller)).json()["value"][0]["status"] == "unknownFutureValue"
    headers = {
        "Authorization": f"Bearer {await caller.token('graph.microsoft.com')}",
        "Prefer": "include-unknown-enum-members",
    }
    assert (await caller.http.get(TRACES, headers=headers)).json()["value"][0]["status"] == "recalled"


@pytest.mark.parametrize(
    "text",
    [
        "receivedDateTime ge 2026-11-12T08:59:00Z",
        "receivedDateTime ge 2026-08-01T00:00:00Z and receivedDateTime le 2026-08-02T00:00:00Z",
        "subject eq 'x'",
        "receivedDateTime gt 2026-11-23T00:00:00Z",
    ],
)
async def test_a_window_too_long_or_too_old_and_an_unknown_clause_are_refused(
    caller: Caller, traced: Tenant, text: str
) -> None:
    arrive(traced)
    assert (await ask(caller, filter=text)).status_code == 400


async def test_what_stands_behind_an_or_is_passed_over(caller: Caller, traced: Tenant) -> None:
    arrive(traced)
    arrive(traced, "65.99.255.8")
    found = await ask(caller, filter="fromIP eq '65.99.255.7' or fromIP eq '65.99.255.8'")
    assert [row["fromIP"] for row in found.json()["value"]] == ["65.99.255.7"]
