"""The monthly evidence: container `evidence`, `<tenant id or service>/<month>/evidence.json` and its page and table."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, get_args

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.storage.blob.aio import ContainerClient

type Form = Literal["json", "html", "csv"]
FORMS: tuple[Form, ...] = get_args(Form.__value__)


@dataclass(frozen=True, slots=True)
class StoredMonth:
    """A month that was made. *figures*: what the metadata of its JSON tells."""

    ledger: str
    month: str
    figures: Mapping[str, str]


class EvidenceStore:
    """Written once: what was sent to somebody is not replaced."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def get(self, ledger: str, month: str, form: Form) -> bytes | None:
        try:
            download = await self._container.download_blob(_name(ledger, month, form))
        except ResourceNotFoundError:
            return None
        return await download.readall()

    async def keep(self, ledger: str, month: str, form: Form, content: bytes, figures: Mapping[str, str]) -> str:
        """Keep *content*, unless there is one. Returns the SHA-256 of what is kept, in hex."""
        blob = self._container.get_blob_client(_name(ledger, month, form))
        try:
            await blob.upload_blob(content, overwrite=False, metadata=dict(figures))
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                await self._container.create_container()
            return await self.keep(ledger, month, form, content, figures)
        except ResourceExistsError:
            content = await self.get(ledger, month, form) or b""
        return sha256(content).hexdigest()

    async def months(self) -> list[StoredMonth]:
        """What was made, by ledger and month."""
        found = list[StoredMonth]()
        try:
            async for blob in self._container.list_blobs(include=["metadata"]):
                owner, _, rest = blob.name.partition("/")
                if rest.endswith("/evidence.json"):
                    found.append(StoredMonth(owner, rest.removesuffix("/evidence.json"), dict(blob.metadata or {})))
        except ResourceNotFoundError:
            return []
        return found


def _name(ledger: str, month: str, form: Form) -> str:
    return f"{ledger}/{month}/evidence.{form}"
