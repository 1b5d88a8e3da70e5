"""Jobs that wait for longer than a message should be hidden: the tick puts them on their queue when they are due."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients import telemetry
from clients.storage.rows import RowMoved, delete_row
from domain.jobs import Message, QueueName

_PARTITION = "due"


@dataclass(frozen=True, slots=True)
class DueJob:
    """One that is due. *body*: its message, of whatever version. A later version may name a queue of its own."""

    queue: QueueName
    body: str
    row: str
    etag: str


class DueTable:
    """Partition `due` of table `fleet`: one of its own, so that a tick reads nothing else to find what is due."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def add(self, job: Message, due_at: datetime) -> None:
        """Keep *job* until *due_at*. The same job, kept twice, is kept once, until the later time."""
        entity = {
            "PartitionKey": _PARTITION,
            "RowKey": job.key,
            "queue": job.queue,
            "due_at": due_at,
            "body": telemetry.stamped(job, due_at).body,
        }
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def due(self, now: datetime) -> AsyncIterator[DueJob]:
        query = self._table.query_entities(
            "PartitionKey eq @partition and due_at le @now", parameters={"partition": _PARTITION, "now": now}
        )
        async for row in query:
            queue, message = cast("QueueName", row.get("queue")), cast("str", row.get("body"))
            yield DueJob(queue, message, row["RowKey"], str(row.metadata["etag"]))

    async def remove(self, job: DueJob) -> None:
        """Forget a job that is on its queue, unless it has come back to wait once more meanwhile."""
        with suppress(RowMoved):
            await delete_row(self._table, _PARTITION, job.row, job.etag)
