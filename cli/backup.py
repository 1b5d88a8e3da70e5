"""`holdfast backup` and `holdfast restore`: one file, JSON Lines, with its own SHA-256 shown at the end."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from cli.api import Api, Failure
from domain import chain
from domain.chain import Head, Link, Linked

_READ = ("tenants", "states", "ledger", "switches", "tickets", "waves")
IN_ORDER = ("ledger", "heads", "states", "switches", "tickets", "tenants", "waves")
"""How a restore writes them. Tenants come when all that is known of them is there: until then no tick looks at one, and
nothing is added to its chain. Waves last: one comes back paused, and that is told by ledger and ticket."""
_PAGE = 500
_MOST_BYTES = 2_000_000
_LONGEST_END_S = 600.0
"""Each tenant's states and chain are written once."""

type _Row = dict[str, Any]
type _Named = tuple[str, _Row]
"""A row with its table."""


def write_backup(api: Api, file: Path) -> tuple[dict[str, int], str]:
    """Write every row. Returns how many there are of each table, and the file's SHA-256.

    Raises:
        Failure: A chain is not as it was written, so that no restore takes the file, in which all rows are.
    """
    counts, digest, bad = Counter[str](dict.fromkeys(IN_ORDER, 0)), sha256(), list[str]()
    with file.open("wb") as out:
        for rows in _parts_of_all(api):
            bad += _told(faults(rows))
            for table, row in rows:
                line = json.dumps({"table": table, "row": row}, ensure_ascii=False).encode() + b"\n"
                digest.update(line)
                out.write(line)
                counts[table] += 1
    if bad:
        raise Failure(2, f"{file}: no restore takes this backup: {'; '.join(bad)}")
    return dict(counts), digest.hexdigest()


def _parts_of_all(api: Api) -> Iterator[list[_Named]]:
    """All rows: a chain with its head is one part, any other row is one by itself."""
    # Before the chains: of an entry that comes while pages are read, its row may be missed and its link be taken.
    heads = {row["RowKey"]: row for row in _rows(api, "heads")}
    for table in _READ:
        if table == "ledger":
            yield from _chains(api, heads)
        else:
            yield from ([(table, row)] for row in _rows(api, table))


def _chains(api: Api, heads: dict[str, _Row]) -> Iterator[list[_Named]]:
    left = dict(heads)
    for ledger, rows in groupby(_rows(api, "ledger"), itemgetter("PartitionKey")):
        head = left.pop(ledger, None)
        kept: list[_Named] = [("ledger", row) for row in _up_to(int(head["sequence"]) if head else 0, list(rows))]
        yield [("heads", head), *kept] if head else kept
    yield from ([("heads", head)] for head in left.values())


def _up_to(last: int, rows: list[_Row]) -> Iterator[_Row]:
    """The rows of one chain up to the place *last*, and the entries that have none: older than chains are."""
    linked = {row["entry"] for row in rows if 0 < _place(row) <= last}
    for row in rows:
        key = row["RowKey"]
        if 0 < _place(row) <= last or key in linked or not (_place(row) or "sequence" in row):
            yield row


def _place(row: _Row) -> int:
    """Of a link, in its chain; 0 for an entry."""
    key = row["RowKey"]
    return int(key[1:]) if key.startswith("s") else 0


def _rows(api: Api, table: str) -> Iterator[_Row]:
    partition, key = "", ""
    while True:
        rows = api.get(f"backup/{table}", partition=partition, row=key, limit=_PAGE)["rows"]
        yield from rows
        if len(rows) < _PAGE:
            return
        partition, key = rows[-1]["PartitionKey"], rows[-1]["RowKey"]


def read_backup(file: Path) -> list[_Named]:
    """The rows of a backup, each with its table.

    Raises:
        Failure: The file is none, or a chain in it is not as it was written.
    """
    rows = list[_Named]()
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            found = json.loads(line)
            rows.append((found["table"], found["row"]))
        except (ValueError, KeyError, TypeError):
            raise Failure(2, f"{file}:{number}: is no line of a backup") from None
    for each in _told(faults(rows)):
        raise Failure(2, f"{file}: {each}")
    return rows


def _told(found: Iterable[tuple[str, chain.Fault]]) -> Iterator[str]:
    return (f"the chain of {ledger} is bad at {fault.sequence}: {fault.why}" for ledger, fault in found)


def faults(rows: list[_Named]) -> Iterator[tuple[str, chain.Fault]]:
    """What is wrong with the chains of a backup, by ledger."""
    links, entries, heads = dict[str, list[Link]](), dict[tuple[str, str], Any](), dict[str, Head]()
    for table, row in rows:
        partition, key = row["PartitionKey"], row["RowKey"]
        if table == "heads":
            heads[key] = Head(key, int(row["sequence"]), row["hash"])
        elif table == "ledger" and key.startswith("s"):
            links.setdefault(partition, []).append(Link(int(key[1:]), row["previous"], row["hash"], row["entry"]))
        elif table == "ledger":
            body = "".join(row[f"body{i}"] for i in range(len(row)) if f"body{i}" in row)
            entries[partition, key] = json.loads(body)
    for ledger in heads.keys() | links.keys():
        linked = [Linked(each, entries.get((ledger, each.id))) for each in links.get(ledger, [])]
        if fault := chain.verify(ledger, linked, head=heads.get(ledger)):
            yield ledger, fault


def restore(api: Api, file: Path, rows: list[_Named]) -> dict[str, Any]:
    """Write the rows back into an empty installation; run again, it goes on. Raises Failure, as the service says no."""
    whole = {"export": sha256(file.read_bytes()).hexdigest()}
    api.post("restore/begin", whole)
    for table in IN_ORDER:
        for some in _parts([row for owner, row in rows if owner == table]):
            api.post("restore/rows", {"table": table, "rows": some})
    ended: dict[str, Any] = api.post("restore/end", whole, patience_s=_LONGEST_END_S).json()
    return ended


def _parts(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    part, size = list[dict[str, Any]](), 0
    for row in rows:
        length = len(json.dumps(row))
        if part and (size + length > _MOST_BYTES or len(part) == _PAGE):
            yield part
            part, size = [], 0
        part.append(row)
        size += length
    if part:
        yield part
