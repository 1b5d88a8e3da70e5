"""Rows read one by one, and written on condition of their version: of many writers one wins, the others learn of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableEntity, TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import unpack

type Entity = Mapping[str, Any]
ANY = "*"
"""Whatever version there is, or none (RFC 9110, section 13.1.1)."""

type Versioned = tuple[Entity, str | None]
"""A row with the version (ETag) that it replaces; None: there is none yet."""

MOST_AT_ONCE = 100
"""Rows of one transaction (Azure Table service, entity group transactions)."""

_CONFLICT = {404, 409, 412}


class RowMoved(Exception):  # noqa: N818 - an outcome, not a fault: somebody wrote first
    """The row is of another version than the writer knew. Nothing was written."""


async def row_at(table: TableClient, partition: str, row: str, select: list[str] | None = None) -> TableEntity | None:
    """The row there, or of it the properties to *select*; None where there is none."""
    try:
        return await table.get_entity(partition, row, select=select)
    except ResourceNotFoundError:
        return None


async def document_at[T](table: TableClient, kind: type[T], partition: str, row: str) -> T | None:
    """The document that the row there keeps; None where there is none. Raises NewerRow."""
    entity = await row_at(table, partition, row)
    return unpack(kind, entity) if entity else None


async def versioned_at[T](table: TableClient, kind: type[T], partition: str, row: str) -> tuple[T, str] | None:
    """The document that the row there keeps, with its version; None where there is none. Raises NewerRow."""
    entity = await row_at(table, partition, row)
    return (unpack(kind, entity), version_of(entity)) if entity else None


def version_of(entity: TableEntity) -> str:
    """The ETag under which *entity* was read."""
    return str(entity.metadata["etag"])


async def replace_row(table: TableClient, entity: Entity, etag: str | None) -> str:
    """Write *entity* over the version *etag*, and give the new one's. Raises RowMoved."""
    try:
        if etag is None:
            written = await table.create_entity(entity)
        elif etag == ANY:
            written = await table.upsert_entity(entity, mode=UpdateMode.REPLACE)
        else:
            written = await table.update_entity(
                entity, mode=UpdateMode.REPLACE, etag=etag, match_condition=MatchConditions.IfNotModified
            )
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
        raise RowMoved(f"row {entity['PartitionKey']} {entity['RowKey']} was written by somebody else") from error
    return str(written["etag"])


async def replace_rows(table: TableClient, rows: Sequence[Versioned]) -> list[str]:
    """Write *rows* of one partition, all or none, in one request, and give their new versions. Raises RowMoved."""
    if len(rows) == 1:
        return [await replace_row(table, *rows[0])]
    try:
        written = await table.submit_transaction([_operation(*row) for row in rows])
    except TableTransactionError as error:
        if error.status_code not in _CONFLICT:
            raise
        raise RowMoved(str(error.message)) from error
    return [str(each["etag"]) for each in written]


def _operation(entity: Entity, etag: str | None) -> tuple[str, Entity] | tuple[str, Entity, dict[str, Any]]:
    if etag is None:
        return "create", entity
    if etag == ANY:
        return "upsert", entity, {"mode": UpdateMode.REPLACE}
    condition = {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified}
    return "update", entity, condition
