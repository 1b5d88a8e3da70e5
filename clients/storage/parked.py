"""What could not be worked on, with its content and the reason, until a person has looked."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime

from clients.storage.rows import row_at

_PART_BYTES = 60_000
"""A binary property holds 64 KiB, which every queue message fits in; what came from elsewhere may be larger."""


@dataclass(frozen=True, slots=True)
class Parked:
    """One thing that was given up. *id*: the SHA-256 of its content; *content*: its beginning, as text."""

    queue: str
    id: str
    at: AwareDatetime
    reason: str
    content: str


_SHOWN_BYTES = 2000

_ERRORS = "errors"
"""The partition with the last error of each message that failed: the platform gives up a message without one."""
ERRORS_KEPT = timedelta(days=1)
"""Far longer than the platform takes for its attempts."""


class ParkedTable:
    """Table `parked`: one partition a queue or feed; one row for each thing, and more for what is too large for one.

    Partition `errors` has the last error of each message that may yet be given up.
    """

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

    async def page(self, queue: str = "", *, after: tuple[str, str] = ("", ""), limit: int = 100) -> list[Parked]:
        """At most *limit* of what is parked, of one *queue* or of all, after the one of queue and id *after*."""
        condition, given = "PartitionKey ge @from", {"from": after[0]}
        if queue:
            condition, given = "PartitionKey eq @queue", {"queue": queue}
        found: list[Parked] = []
        async for row in self._table.query_entities(condition, parameters=given):
            if "-" not in row["RowKey"] and (row["PartitionKey"], row["RowKey"]) > after:
                content = bytes(row["content"])[:_SHOWN_BYTES].decode(errors="replace")
                found.append(Parked(row["PartitionKey"], row["RowKey"], row["at"], row["reason"], content))
            if len(found) == limit:
                break
        return found

    async def count(self) -> int:
        """How many things wait for a person to look at them."""
        rows = self._table.list_entities(select=["RowKey"])
        return sum(["-" not in row["RowKey"] async for row in rows])

    async def remove(self, queue: str, parked_id: str) -> bool:
        """Forget what a person has looked at. False: it is not there."""
        query = self._table.query_entities(
            "PartitionKey eq @queue and RowKey ge @first and RowKey lt @last",
            parameters={"queue": queue, "first": parked_id, "last": f"{parked_id}~"},
            select=["RowKey"],
        )
        rows = [row["RowKey"] async for row in query]
        for row in reversed(rows):
            await self._table.delete_entity(queue, row)
        return bool(rows)

    async def note_error(self, queue: str, content: bytes, error: str, at: datetime) -> None:
        """Keep how the last attempt at a message of *queue* failed."""
        entity = {"PartitionKey": _ERRORS, "RowKey": _error_key(queue, content), "error": error, "at": at}
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def last_error(self, queue: str, content: bytes) -> str:
        """How the last attempt at a message failed; empty where its worker died without a word."""
        noted = await row_at(self._table, _ERRORS, _error_key(queue, content))
        return str(noted["error"]) if noted else ""

    async def forget_errors(self, now: datetime) -> None:
        """Forget the errors of messages that have come to an end since."""
        query = self._table.query_entities(
            "PartitionKey eq @errors and at lt @before",
            parameters={"errors": _ERRORS, "before": now - ERRORS_KEPT},
            select=["RowKey"],
        )
        async for row in query:
            await self._table.delete_entity(_ERRORS, row["RowKey"])

    async def all(self, queue: str) -> list[tuple[bytes, str]]:
        """Content and reason of everything parked from *queue*."""
        query = self._table.query_entities("PartitionKey eq @queue", parameters={"queue": queue})
        whole: dict[str, tuple[bytes, str]] = {}
        async for entity in query:
            key = str(entity["RowKey"]).partition("-")[0]
            whole[key] = whole.get(key, (b"",))[0] + bytes(entity["content"]), entity["reason"]
        return list(whole.values())


def _error_key(queue: str, content: bytes) -> str:
    """With a hyphen, as every row has that is nothing parked by itself."""
    return f"{queue}-{hashlib.sha256(content).hexdigest()}"
