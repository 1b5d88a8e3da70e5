"""Two versions on one storage account, as in each deployment: this package, and itself under later version numbers.

Rows and messages of the later one are left alone or put back by this one: nothing is parked, lost or written over.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from azure.data.tables.aio import TableServiceClient

from clients.storage import TABLES, documents
from domain import jobs
from domain.jobs import QUEUES, QueueName
from handlers import on_request
from handlers.delivery import NEWER_PATIENCE, deliver
from handlers.loop.heal import Healer
from handlers.loop.tick import tick
from simulator.tenant import Tenant
from tests.handlers.conftest import Posted
from tests.handlers.harness import Service
from tests.handlers.web import ask

LOCK = "inbound-lockdown"
LATER = documents.ROW_VERSION + 1
DRAINING = NEWER_PATIENCE - timedelta(minutes=1)
"""How long workers of this version go on beside those of the later one."""

type Rows = dict[tuple[str, str, str], dict[str, Any]]


@contextmanager
def later_version() -> Iterator[None]:
    """What runs meanwhile is the later version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "ROW_VERSION", LATER)
        patch.setattr(jobs, "MESSAGE_VERSION", jobs.MESSAGE_VERSION + 1)
        yield


class Waiting(NamedTuple):
    due: datetime
    queue: QueueName
    body: bytes


class Account:
    """The storage account that both versions work on, and the messages on its queues."""

    def __init__(self, service: Service, tables: TableServiceClient, posted: list[Posted]) -> None:
        self.service = service
        self._tables = tables
        self._posted = posted
        self._waiting: list[Waiting] = []

    async def later_rows(self) -> Rows:
        """Every row that the later version has written."""
        return {
            (name, row["PartitionKey"], row["RowKey"]): dict(row)
            for name in TABLES
            async for row in self._tables.get_table_client(name).query_entities(f"version eq {LATER}")
        }

    def due(self) -> list[Waiting]:
        """Take the messages that are visible now."""
        now = self.service.clock()
        self._waiting += [
            Waiting(now + timedelta(seconds=each.hidden_s), each.queue, each.body) for each in self._posted
        ]
        self._posted.clear()
        taken = [each for each in self._waiting if each.due <= now]
        self._waiting = [each for each in self._waiting if each.due > now]
        return taken

    @property
    def is_quiet(self) -> bool:
        return not self._waiting and not self._posted

    async def works_as_this_version(self, message: Waiting | None) -> None:
        """This version does a tick, or works on *message*; rows of the later one are as they were."""
        before = await self.later_rows()
        await Healer().look(self.service.clients)
        if message is None:
            await tick(self.service.clients, by_timer=True)
        else:
            await deliver(message.queue, message.body, self.service.clients)
        after = await self.later_rows()
        assert {key: after.get(key) for key in before} == before

    async def works_as_later_version(self, message: Waiting | None) -> None:
        with later_version():
            await Healer().look(self.service.clients)
            if message is None:
                await tick(self.service.clients, by_timer=True)
            else:
                await deliver(message.queue, message.body, self.service.clients)

    async def goes_on(self, minutes: int, *, draining: bool) -> None:
        """Every minute both versions, or the later one alone, do their ticks, and take turns at the messages."""
        both = [self.works_as_this_version, self.works_as_later_version]
        turns = cycle(both if draining else both[1:])
        for _ in range(minutes):
            self.service.clock.advance(minutes=1)
            for works in both if draining else both[1:]:
                await works(None)
            for _ in range(20):
                messages = self.due()
                for message in messages:
                    await next(turns)(message)
                self.service.clock.advance(seconds=1)
                if not messages:
                    break

    async def parked(self) -> list[object]:
        return [each for queue in QUEUES for each in await self.service.clients.storage.parked.all(queue)]


@pytest_asyncio.fixture
async def account(service: Service, azurite_connection: str, posted: list[Posted]) -> AsyncIterator[Account]:
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        yield Account(service, tables, posted)


@pytest_asyncio.fixture
async def fleet(account: Account) -> list[Tenant]:
    """Tenants that this version has proven; then somebody breaks a setting of each."""
    service = account.service
    tenants = [service.world.add_tenant(f"tenant-{number}.example") for number in range(4)]
    for tenant in tenants:
        await service.look_after(tenant)
    await account.works_as_this_version(None)
    for _ in range(16):
        service.clock.advance(minutes=1)
        await account.works_as_this_version(None)
        for message in account.due():
            await account.works_as_this_version(message)
    assert [(await service.state(tenant, LOCK)).state for tenant in tenants] == ["compliant"] * 4
    for tenant in tenants:
        tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    return tenants


async def test_two_versions_put_a_fleet_back_together_and_nothing_is_lost_parked_or_written_over(account, fleet):
    service = account.service
    entries = {entry.id for tenant in fleet for entry in await service.ledger(tenant)}
    with later_version():
        operation = await on_request.check(fleet[0].tenant_id, on_request.Requester("ann"), service.clients)
    await account.goes_on(int(DRAINING / timedelta(minutes=1)), draining=True)
    await account.goes_on(16, draining=False)

    assert account.is_quiet
    assert await account.parked() == []
    with later_version():
        assert [(await service.state(tenant, LOCK)).state for tenant in fleet] == ["compliant"] * 4
        assert (await service.clients.storage.operations.get(operation.id)).state == "succeeded"
        assert entries <= {entry.id for tenant in fleet for entry in await service.ledger(tenant)}
        corrected = [[e.event for e in await service.ledger(tenant, LOCK)].count("corrected") for tenant in fleet]
    assert corrected == [1] * 4
    assert [[write.cmdlet for write in tenant.writes] for tenant in fleet] == [["Set-InboundConnector"]] * 4


async def test_this_version_does_no_tick_and_says_that_a_later_one_runs_where_that_keeps_the_cursor(account, fleet):
    await account.works_as_later_version(None)
    rows = await account.later_rows()
    assert ("fleet", "tick", "cursor") in rows
    account.service.clock.advance(minutes=10)
    await account.works_as_this_version(None)
    assert await account.later_rows() == rows
    answer = await ask(account.service, "GET", "health")
    assert (answer.status_code, b"a later version" in answer.get_body()) == (503, True)
    with later_version():
        assert (await ask(account.service, "GET", f"tenants/{fleet[0].tenant_id}/state")).status_code == 200
