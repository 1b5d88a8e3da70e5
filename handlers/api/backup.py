"""Backup and restore over HTTP: rows page by page out, and back into an empty installation."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from clients.storage.backup import BackedUp
from domain.errors import BadField
from handlers import backup
from handlers.api.access import as_role
from handlers.api.routing import CallerName, Neighbours, Strict, example, large_router_of
from handlers.on_request import RequestBody

router = large_router_of("backup")

_PAGE = 500


class BackupPage(BaseModel):
    """Rows as they are stored, in the order of their keys; the last page has fewer than *limit*."""

    model_config = ConfigDict(frozen=True)

    table: BackedUp
    rows: tuple[dict[str, Any], ...]


class RowsToRestore(RequestBody):
    """Some rows of a backup."""

    table: BackedUp
    rows: tuple[dict[str, Any], ...] = Field(max_length=_PAGE)


class WholeBackup(RequestBody):
    """*export*: SHA-256 of the backup's file, which the chains' checkpoints name."""

    export: str = Field(pattern="^[0-9a-f]{64}$")


class Written(BaseModel):
    """How many rows were written."""

    model_config = ConfigDict(frozen=True)

    written: int


@router.get("/backup/{table}", **as_role("Admin"))
async def get_backup(
    table: BackedUp,
    clients: Neighbours,
    partition: Annotated[str, Query(max_length=1024, description="Of the last row of the page before.")] = "",
    row: Annotated[str, Query(max_length=1024, description="Of the last row of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=_PAGE, description="Rows on a page.")] = _PAGE,
) -> BackupPage:
    """A page of one table's rows."""
    return BackupPage(table=table, rows=tuple(await clients.storage.backup.page(table, (partition, row), limit)))


@router.post("/restore/begin", status_code=204, **as_role("Admin", 400, 409, 415))
async def post_restore_begin(
    given: Annotated[WholeBackup, Strict, example({"export": "0" * 64})], caller: CallerName, clients: Neighbours
) -> None:
    """Begin a restore into an installation without tenants, or go on with one that was cut: the brake engages."""
    await backup.begin_restore(given.export, caller, clients)


@router.post("/restore/rows", **as_role("Admin", 400, 409, 415))
async def post_restore_rows(
    given: Annotated[RowsToRestore, Strict, example({"table": "tenants", "rows": []})],
    caller: CallerName,
    clients: Neighbours,
) -> Written:
    """Write some rows of the backup, as they were."""
    try:
        return Written(written=await backup.take_rows(given.table, given.rows, caller, clients))
    except (ValueError, KeyError) as fault:
        raise BadField("body.rows", f"a row makes no sense: {fault}") from None


@router.post("/restore/end", **as_role("Admin", 400, 409, 415))
async def post_restore_end(
    given: Annotated[WholeBackup, Strict, example({"export": "0" * 64})], caller: CallerName, clients: Neighbours
) -> backup.Restored:
    """End a restore: every state is looked at anew, and every chain goes on with a checkpoint."""
    return await backup.end_restore(given.export, caller, clients)
