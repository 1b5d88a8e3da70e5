"""Messages that could not be worked on, with their content and the reason, until a person has looked."""

import hashlib
from datetime import datetime

from azure.core.exceptions import ResourceExistsError
from azure.data.tables.aio import TableClient


class ParkedTable:
    """Table `parked`: one partition a queue."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def add(self, queue: str, content: bytes, reason: str, at: datetime) -> bool:
        """Keep *content* as it came: a queue message is at most 64 KiB, which is what a binary property holds.

        Returns:
            False when the same content is parked already: a message that comes again adds nothing.
        """
        key = hashlib.sha256(content).hexdigest()
        try:
            await self._table.create_entity(
                {"PartitionKey": queue, "RowKey": key, "content": content, "reason": reason, "at": at}
            )
        except ResourceExistsError:
            return False
        return True

    async def all(self, queue: str) -> list[tuple[bytes, str]]:
        """Content and reason of everything parked from *queue*."""
        query = self._table.query_entities("PartitionKey eq @queue", parameters={"queue": queue})
        return [(bytes(entity["content"]), entity["reason"]) async for entity in query]
