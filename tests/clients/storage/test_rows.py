"""Of many writers of a row one wins, and the others learn of it; what goes in one transaction is small enough."""

import pytest

from clients.storage.rows import ANY, MOST_AT_ONCE, RowMoved, batches, replace_row, replace_rows, row_at, size_of


def row(key, said="", partition="p"):
    return {"PartitionKey": partition, "RowKey": key, "said": said}


async def said(table, key):
    found = await row_at(table, "p", key)
    return found["said"] if found else None


async def test_who_knows_the_newest_version_writes_and_nobody_else(table):
    first = await replace_row(table, row("a", "1"), None)
    second = await replace_row(table, row("a", "2"), first)
    for old in (None, first):
        with pytest.raises(RowMoved):
            await replace_row(table, row("a", "3"), old)
    assert await said(table, "a") == "2"
    await table.delete_entity("p", "a")
    with pytest.raises(RowMoved):
        await replace_row(table, row("a", "3"), second)
    assert await said(table, "a") is None


async def test_whoever_asks_for_no_version_writes_whatever_is_there(table):
    await replace_row(table, row("a", "1"), ANY)
    await replace_row(table, row("a", "2"), ANY)
    assert await said(table, "a") == "2"


async def test_of_many_rows_at_once_all_are_written_or_none(table):
    old = await replace_row(table, row("a", "1"), None)
    new = await replace_row(table, row("a", "2"), old)
    with pytest.raises(RowMoved):
        await replace_rows(table, [(row("a", "3"), old), (row("b", "1"), None), (row("c", "1"), ANY)])
    assert [await said(table, key) for key in "abc"] == ["2", None, None]
    versions = await replace_rows(table, [(row("a", "3"), new), (row("b", "1"), None), (row("c", "1"), ANY)])
    assert [await said(table, key) for key in "abc"] == ["3", "1", "1"]
    await replace_row(table, row("b", "2"), versions[1])


@pytest.mark.parametrize("text", ["x" * 30_000, "ä" * 30_000])
def test_a_batch_is_of_one_partition_and_within_what_a_transaction_takes(text):
    rows = {f"{number:04}": (row(f"{number:04}", text, f"p{number % 2}"), None) for number in range(500)}
    parts = list(batches(rows))
    assert {key: each for part in parts for key, each in part.items()} == rows
    for part in parts:
        entities = [entity for entity, _ in part.values()]
        assert len({entity["PartitionKey"] for entity in entities}) == 1
        assert len(part) <= MOST_AT_ONCE
        assert sum(map(size_of, entities)) < 4_000_000
