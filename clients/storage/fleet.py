"""How far the ticks have come.

| partition of table `fleet` | row | holds |
|---|---|---|
| `index` | page | the tenants of one minute, compactly (`clients/storage/fleet_index.py`) |
| `tick` | `cursor` | up to when looks are enqueued, and by whom the next are |
| `due` | job | a message that waits for longer than one should be hidden (`clients/storage/due.py`) |
| `unfinished` | operation id | an operation that has not ended (`clients/storage/unfinished.py`) |
| `ledger`, `operations` | newest first | what happened lately in any tenant (`clients/storage/recent.py`) |
| `objectives` | day | how often objectives were met (`clients/storage/objectives.py`) |
"""

from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack_or
from clients.storage.rows import RowMoved, replace_row, row_at, version_of, written_at
from domain.fleet import Cursor

_CURSOR = ("tick", "cursor")


class CursorMoved(Exception):  # noqa: N818 - an outcome, not a fault: another tick was first
    """Another tick has taken this over. Nothing was written."""


class FleetTable:
    """The cursor in table `fleet`."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def cursor(self) -> tuple[Cursor, str] | None:
        """How far the ticks have come, with the version of that; None before the first.

        Where it makes no sense they came as far as when it was written, and have counted nothing. Raises NewerRow.
        """
        if (entity := await row_at(self._table, *_CURSOR)) is None:
            return None
        return unpack_or(Cursor, entity, Cursor(done=written_at(entity))), version_of(entity)

    async def size(self) -> int | None:
        """How many tenants the last tick counted; None before the first."""
        found = await self.cursor()
        return found[0].tenants if found and found[0].counted else None

    async def move(self, cursor: Cursor, etag: str | None) -> str:
        """Write *cursor* over the version *etag* (None: there is none yet), and give the new one's.

        Raises:
            CursorMoved: Another tick did so first.
        """
        try:
            return await replace_row(self._table, pack(*_CURSOR, cursor), etag)
        except RowMoved as error:
            raise CursorMoved from error
