"""Jobs that wait for longer than a message should be hidden: the sweep puts them on their queue when they are due."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients import telemetry
from domain.jobs import Message, QueueName

_ROW = "due "


@dataclass(frozen=True, slots=True)
class DueJob:
    """One that is due. *body*: its message, of whatever version."""

    queue: QueueName
    body: str
    partition: str
    row: str
    etag: str


class DueTable:
    """The rows `due <job>` of table `states`: in a tenant's partition, or in the queue's for a job without a tenant."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def add(self, job: Message, due_at: datetime) -> None:
        """Keep *job* until *due_at*. The same job, kept twice, is kept once, until the later time."""
        entity = {
            "PartitionKey": getattr(job, "tenant_id", job.queue),
            "RowKey": f"{_ROW}{job.key}",
            "queue": job.queue,
            "due_at": due_at,
            "body": telemetry.stamped(job, due_at).body,
        }
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def due(self, now: datetime) -> AsyncIterator[DueJob]:
        query = self._table.query_entities("due_at le @now", parameters={"now": now})
        async for row in query:
            yield DueJob(row["queue"], row["body"], row["PartitionKey"], row["RowKey"], str(row.metadata["etag"]))

    async def remove(self, job: DueJob) -> None:
        """Forget a job that is on its queue, unless it has come back to wait once more meanwhile."""
        with suppress(ResourceModifiedError, ResourceNotFoundError):
            await self._table.delete_entity(
                job.partition, job.row, etag=job.etag, match_condition=MatchConditions.IfNotModified
            )
