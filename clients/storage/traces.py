"""How far each tenant's message trace is read: a row in a partition of its own of table `states`."""

from dataclasses import dataclass

from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime

from clients.storage.documents import pack
from clients.storage.rows import replace_row, versioned_at
from domain.mail_flow import MailSeen
from domain.mail_reading import TraceReading

_PARTITION = "message-trace"


@dataclass(frozen=True, slots=True)
class TraceBook:
    """*asked*: when each request of the last hour was sent. *reading*: what is being read, over visits.

    *flow*: what the last read came to, and *was_due*: when that read had come due, so that a worker whose states could
    not be saved need not ask again.
    """

    asked: tuple[AwareDatetime, ...] = ()
    reading: TraceReading | None = None
    flow: MailSeen | None = None
    was_due: AwareDatetime | None = None


class TraceTable:
    """The books of every tenant, apart from the rows that a shard reads together: they are large while pages go on."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def load(self, tenant_id: str) -> tuple[TraceBook, str | None]:
        """The tenant's book and its version; None for none yet. Raises NewerRow."""
        return await versioned_at(self._table, TraceBook, _PARTITION, tenant_id) or (TraceBook(), None)

    async def save(self, tenant_id: str, book: TraceBook, etag: str | None) -> str:
        """Write *book* over the version *etag*, and give the new one's. Raises RowMoved."""
        return await replace_row(self._table, pack(_PARTITION, tenant_id, book), etag)
