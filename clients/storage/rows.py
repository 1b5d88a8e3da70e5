"""Rows read one by one, and written on condition of their version: of many writers one wins, the others learn of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
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

MOST_AT_ONCE, _MOST_BYTES = 100, 700_000
"""Of one transaction, which takes 100 rows and 4 MiB (Azure Table service, entity group transactions).

A body of over 1 MiB would hold up the event loop while it is sent; escapes add up to a third.
"""

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


def written_at(entity: TableEntity) -> datetime:
    """When *entity* was last written, by the service's clock."""
    return entity.metadata["timestamp"] or datetime.min.replace(tzinfo=UTC)


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


async def delete_row(table: TableClient, partition: str, row: str, etag: str) -> None:
    """Delete the row of the version *etag*; one that is gone already is no news. Raises RowMoved."""
    try:
        await table.delete_entity(partition, row, etag=etag, match_condition=MatchConditions.IfNotModified)
    except ResourceNotFoundError:
        return
    except ResourceModifiedError as error:
        raise RowMoved(f"row {partition} {row} was written by somebody else") from error


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


def batches(rows: Mapping[str, Versioned]) -> Iterator[dict[str, Versioned]]:
    """*rows* by partition, each time as many as one transaction takes."""
    some: dict[str, Versioned] = {}
    size, partition = 0, ""
    for key, row in sorted(rows.items(), key=lambda each: (each[1][0]["PartitionKey"], each[0])):
        its, large = row[0]["PartitionKey"], size_of(row[0])
        if some and (its != partition or len(some) == MOST_AT_ONCE or size + large > _MOST_BYTES):
            yield some
            some, size = {}, 0
        some[key], partition, size = row, its, size + large
    if some:
        yield some


def size_of(entity: Entity) -> int:
    """About as many bytes as the texts of *entity* are in a request: what is not ASCII is escaped there (JSON)."""
    texts = [value for value in entity.values() if isinstance(value, str)]
    return sum(len(text) if text.isascii() else 6 * len(text) for text in texts)


def _operation(entity: Entity, etag: str | None) -> tuple[str, Entity] | tuple[str, Entity, dict[str, Any]]:
    if etag is None:
        return "create", entity
    if etag == ANY:
        return "upsert", entity, {"mode": UpdateMode.REPLACE}
    condition = {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified}
    return "update", entity, condition
