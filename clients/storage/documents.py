"""Pydantic models as table entities. A string property holds 32 K characters, so documents are cut.

Source: Azure Table service data model (Microsoft Learn), property types.
"""

from typing import Any

from pydantic import BaseModel

_CHUNK = 32_000


def pack(partition: str, row: str, document: BaseModel, **columns: Any) -> dict[str, Any]:  # noqa: ANN401 - EDM values
    """The entity that keeps *document*, with *columns* beside it for filters."""
    text = document.model_dump_json()
    chunks = {f"body{i}": text[at : at + _CHUNK] for i, at in enumerate(range(0, len(text), _CHUNK))}
    return {"PartitionKey": partition, "RowKey": row, **columns, **chunks}


def unpack[T: BaseModel](kind: type[T], entity: dict[str, Any]) -> T:
    """The document that *entity* keeps."""
    chunks: list[str] = []
    while (chunk := entity.get(f"body{len(chunks)}")) is not None:
        chunks.append(chunk)
    return kind.model_validate_json("".join(chunks))
