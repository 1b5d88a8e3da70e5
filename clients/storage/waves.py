"""The waves: which profile is changed to which version, and how far that is.

| partition of table `waves` | row | holds |
|---|---|---|
| `last` | profile | its last wave, which runs, is paused or has ended: so there is one at a time |
| `ended` | wave | those before |

A wave's change and its ledger entry belong together, as with configs: the entry is written in the wave's row (the
outbox) and copied right after; what reads the row for a change copies what a crash left behind.
"""

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import chunks, pack, read_outbox, readable, unpack_or
from clients.storage.ledger import LedgerTable
from clients.storage.rows import RowMoved, replace_row, row_at, version_of
from domain.ledger import Entry
from domain.waves import Wave

_LAST = "last"
_ENDED = "ended"
_OUTBOX = "outbox"

type KeptWave = tuple[Wave | None, str]
"""A wave with the version of its row; None: what is stored of it makes no sense, and another one may replace it."""


class WaveMoved(Exception):  # noqa: N818 - an outcome, not a fault: somebody wrote first
    """The wave is another one than the caller knew. Nothing was written."""


class WaveTable:
    """Table `waves`."""

    def __init__(self, table: TableClient, ledger: LedgerTable) -> None:
        self._table = table
        self._ledger = ledger

    async def all(self) -> list[Wave]:
        """Every wave, the newest first."""
        waves = [wave async for row in self._table.list_entities() if (wave := readable(Wave, row))]
        once = {each.id: each for each in waves}  # a crash while one was put away may have left it in both places
        return sorted(once.values(), key=lambda each: each.begun_at, reverse=True)

    async def last(self) -> list[Wave]:
        """The last wave of each profile."""
        rows = self._table.query_entities(f"PartitionKey eq '{_LAST}'")
        return [wave async for row in rows if (wave := readable(Wave, row))]

    async def get(self, profile: str) -> Wave | None:
        """The last wave of *profile*; None, too, where it makes no sense: it has released no steps. Raises NewerRow."""
        entity = await row_at(self._table, _LAST, profile)
        return unpack_or(Wave, entity, None) if entity else None

    async def find(self, profile: str) -> KeptWave | None:
        """The last wave of *profile*, for a change: the entry of the last one is in the ledger after this.

        Raises NewerRow.
        """
        entity = await row_at(self._table, _LAST, profile)
        if entity is None:
            return None
        if told := read_outbox(Entry, _OUTBOX, entity):
            await self._ledger.ensure([told], announced=False)
        return unpack_or(Wave, entity, None), version_of(entity)

    async def begin(self, wave: Wave, before: KeptWave | None, told: Entry) -> None:
        """Add *wave* in the place of *before*, which has ended. Raises WaveMoved where another has begun."""
        if before and before[0]:
            await self._table.upsert_entity(pack(_ENDED, before[0].id, before[0]), mode=UpdateMode.REPLACE)
        await self.change(wave, before[1] if before else None, told)

    async def change(self, wave: Wave, etag: str | None, told: Entry | None = None) -> str:
        """Write *wave* over the version *etag* of its profile's row, and give the new one's. Raises WaveMoved."""
        columns = chunks(_OUTBOX, told) if told else {}
        try:
            written = await replace_row(self._table, pack(_LAST, wave.profile, wave, **columns), etag)
        except RowMoved as error:
            raise WaveMoved("somebody else changed the wave meanwhile") from error
        if told:
            await self._ledger.append(told, announced=False)
        return written
