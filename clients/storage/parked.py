"""What could not be worked on, with its content and the reason, until a person has looked."""

import hashlib
from datetime import datetime

from azure.core.exceptions import ResourceExistsError
from azure.data.tables.aio import TableClient

_PART_BYTES = 60_000
"""A binary property holds 64 KiB, which every queue message fits in; what came from elsewhere may be larger."""


class ParkedTable:
    """Table `parked`: one partition a queue or feed; one row for each thing, and more for what is too large for one."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def add(self, queue: str, content: bytes, reason: str, at: datetime) -> datetime | None:
        """Keep *content* as it came.

        Returns:
            None where that was done now; since when the same content is parked, where it is already: it adds nothing.
        """
        key = hashlib.sha256(content).hexdigest()
        parts = [content[start : start + _PART_BYTES] for start in range(0, len(content), _PART_BYTES)] or [b""]
        # The first row last: once it is there, all of it is.
        for number, part in reversed(list(enumerate(parts))):
            row = f"{key}-{number:06}" if number else key
            entity = {"PartitionKey": queue, "RowKey": row, "content": part, "reason": reason, "at": at}
            try:
                await self._table.create_entity(entity)
            except ResourceExistsError:
                if number == 0:
                    since: datetime = (await self._table.get_entity(queue, key))["at"]
                    return since
        return None

    async def all(self, queue: str) -> list[tuple[bytes, str]]:
        """Content and reason of everything parked from *queue*."""
        query = self._table.query_entities("PartitionKey eq @queue", parameters={"queue": queue})
        whole: dict[str, tuple[bytes, str]] = {}
        async for entity in query:
            key = str(entity["RowKey"]).partition("-")[0]
            whole[key] = whole.get(key, (b"",))[0] + bytes(entity["content"]), entity["reason"]
        return list(whole.values())
