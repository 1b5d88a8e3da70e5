"""A ledger that was made anew keeps the brake engaged, and health says which assignment to renew."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.data.tables.aio import TableClient

from clients.storage.chains import ChainTable
from clients.storage.heads import HeadTable
from clients.storage.ledger import LedgerTable
from clients.storage.switches import SwitchTable
from domain.incident import SERVICE
from handlers.guard import guard_ledger
from tests.handlers.web import ask, of


async def remade(azurite_connection):
    async with TableClient.from_connection_string(azurite_connection, "ledger") as table:
        async for row in table.query_entities(f"PartitionKey eq '{SERVICE}'", select=["PartitionKey", "RowKey"]):
            await table.delete_entity(row["PartitionKey"], row["RowKey"])


class _MayNotAdd(SansIOHTTPPolicy[Any, Any]):
    """Answers as the service does to an identity whose assignment went with the table (Azurite knows no roles)."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        if request.http_request.method == "POST":
            error = HttpResponseError("AuthorizationPermissionMismatch")
            error.status_code = 403
            raise error


@pytest.fixture
async def readable_ledger(azurite_connection) -> AsyncIterator[TableClient]:
    policies = [_MayNotAdd()]
    async with TableClient.from_connection_string(azurite_connection, "ledger", per_call_policies=policies) as table:
        yield table


async def test_where_nothing_was_deleted_nothing_is_said(service):
    await ask(service, "PUT", "brake", {"engaged": False})
    assert await guard_ledger(service.clients)
    assert not (await service.clients.storage.switches.brake()).engaged


async def test_a_ledger_whose_newest_entries_are_gone_engages_the_brake_and_a_person_may_release_it(
    service, azurite_connection
):
    await ask(service, "PUT", "brake", {"engaged": False, "reason": "begin"})
    await remade(azurite_connection)
    assert (await ask(service, "GET", "health")).status_code == 503
    assert not await guard_ledger(service.clients)
    assert "its newest entries are gone" in (await service.clients.storage.switches.brake()).reason
    assert (await ask(service, "GET", "health")).status_code == 200
    assert (await ask(service, "PUT", "brake", {"engaged": False, "reason": "looked"})).status_code == 200
    entries = await service.clients.storage.ledger.page(SERVICE)
    assert [each.actor for each in reversed(entries) if each.event.startswith("brake")][-2:] == ["holdfast", "key dev"]


async def test_a_remade_ledger_that_cannot_be_written_keeps_the_brake_and_health_names_the_assignment(
    service, azurite_connection, readable_ledger
):
    await ask(service, "PUT", "brake", {"engaged": False, "reason": "begin"})
    await remade(azurite_connection)
    storage = service.clients.storage
    async with (
        TableClient.from_connection_string(azurite_connection, "heads") as heads,
        TableClient.from_connection_string(azurite_connection, "switches") as switches,
    ):
        storage.chains = ChainTable(readable_ledger, HeadTable(heads))
        storage.ledger = LedgerTable(readable_ledger, storage.chains, storage.recent)
        storage.switches = SwitchTable(switches, storage.ledger)
        assert not await guard_ledger(service.clients)
        brake = await storage.switches.brake()
        assert (brake.engaged, "cannot be written" in brake.reason) == (True, True)
        health = await ask(service, "GET", "health")
        assert (health.status_code, "renew the role assignment 'Holdfast ledger'" in of(health)["detail"]) == (
            503,
            True,
        )
        released = await ask(service, "PUT", "brake", {"engaged": False, "reason": "go"})
        assert released.status_code == 409
        assert (await storage.switches.brake()).engaged
