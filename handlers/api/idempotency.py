"""The same request under the same key is done once, whoever sends it again, and whatever restarts between.

Source: draft-ietf-httpapi-idempotency-key-header-07. The key names the operation, so no list of keys is kept: two
callers at once make the same row, and the storage service lets one of them make it.
"""

from dataclasses import dataclass
from uuid import UUID, uuid4, uuid5

from clients.connect import Clients
from domain.operations import Operation
from handlers.api.problem import Problem

_KEYS = UUID("5d5b7f0e-8a3c-4f6e-9d39-5c1a5f0f6f0b")
"""The namespace of ids that were made from keys (RFC 9562, section 5.5)."""


@dataclass(frozen=True, slots=True)
class Once:
    """A request's *key*, and the *fingerprint* of all that it asks for."""

    key: str
    fingerprint: str

    @property
    def operation_id(self) -> str:
        return str(uuid5(_KEYS, self.key))


def operation_id(once: Once | None) -> str:
    return once.operation_id if once else str(uuid4())


async def before(once: Once | None, clients: Clients) -> Operation | None:
    """The operation that this very request made earlier; None where it made none.

    Raises:
        Problem: 409, the key was used for another request.
    """
    if once is None:
        return None
    claimed = await clients.storage.operations.claimed(once.operation_id)
    if claimed is None:
        return None
    _compare(once, claimed)
    return await clients.storage.operations.get(once.operation_id)


async def claim(once: Once | None, clients: Clients) -> None:
    """Take the key for this request. Raises Problem 409 as `before`."""
    if once:
        _compare(once, await clients.storage.operations.claim(once.operation_id, once.fingerprint))


def _compare(once: Once, claimed: str) -> None:
    if claimed != once.fingerprint:
        raise Problem(409, "Conflict", "Idempotency-Key: was used before, for another request")
