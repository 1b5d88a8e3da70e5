"""What people switch: the brake, signatures beyond the blast radius, keys that ended, a backup that comes back."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime

from clients.storage.documents import NewerRow, chunks, pack, read_outbox, unpack, unpack_or
from clients.storage.ledger import LedgerTable
from clients.storage.rows import RowMoved, replace_row, row_at, version_of, written_at
from domain.access import ApiKey
from domain.gate import Brake
from domain.ledger import Entry

_BRAKE = ("brake", "brake")
_RADIUS = "radius"
_RESTORE = ("restore", "restore")
_SETTINGS = ("settings", "settings")
_ENDED_KEYS = "key"
_OUTBOX = "outbox"


UNKNOWN_BRAKE = Brake(engaged=True, reason="its row is missing: look, then set it", by="holdfast")
UNREADABLE_BRAKE = Brake(engaged=True, reason="its row makes no sense: look, then set it", by="holdfast")


@dataclass(frozen=True, slots=True)
class Radius:
    """Whether steps of one signature are held. *held_since*: since more tenants than allowed would have been written.

    *released_at*: when a person last let them go on; what was written before that does not count any more.
    """

    held_since: AwareDatetime | None = None
    reason: str = ""
    released_at: AwareDatetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Restore:
    """A backup that comes back. *export*: SHA-256 of its file. *begun_at*: when the brake was engaged for it."""

    export: str
    begun_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Untold:
    """Entries that wait in the brake's row for their copy in the ledger."""

    entries: tuple[Entry, ...] = ()


type BrakeMove = tuple[Brake, Entry | None]
"""Where the brake goes, and the entry that tells of it."""


class SwitchTable:
    """Table `switches`. Read afresh each time: a brake that is cached is no brake.

    A brake whose row is missing or makes no sense counts as engaged: only the first start of all makes it released.
    """

    def __init__(self, table: TableClient, ledger: LedgerTable) -> None:
        self._table = table
        self._ledger = ledger

    async def brake(self) -> Brake:
        return _brake_of(await row_at(self._table, *_BRAKE))

    async def begin(self, *others: TableClient) -> None:
        """Make the brake, released, if nothing was ever written: neither here nor in *others*. By insert, once."""
        if await row_at(self._table, *_BRAKE, ["RowKey"]):
            return
        if not any([await has_rows(table) for table in (self._table, *others)]):
            with suppress(ResourceExistsError):
                await self._table.create_entity(pack(*_BRAKE, Brake()))

    async def set_brake(self, brake: Brake, told: Entry | None = None) -> None:
        """Move the brake, wherever it is. *told*: the ledger's entry; None where another one tells of it."""
        await self.move_brake(lambda _: (brake, told))

    async def move_brake(self, change: Callable[[Brake], BrakeMove | None]) -> Brake:
        """Move the brake to what *change* makes of it (None: it stays), and tell the ledger. Returns how it is now.

        *change* is called again where somebody else moved it meanwhile: nobody's word is written over unread.

        The switch comes first: a ledger that cannot be written keeps nobody from engaging it. The entry waits in the
        switch's row (the outbox) until it is in the ledger, and the next move copies what was left there.
        """
        brake, waiting, version = await self._put_brake(change)
        if version is None:
            return brake
        for each in waiting:
            await self._ledger.ensure([each], announced=False)
        with suppress(RowMoved):  # whoever moved it since copies them again, which changes nothing
            await replace_row(self._table, pack(*_BRAKE, brake), version)
        return brake

    async def engage(self, reason: str, at: datetime) -> None:
        """Engage the brake in the service's own name; one that is engaged already keeps its reason.

        The ledger is not asked, since it may be what is gone: entries that wait for it are copied by the next move.
        """
        engaged = Brake(engaged=True, reason=reason, by="holdfast", changed_at=at)
        await self._put_brake(lambda before: None if before.engaged else (engaged, None))

    async def _put_brake(
        self, change: Callable[[Brake], BrakeMove | None]
    ) -> tuple[Brake, tuple[Entry, ...], str | None]:
        """Move the brake, and give it as it is now, the entries that wait in its row, and its version.

        The version is None where it stayed.
        """
        while True:
            entity = await row_at(self._table, *_BRAKE)
            before = _brake_of(entity)
            move = change(before)
            if move is None:
                return before, (), None
            (brake, told), waiting = move, _untold(entity)
            untold = Untold((*waiting, told) if told else waiting)
            row = pack(*_BRAKE, brake, **chunks(_OUTBOX, untold))
            with suppress(RowMoved):
                version = await replace_row(self._table, row, version_of(entity) if entity else None)
                return brake, untold.entries, version

    async def restore(self) -> Restore | None:
        """The restore that was begun and has not ended; None where its row makes no sense, too: it lets rows in."""
        entity = await row_at(self._table, *_RESTORE)
        try:
            return unpack(Restore, entity) if entity else None
        except (NewerRow, ValueError):
            return None

    async def set_restore(self, restore: Restore) -> None:
        await self._table.upsert_entity(pack(*_RESTORE, restore), mode=UpdateMode.REPLACE)

    async def forget_restore(self) -> None:
        with suppress(ResourceNotFoundError):
            await self._table.delete_entity(*_RESTORE)

    async def settings_hash(self) -> str:
        """The hash of the settings that a worker last started with; empty before the first."""
        row = await row_at(self._table, *_SETTINGS)
        return str(row["sha256"]) if row else ""

    async def set_settings_hash(self, sha256: str) -> None:
        entity = {"PartitionKey": _SETTINGS[0], "RowKey": _SETTINGS[1], "sha256": sha256}
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def radius(self, signature: str) -> tuple[Radius, str | None]:
        """How *signature* stands to the blast radius, with the version of that; None where it was never held."""
        entity = await row_at(self._table, _RADIUS, signature)
        return (_radius_of(entity), version_of(entity)) if entity else (Radius(), None)

    async def radii(self) -> dict[str, Radius]:
        """Every signature that was ever held, and how it stands."""
        rows = self._table.query_entities(f"PartitionKey eq '{_RADIUS}'")
        return {row["RowKey"]: _radius_of(row) async for row in rows}

    async def set_radius(self, signature: str, radius: Radius, etag: str | None) -> None:
        """Write *radius* over the version *etag*.

        Raises:
            RowMoved: Somebody held or released *signature* meanwhile. Nothing was written.
        """
        await replace_row(self._table, pack(_RADIUS, signature, radius), etag)

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


def _brake_of(entity: TableEntity | None) -> Brake:
    if entity is None:
        return UNKNOWN_BRAKE
    try:
        return unpack(Brake, entity)
    except (NewerRow, ValueError):
        return UNREADABLE_BRAKE


def _radius_of(entity: TableEntity) -> Radius:
    """What makes no sense holds the signature, until an Admin releases it. Raises NewerRow."""
    held = Radius(held_since=written_at(entity), reason="what is stored of it makes no sense")
    return unpack_or(Radius, entity, held)


def _untold(entity: TableEntity | None) -> tuple[Entry, ...]:
    """The entries of moves that the ledger may not have yet."""
    left = read_outbox(Untold, _OUTBOX, entity) if entity else None
    return left.entries if left else ()


async def has_rows(table: TableClient) -> bool:
    """Whether anything was ever written there."""
    async for _ in table.list_entities(select=["RowKey"], results_per_page=1):
        return True
    return False
