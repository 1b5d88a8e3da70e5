"""What people switch: the brake, and keys that ended; and the size of the fleet, which the blast radius needs."""

from dataclasses import dataclass

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import chunks, pack, read_chunks, unpack
from clients.storage.ledger import LedgerTable
from domain.access import ApiKey
from domain.gate import Brake
from domain.ledger import Entry

_BRAKE = ("brake", "brake")
_FLEET = ("fleet", "fleet")
_SETTINGS = ("settings", "settings")
_ENDED_KEYS = "key"
_OUTBOX = "outbox"


@dataclass(frozen=True, slots=True)
class Untold:
    """Entries that wait in the brake's row for their copy in the ledger."""

    entries: tuple[Entry, ...] = ()


class SwitchTable:
    """Table `switches`. Read afresh each time: a brake that is cached is no brake."""

    def __init__(self, table: TableClient, ledger: LedgerTable) -> None:
        self._table = table
        self._ledger = ledger

    async def brake(self) -> Brake:
        try:
            return unpack(Brake, await self._table.get_entity(*_BRAKE))
        except ResourceNotFoundError:
            return Brake()

    async def set_brake(self, brake: Brake, told: Entry | None = None) -> None:
        """Move the brake, and tell the ledger. *told*: the entry; None where another one tells of it.

        The switch comes first: a ledger that cannot be written keeps nobody from engaging it. The entry waits in the
        switch's row (the outbox), and the next move copies what a crash left there.
        """
        left = await self._untold()
        waiting = Untold((*left, told) if told else left)
        await self._table.upsert_entity(pack(*_BRAKE, brake, **chunks(_OUTBOX, waiting)), mode=UpdateMode.REPLACE)
        for each in waiting.entries:
            await self._ledger.ensure([each], announced=False)

    async def _untold(self) -> tuple[Entry, ...]:
        """The entry of the last move: only it can be left."""
        try:
            entity = await self._table.get_entity(*_BRAKE)
        except ResourceNotFoundError:
            return ()
        return (read_chunks(Untold, _OUTBOX, entity) or Untold()).entries[-1:]

    async def settings_hash(self) -> str:
        """The hash of the settings that a worker last started with; empty before the first."""
        try:
            return str((await self._table.get_entity(*_SETTINGS))["sha256"])
        except ResourceNotFoundError:
            return ""

    async def set_settings_hash(self, sha256: str) -> None:
        entity = {"PartitionKey": _SETTINGS[0], "RowKey": _SETTINGS[1], "sha256": sha256}
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def fleet(self) -> int:
        """How many tenants the last sweep asked about; 0 before the first."""
        try:
            return int((await self._table.get_entity(*_FLEET))["tenants"])
        except ResourceNotFoundError:
            return 0

    async def set_fleet(self, tenants: int) -> None:
        entity = {"PartitionKey": _FLEET[0], "RowKey": _FLEET[1], "tenants": tenants}
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def end_key(self, key: ApiKey) -> bool:
        """Let this very key in no more; a new one of the same name is another key. False: it had ended before."""
        try:
            await self._table.create_entity({"PartitionKey": _ENDED_KEYS, "RowKey": key.sha256, "name": key.name})
        except ResourceExistsError:
            return False
        return True

    async def ended_keys(self) -> frozenset[str]:
        """The SHA-256 of every key that was ended."""
        ended = self._table.query_entities(f"PartitionKey eq '{_ENDED_KEYS}'", select=["RowKey"])
        return frozenset([entity["RowKey"] async for entity in ended])
