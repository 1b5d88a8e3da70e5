"""Every operation is in one part of the ids, and forgetting it leaves nothing of it."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from clients.storage.operations import OperationTable
from clients.storage.recent import RecentTable
from domain.operations import Operation

NOON = datetime(2026, 8, 11, 12, 0, tzinfo=UTC)


@pytest.fixture
def operations(table):
    return OperationTable(table, RecentTable(table))


def operation(operation_id):
    return Operation(id=operation_id, kind="check", tenant_id=str(UUID(int=1)), created_at=NOON)


@pytest.mark.parametrize("parts", [1, 3, 24])
async def test_the_parts_together_are_all_operations_each_once(operations, parts):
    edges = [f"{byte:02x}{rest}" for byte in (0, 10, 128, 255) for rest in ("0" * 30, "f" * 30)]
    ids = sorted([*(str(UUID(each)) for each in edges), *(str(uuid4()) for _ in range(10))])
    for each in ids:
        await operations.put(operation(each))
    found = [each.id for number in range(parts) async for each in operations.part(number, parts)]
    assert found == ids


async def test_forgetting_an_operation_leaves_nothing_of_it(operations, table):
    forgotten = await operations.create(operation(str(UUID(int=7))))
    await operations.claim(forgotten.id, "fingerprint", NOON)
    await operations.remove(forgotten)
    await operations.remove(forgotten)
    assert [row async for row in table.list_entities()] == []


async def test_a_request_keeps_its_key_while_its_operation_is_there(operations):
    kept, lone = (str(UUID(int=number)) for number in (7, 8))
    for each in (kept, lone):
        await operations.claim(each, "fingerprint", NOON)
    await operations.create(operation(kept))
    await operations.forget_lone_requests(0, 24, NOON)
    assert [await operations.claimed(each) for each in (kept, lone)] == ["fingerprint"] * 2
    await operations.forget_lone_requests(0, 24, NOON.replace(hour=13))
    assert [await operations.claimed(each) for each in (kept, lone)] == ["fingerprint", None]
