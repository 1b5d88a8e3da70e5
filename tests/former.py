"""Rows as former versions wrote them: tests/rows/, one file for each commit, made by running that commit's code.

In fd83152 one tenant (LIVED) has had a life that was cut off with two corrections under way; the states of the other
(MADE) are one of each kind that its code could leave.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.data.tables.aio import TableServiceClient

LIVED = "11fe0000-0000-4000-8000-00000000fd83"
MADE = "11fe0000-0000-4000-8000-00000000c0de"

ROWS: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "rows" / "fd83152.json").read_text("utf-8"))


def document(table: str, partition: str, row: str) -> dict[str, Any]:
    """What a row's document said."""
    [entity] = [each for each in ROWS[table] if (each["PartitionKey"], each["RowKey"]) == (partition, row)]
    found: dict[str, Any] = json.loads("".join(entity[f"body{n}"] for n in range(9) if f"body{n}" in entity))
    return found


async def restore(azurite_connection: str, tenant_id: str) -> None:
    """Put the rows of one tenant back into their tables."""
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        for name, rows in ROWS.items():
            for row in rows:
                if tenant_id in (row["PartitionKey"], row.get("tenant_id")):
                    times = {key: datetime.fromisoformat(row[key]) for key in row if key.endswith("_at")}
                    await tables.get_table_client(name).create_entity(row | times)
