"""The head of each ledger's chain: one row a ledger, moved on condition of its ETag."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from azure.data.tables.aio import TableClient

from clients.storage.rows import RowMoved, replace_row, row_at, version_of
from domain.chain import Head, Place

_PARTITION = "head"

SETTLED_AFTER = timedelta(days=1)
"""In a deployment workers that link nothing run beside those that do; after this time none is left."""


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A head as its row has it. *begun_at*: when the chain was; *settled*: entries without a link are taken no more."""

    place: Place
    begun_at: datetime
    settled: bool = False
    etag: str | None = None

    def moved(self, place: Place, at: datetime) -> "KeptHead":
        """The same at *place*, where an entry of *at* stands."""
        return replace(self, place=place, settled=self.settled or at - self.begun_at > SETTLED_AFTER)


class HeadTable:
    """Table `heads`."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def get(self, ledger: str) -> KeptHead | None:
        entity = await row_at(self._table, _PARTITION, ledger)
        if entity is None:
            return None
        place = Place(int(entity["sequence"]), str(entity["hash"]))
        return KeptHead(place, entity["begun_at"], bool(entity["settled"]), version_of(entity))

    async def move(self, ledger: str, head: KeptHead) -> None:
        """Write *head*, unless another writer has gone as far; it is asked again where one is behind."""
        while True:
            try:
                await replace_row(self._table, _entity(ledger, head), head.etag)
            except RowMoved:
                now = await self.get(ledger)
                if now and now.place.sequence >= head.place.sequence:
                    return
                head = replace(head, etag=now.etag if now else None)
            else:
                return

    async def all(self) -> AsyncIterator[Head]:
        """Every head, by ledger."""
        async for entity in self._table.query_entities(f"PartitionKey eq '{_PARTITION}'"):
            yield Head(str(entity["RowKey"]), int(entity["sequence"]), str(entity["hash"]))


def _entity(ledger: str, head: KeptHead) -> dict[str, Any]:
    return {
        "PartitionKey": _PARTITION,
        "RowKey": ledger,
        "sequence": head.place.sequence,
        "hash": head.place.hash,
        "begun_at": head.begun_at,
        "settled": head.settled,
    }
