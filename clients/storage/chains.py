"""Links of the ledger's chains: rows beside the entries, written in one transaction with them.

A link's row key is its sequence, so that of several writers only one can take a place: the table itself, to which the
app may add and which it may not change, keeps a chain from forking. The head is written after; a crash in between
leaves it behind, and the next writer goes on from the last link.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any, NamedTuple

from azure.data.tables import TableTransactionError
from azure.data.tables.aio import TableClient

from clients.storage.documents import body, log_unreadable
from clients.storage.heads import HeadTable, KeptHead
from clients.storage.rows import row_at
from domain import chain
from domain.chain import Link, Linked, Place

LAST_ENTRY = ":"
"""Sorts after the row key of every entry, which begins with a digit, and before that of every link."""
_LAST_LINK = "t"

_AT_ONCE = 40
"""Entries in one transaction: it takes 100 rows and 4 MiB (Azure Table service, entity group transactions)."""
_LINK_VERSION = 4
"""Later than the rows that workers without chains know: they answer with 503 instead of taking a link for an entry."""

type EntryRow = Mapping[str, Any]
"""An entry's entity, as `documents.pack` makes it."""


class ChainEnd(NamedTuple):
    """Where a chain goes on: after *tail*, which a *head* that is behind does not name yet."""

    head: KeptHead | None
    tail: Place


def _key(sequence: int) -> str:
    return f"s{sequence:012d}"


