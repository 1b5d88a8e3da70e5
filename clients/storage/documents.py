"""Pydantic models and dataclasses as table entities. A string property holds 32 K characters, so documents are cut.

Source: Azure Table service data model (Microsoft Learn), property types.
"""

import logging
from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter

log = logging.getLogger("holdfast.storage")

_CHUNK = 32_000

ROW_VERSION = 3
"""The version of the rows that this code writes, and the latest that it reads; a row without one is of version 1.

2: the states have a memory for each step, and a correction has a phase (`states._of_version_1`).
3: the states have findings, and a config what is declared of them; rows of version 2 have neither.
"""


class NewerRow(Exception):  # noqa: N818 - an outcome: a later version runs beside this one, as in each deployment
    """The row was written by a later version. It is left as it is: what it holds could be lost or misread."""


def refuse_newer(entity: Mapping[str, Any]) -> None:
    """Raises NewerRow."""
    if (version := entity.get("version", 1)) > ROW_VERSION:
        raise NewerRow(
            f"row {entity['PartitionKey']} {entity['RowKey']} is of version {version}, later than {ROW_VERSION}"
        )


def pack(partition: str, row: str, document: object, **columns: Any) -> dict[str, Any]:  # noqa: ANN401 - EDM values
    """The entity that keeps *document*, with *columns* beside it for filters."""
    return {"PartitionKey": partition, "RowKey": row, "version": ROW_VERSION, **columns, **chunks("body", document)}


def chunks(name: str, document: object) -> dict[str, str]:
    """The properties, *name* and a number, that keep *document* in an entity."""
    text = _ADAPTERS[type(document)].dump_json(document).decode()
    return {f"{name}{i}": text[at : at + _CHUNK] for i, at in enumerate(range(0, len(text), _CHUNK))}


def read_chunks[T](kind: type[T], name: str, entity: dict[str, Any]) -> T | None:
    """What `chunks` kept under *name*; None where there is nothing."""
    text = _joined(name, entity)
    return cast("T", _ADAPTERS[kind].validate_json(text)) if text else None


def read_outbox[T](kind: type[T], name: str, entity: dict[str, Any]) -> T | None:
    """As `read_chunks`, of what waits in a row for its copy in the ledger.

    What cannot be read is logged and left out: it keeps nobody from changing the row.
    """
    try:
        return read_chunks(kind, name, entity)
    except ValueError as error:
        log_unreadable(name, entity, error)
        return None


def unpack[T](kind: type[T], entity: dict[str, Any]) -> T:
    """The document that *entity* keeps.

    Raises:
        NewerRow: A later version wrote it.
    """
    return read_body(kind, body(entity))


def read_body[T](kind: type[T], text: str) -> T:
    """The document that *text* is, as `body` gives it."""
    document: T = _ADAPTERS[kind].validate_json(text)
    return document


def readable[T](kind: type[T], entity: dict[str, Any]) -> T | None:
    """As `unpack`, of one row of many: None for one that makes no sense to this version, which is logged."""
    try:
        return unpack_or(kind, entity, None)
    except NewerRow as newer:
        log.warning("newer_row %s", newer)
    return None


def unpack_or[T, E](kind: type[T], entity: dict[str, Any], otherwise: E) -> T | E:
    """As `unpack`, and *otherwise* where the row makes no sense, which is logged. Raises NewerRow."""
    try:
        return unpack(kind, entity)
    except ValueError as error:
        log_unreadable("body", entity, error)
        return otherwise


def log_unreadable(name: str, entity: dict[str, Any], error: ValueError) -> None:
    """Log where it is, without what it holds, as pydantic's own text has it."""
    row = f"{entity['PartitionKey']} {entity['RowKey']}"
    log.error("row_unreadable row=%s property=%s error=%s", row, name, type(error).__name__)


def body(entity: dict[str, Any]) -> str:
    """The JSON text that *entity* keeps. Raises NewerRow."""
    refuse_newer(entity)
    return _joined("body", entity)


def _joined(name: str, entity: dict[str, Any]) -> str:
    parts: list[str] = []
    while (part := entity.get(f"{name}{len(parts)}")) is not None:
        parts.append(part)
    return "".join(parts)


class _Adapters(dict[Any, TypeAdapter[Any]]):
    """What reads and writes each kind of document as JSON, made once."""

    def __missing__(self, kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any type that pydantic knows how to keep
        return self.setdefault(kind, TypeAdapter(kind))


_ADAPTERS = _Adapters()
