"""Delete ledger pages that were exported: in two runs, so that the checkpoint is under an hourly root in between.

The app may not delete (docs/deploy.md): this talks to the table itself, as whoever runs it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import httpx

from cli import chains
from cli.api import Api, Failure
from domain import chain
from domain.chain import Linked

_VERSION = "2020-12-06"
"""Of the Table service's REST API, the first that takes Entra tokens."""
_GONE = 404


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of one chain.

    *result*: `nothing` is old, `checkpoint` was added, its export was lost and `exported again`, `deleted`, or why not.
    """

    ledger: str
    result: str
    entries: int = 0
    file: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """Table `ledger` by its REST API. *url*: of the table service, with a SAS as its query, or with *token*."""

    client: httpx.Client
    url: str
    token: str = ""

    def delete(self, partition: str, row: str) -> None:
        """Delete one row; one that is gone already is no fault."""
        base, _, query = self.url.partition("?")
        key = f"ledger(PartitionKey='{quote(partition)}',RowKey='{quote(row)}')"
        headers = {"if-match": "*", "x-ms-version": _VERSION, "accept": "application/json;odata=nometadata"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        answer = self.client.delete(f"{base.rstrip('/')}/{key}{'?' if query else ''}{query}", headers=headers)
        if not answer.is_success and answer.status_code != _GONE:
            raise Failure(4, f"the table service refused to delete {partition} {row}: {answer.status_code}")


def prune(api: Api, rows: Rows, ledger: str, folder: Path, *, older_than: datetime) -> Pruned:
    """Delete what a checkpoint under a root stands for, or add the checkpoint for what is older than *older_than*.

    Raises:
        Failure: The service or the table says no.
    """
    found = chains.fetch(api, ledger)
    standing = chain.checkpoint(found.rows)
    named = int((standing.entry or {})["after"]["sequence"]) if standing else 0
    left = [row for row in found.rows if row.link.sequence <= named]
    # What a run before this one has left half deleted is not judged: the checkpoint stands for it.
    if standing and left and chain.verify_beginning(found.rows[len(left) :], found.proofs):
        return Pruned(ledger, "waits for the next hourly root", len(left))
    if fault := replace(found, rows=found.rows[len(left) :]).fault():
        return Pruned(ledger, f"bad: {fault.why}", fault.sequence)
    if standing and left:
        return _delete(rows, standing, left, found, folder)
    old = _older(found.rows, older_than)
    if not old:
        return Pruned(ledger, "nothing")
    file = folder / f"{ledger}-{old[-1].link.sequence}.jsonl"
    digest = found.part(old).write(file)
    place = {"sequence": old[-1].link.sequence, "hash": old[-1].link.hash, "export": digest}
    api.post(f"chains/{ledger}/exports", {"export": digest})
    api.post(f"chains/{ledger}/checkpoints", place)
    return Pruned(ledger, "checkpoint", len(old), str(file))


def _delete(rows: Rows, standing: Linked, left: list[Linked], found: chains.Chain, folder: Path) -> Pruned:
    ledger, export = found.ledger, found.part(left)
    digest = str((standing.entry or {})["after"]["export"])
    if not any(sha256(file.read_bytes()).hexdigest() == digest for file in folder.glob(f"{ledger}-*.jsonl")):
        if sha256(export.text()).hexdigest() != digest:
            return Pruned(ledger, f"its export is not in {folder}", len(left))
        # Deleted by the next run: by then whoever runs this has brought the file where it is kept, where a damaged one
        # of the first name may stand, and is never replaced.
        file = folder / f"{ledger}-{left[-1].link.sequence}-{digest[:12]}.jsonl"
        export.write(file)
        return Pruned(ledger, "exported again", len(left), str(file))
    for row in left:
        rows.delete(ledger, row.link.id)
        rows.delete(ledger, f"s{row.link.sequence:012d}")
    return Pruned(ledger, "deleted", len(left))


def _older(rows: list[Linked], moment: datetime) -> list[Linked]:
    """The first rows of a chain, as long as they are older; the last entry stays, so that a chain never is empty."""
    old = list[Linked]()
    for row in rows[:-1]:
        if not row.entry or datetime.fromisoformat(str(row.entry["at"])) >= moment:
            break
        old.append(row)
    return old


def cutoff(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)
