"""Operations that have not ended, each with its message, so that one that nothing works on any more is found.

A partition of its own: what looks for the lost reads no other row, and none where nothing is lost.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.rows import RowMoved, replace_row, row_at
from domain.jobs import QueueName

_PARTITION = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedOperation:
    """One operation, and its message as it was sent, of whatever version. *heard_until*: past it nothing works on it.

    A later version may name a queue of its own.

    *cut_at*: past it a worker that had begun, and has not the lease, is gone; None where its message waits. *cut*: how
    often one was. *sent_again*: it was lost once. *etag*: the row's version; empty where it is new.
    """

    operation_id: str
    queue: QueueName
    body: str
    heard_until: datetime
    cut_at: datetime | None = None
    cut: int = 0
    sent_again: bool = False
    etag: str = ""


class UnfinishedTable:
    """Partition `unfinished` of table `fleet`."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def keep(self, operation: UnfinishedOperation) -> None:
        """Keep it from now on; the same one, kept twice, is kept once."""
        await self._table.upsert_entity(_entity(operation), mode=UpdateMode.REPLACE)

    async def has(self, operation_id: str) -> bool:
        return await row_at(self._table, _PARTITION, operation_id, ["RowKey"]) is not None

    async def hear(self, operation_id: str, until: datetime, *, cut_at: datetime | None = None) -> None:
        """Keep that somebody will be heard of before *until*. *cut_at*: as above."""
        row = {"PartitionKey": _PARTITION, "RowKey": operation_id, "heard_until": until, "cut_at": cut_at or until}
        with suppress(ResourceNotFoundError):
            await self._table.update_entity(row, mode=UpdateMode.MERGE)

    async def unheard(self, now: datetime) -> AsyncIterator[UnfinishedOperation]:
        """Those that nobody was heard of before *now*, or whose worker may be gone."""
        query = self._table.query_entities(
            "PartitionKey eq @partition and ( heard_until lt @now or cut_at lt @now )",  # names stand between spaces
            parameters={"partition": _PARTITION, "now": now},
        )
        async for row in query:
            yield UnfinishedOperation(
                operation_id=row["RowKey"],
                queue=cast("QueueName", row.get("queue")),
                body=cast("str", row.get("body")),
                heard_until=row["heard_until"],
                cut_at=row["cut_at"] if "cut_at" in row and row["cut_at"] < row["heard_until"] else None,
                cut=int(row.get("cut", 0)),
                sent_again=bool(row.get("sent_again")),
                etag=str(row.metadata["etag"]),
            )

    async def note_sent_again(self, operation: UnfinishedOperation, until: datetime) -> None:
        """Keep that its message was sent once more, unless somebody was heard of meanwhile."""
        await self._note(operation, replace(operation, sent_again=True, heard_until=until))

    async def note_cut(self, operation: UnfinishedOperation, until: datetime) -> None:
        """Keep that the worker that had begun is gone, which is no loss of the message; as above."""
        await self._note(operation, replace(operation, cut=operation.cut + 1, cut_at=None, heard_until=until))

    async def _note(self, before: UnfinishedOperation, after: UnfinishedOperation) -> None:
        with suppress(RowMoved):
            await replace_row(self._table, _entity(after), before.etag)

    async def give_up(self, operation: UnfinishedOperation) -> bool:
        """Forget it, unless somebody was heard of meanwhile. Returns whether that was done."""
        try:  # a deletion alone would not tell who was first: one of nothing succeeds
            await replace_row(self._table, _entity(operation), operation.etag)
        except RowMoved:
            return False
        await self.remove(operation.operation_id)
        return True

    async def remove(self, operation_id: str) -> None:
        """It has ended."""
        await self._table.delete_entity(_PARTITION, operation_id)


def _entity(operation: UnfinishedOperation) -> dict[str, object]:
    return {
        "PartitionKey": _PARTITION,
        "RowKey": operation.operation_id,
        "queue": operation.queue,
        "body": operation.body,
        "heard_until": operation.heard_until,
        "cut_at": operation.cut_at or operation.heard_until,
        "cut": operation.cut,
        "sent_again": operation.sent_again,
    }
