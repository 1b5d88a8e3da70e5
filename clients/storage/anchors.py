"""Merkle roots over the heads of all chains, one blob an hour, in a container whose policy lets nobody change them."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from domain.chain import Head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.storage.blob.aio import BlobClient, ContainerClient


@dataclass(frozen=True, slots=True)
class Anchor:
    """What was true at *hour* (UTC, such as 2026-11-29T11): the *root* over *heads*, in their order."""

    hour: str
    root: str
    heads: tuple[Head, ...]


class Anchors:
    """Container `anchors`. The deployment makes it with its policy; here it is made where it is missing."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def has(self, hour: str) -> bool:
        return await self._blob(hour).exists()

    async def add(self, hour: str, root: str, heads: Sequence[Head]) -> bool:
        """Keep the root of *hour*. False: it has one, and keeps it."""
        text = json.dumps({"hour": hour, "root": root, "heads": [asdict(head) for head in heads]}, indent=1)
        try:
            await self._blob(hour).upload_blob(text.encode(), overwrite=False)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                await self._container.create_container()
            return await self.add(hour, root, heads)
        except ResourceExistsError:
            return False
        return True

    async def get(self, hour: str) -> Anchor | None:
        try:
            download = await self._blob(hour).download_blob()
        except ResourceNotFoundError:
            return None
        kept: dict[str, Any] = json.loads(await download.readall())
        return Anchor(kept["hour"], kept["root"], tuple(Head(**head) for head in kept["heads"]))

    async def latest(self, day: str) -> Anchor | None:
        """The last one of *day* (2026-11-29); None where it has none."""
        hours = await self.hours(day)
        return await self.get(hours[-1]) if hours else None

    async def hours(self, begin: str = "") -> list[str]:
        """The hours that have a root and whose text begins so (a year, a month, a day), oldest first."""
        try:
            names = [name async for name in self._container.list_blob_names(name_starts_with=f"roots/{begin}")]
        except ResourceNotFoundError:
            return []
        return sorted(name.removeprefix("roots/").removesuffix(".json") for name in names)

    def _blob(self, hour: str) -> BlobClient:
        return self._container.get_blob_client(f"roots/{hour}.json")
