"""Messages that could not be worked on, with their content and the reason, until a person has looked."""

from datetime import datetime
from uuid import uuid4

from azure.data.tables.aio import TableClient


class ParkedTable:
    """Table `parked`: one partition a queue."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def add(self, queue: str, content: bytes, reason: str, at: datetime) -> None:
        """Keep *content* as it came: a queue message is at most 64 KiB, which is what a binary property holds."""
        entity = {
            "PartitionKey": queue,
            "RowKey": f"{at.isoformat()}-{uuid4().hex[:8]}",
            "content": content,
            "reason": reason,
        }
        await self._table.create_entity(entity)

    async def all(self, queue: str) -> list[tuple[bytes, str]]:
        """Content and reason of everything parked from *queue*, oldest first."""
        query = self._table.query_entities("PartitionKey eq @queue", parameters={"queue": queue})
        return [(bytes(entity["content"]), entity["reason"]) async for entity in query]