class ChainTable:
    """The links in table `ledger`, and their heads."""

    def __init__(self, table: TableClient, heads: HeadTable) -> None:
        self._table = table
        self.heads = heads

    async def end(self, ledger: str) -> ChainEnd:
        """Where the chain of *ledger* goes on; each entry that a worker without chains wrote has its link."""
        head = await self.heads.get(ledger)
        if head and head.settled:
            return ChainEnd(head, head.place)
        return ChainEnd(head, await self._adopt(ledger, head.place if head else Place()))

    async def add(self, ledger: str, end: ChainEnd, rows: Sequence[EntryRow], at: datetime) -> set[str]:
        """Add entries at the *end* of the chain of *ledger*, in their order. *at*: when the last one was.

        Returns:
            The row keys of those that were not there before.
        """
        before, tail = end.head or KeptHead(Place(), at), end.tail
        added = set[str]()
        unique = {row["RowKey"]: row for row in rows}
        for some in batched(unique.values(), _AT_ONCE, strict=False):
            tail, new = await self._add(ledger, tail, some)
            added |= new
        if tail != before.place:
            await self.heads.move(ledger, before.moved(tail, at))
        return added

    async def has(self, ledger: str, row_key: str) -> bool:
        return await row_at(self._table, ledger, row_key, ["RowKey"]) is not None

    async def is_remade(self, ledger: str) -> bool:
        """Whether the head names an entry whose link is gone: the table was made anew, or somebody deleted from it."""
        head = await self.heads.get(ledger)
        if head is None or not head.place.sequence:
            return False
        return not await self.has(ledger, _key(head.place.sequence))

    async def sequence_of(self, ledger: str, entry_id: str) -> int:
        """The place of an entry; 0 for one that is beside the chain, or was pruned.

        An entry that a worker of the version before wrote does not know its place: its link does, once it is adopted.
        """
        row = await row_at(self._table, ledger, entry_id, ["sequence"])
        if row is None:
            return 0
        if sequence := row.get("sequence"):
            return int(sequence)
        if sequence := await self._place_of(ledger, entry_id):
            return sequence
        head = (await self.end(ledger)).head
        return 0 if head and head.settled else await self._place_of(ledger, entry_id)

    async def _place_of(self, ledger: str, entry_id: str) -> int:
        """The place of the link that is of the entry; 0: none is."""
        query = self._table.query_entities(
            "PartitionKey eq @ledger and RowKey ge @first and RowKey lt @last and entry eq @entry",
            parameters={"ledger": ledger, "first": _key(1), "last": _LAST_LINK, "entry": entry_id},
            select=["RowKey"],
        )
        return max([int(each["RowKey"][1:]) async for each in query], default=0)

    async def page(self, ledger: str, after: int, limit: int) -> tuple[list[Linked], list[str]]:
        """At most *limit* links after sequence *after* with their entries, and ids of entries between that have none.

        An id among them may have its link on another page: clocks of two workers differ.
        """
        links = await self._links(ledger, max(1, after), limit + 1)
        known = [each for each in links if each.sequence > after][:limit]
        is_last = len(known) < limit
        oldest = links[0].id if after and links else LAST_ENTRY
        newest = "" if is_last or not known else min(each.id for each in known)
        stored = await self._entries(ledger, newest, max([oldest, *(each.id for each in known)]))
        linked = {each.id for each in links}
        return [Linked(each, stored.get(each.id)) for each in known], [key for key in stored if key not in linked]

    async def _add(self, ledger: str, tail: Place, rows: Sequence[EntryRow]) -> tuple[Place, set[str]]:
        left = list(rows)
        while left:
            last, links = _linked(ledger, tail, left)
            pairs = zip(left, links, strict=True)
            operations = [
                ("create", each) for row, link in pairs for each in (_placed(row, link), _entity(ledger, link))
            ]
            try:
                await self._table.submit_transaction(operations)
            except TableTransactionError as error:
                if error.status_code != 409:  # noqa: PLR2004 - HTTP: another writer was first
                    raise
                left = [row for row in left if not await self.has(ledger, row["RowKey"])]
                tail = await self._tail(ledger, tail)
            else:
                return last, {row["RowKey"] for row in left}
        return tail, set()

    async def _adopt(self, ledger: str, tail: Place) -> Place:
        """Link what was written without: entries from before there were chains, as they are."""
        links, stored = await asyncio.gather(self._links(ledger, 1, None), self._entries(ledger, "", LAST_ENTRY))
        linked = {each.id for each in links}
        tail = links[-1].place if links else tail
        left = [entry for key, entry in sorted(stored.items(), reverse=True) if entry and key not in linked]
        for some in batched(left, 2 * _AT_ONCE, strict=False):
            new = list[Link]()
            for entry in some:
                new.append(chain.link(ledger, tail, entry))
                tail = new[-1].place
            try:
                await self._table.submit_transaction([("create", _entity(ledger, link)) for link in new])
            except TableTransactionError as error:
                if error.status_code != 409:  # noqa: PLR2004 - HTTP: another writer was first
                    raise
                return await self._adopt(ledger, tail)
        return tail

    async def _tail(self, ledger: str, known: Place) -> Place:
        links = await self._links(ledger, known.sequence + 1, None)
        return links[-1].place if links else known

    async def _links(self, ledger: str, first: int, limit: int | None) -> list[Link]:
        query = self._table.query_entities(
            "PartitionKey eq @ledger and RowKey ge @first and RowKey lt @last",
            parameters={"ledger": ledger, "first": _key(first), "last": _LAST_LINK},
            results_per_page=min(limit or 1000, 1000),
        )
        links: list[Link] = []
        async for each in query:
            links.append(Link(int(each["RowKey"][1:]), each["previous"], each["hash"], each["entry"]))
            if len(links) == limit:
                break
        return links

    async def _entries(self, ledger: str, newest: str, oldest: str) -> dict[str, dict[str, Any]]:
        """Entries by id, as they are stored, between two ids that count too; one that is no JSON any more is empty."""
        query = self._table.query_entities(
            "PartitionKey eq @ledger and RowKey ge @newest and RowKey le @oldest",
            parameters={"ledger": ledger, "newest": newest, "oldest": oldest},
        )
        return {each["RowKey"]: _stored(each) async for each in query}


def _stored(row: dict[str, Any]) -> dict[str, Any]:
    try:
        entry = json.loads(body(row))
    except ValueError as error:
        log_unreadable("body", row, error)
        return {}
    return entry if isinstance(entry, dict) else {}


def _linked(ledger: str, tail: Place, rows: Sequence[EntryRow]) -> tuple[Place, list[Link]]:
    links = list[Link]()
    for row in rows:
        links.append(chain.link(ledger, tail, json.loads(body(dict(row)))))
        tail = links[-1].place
    return tail, links


def _placed(row: EntryRow, link: Link) -> dict[str, Any]:
    return {**row, "sequence": link.sequence}


def _entity(ledger: str, link: Link) -> dict[str, Any]:
    return {
        "PartitionKey": ledger,
        "RowKey": _key(link.sequence),
        "version": _LINK_VERSION,
        "previous": link.previous,
        "hash": link.hash,
        "entry": link.id,
    }
