"""What proves the ledger: each entry's link to the one before, and the Merkle tree over the heads of all chains.

A link's hash is SHA-256 over the canonical JSON (RFC 8785) of ledger, sequence, previous hash and the entry as stored.
Leaves and nodes of the tree are told apart by their first byte, as in RFC 6962, section 2.1. This module needs nothing
else of Holdfast: the command line verifies with it what the service, or a file, says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from hashlib import sha256
from typing import Any, Literal

import rfc8785

CHECKPOINT: Literal["checkpoint"] = "checkpoint"
"""The event of the entry that stands for older ones that were exported and deleted."""

_PRUNED_AFTER = timedelta(days=60)
"""No entry that is younger is pruned: the command takes those of 90 days, and one may come to its chain late."""

_EXACT = 2**53 - 1
"""Largest integer that a JSON number holds exactly (RFC 7493, section 2.2)."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a chain: *sequence* from 1, *hash* in lower-case hex. Before the first entry it is 0 and empty."""

    sequence: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """One entry's link. *id*: the entry's, which is its row's key; *previous*: the hash of the link before."""

    sequence: int
    previous: str
    hash: str
    id: str

    @property
    def place(self) -> Place:
        return Place(self.sequence, self.hash)


@dataclass(frozen=True, slots=True)
class Linked:
    """A link with the entry as it is stored; None where its row is gone, empty where what is there is no entry."""

    link: Link
    entry: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Head:
    """The last place of a chain, as its row says it. A crash may leave it behind the last link, never ahead."""

    ledger: str
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Sibling:
    """The hash beside one node on the way from a leaf to the root, and on which side it stands."""

    side: Literal["left", "right"]
    hash: str


@dataclass(frozen=True, slots=True)
class Proof:
    """That *head* is one of the heads under *root*: the siblings from its leaf upwards. *at*: the anchor's hour."""

    at: str
    root: str
    head: Head
    path: tuple[Sibling, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong. *sequence*: where in the chain, 0 where it has no place; *id*: the entry's."""

    sequence: int
    id: str
    why: str


def link(ledger: str, before: Place, entry: Mapping[str, Any]) -> Link:
    """The link of *entry* after *before*."""
    sequence = before.sequence + 1
    return Link(sequence, before.hash, _hash(ledger, sequence, before.hash, entry), str(entry["id"]))


def verify(
    ledger: str, rows: Sequence[Linked], *, head: Head | None = None, unlinked: Iterable[str] = ()
) -> Fault | None:
    """The first fault of a chain that is given whole, by sequence; None where it is as it was written.

    *unlinked*: ids of entries that are stored without a link.
    """
    places = {row.link.sequence: row.link.hash for row in rows}
    if fault := _beginning(rows) or _links(ledger, rows):
        return fault
    if extra := min(unlinked, default=None):
        return Fault(0, extra, "inserted: the entry has no link")
    return _disagreement(head, places, "head") if head and head.sequence else None


def verify_proof(proof: Proof, rows: Sequence[Linked] = ()) -> Fault | None:
    """What is wrong between *proof*, its root and the chain of its ledger, if *rows* are given."""
    if root_of(proof) != proof.root:
        return Fault(proof.head.sequence, "", "the Merkle path does not lead from the head to the root")
    return _under(proof.at, proof.head, rows, _places(rows)) if rows else None


def verify_roots(rows: Sequence[Linked], roots: Mapping[str, Head]) -> Fault | None:
    """The first fault between a chain and its heads under hourly *roots* (by hour, such as 2026-11-29T11).

    A root from below the chain's beginning is of the time before what was pruned since, or shows that the chain was
    rewritten to begin later. The roots tell which: none that is younger than pruning allows, at the hour whose root
    first has the checkpoint, is from below.
    """
    places, found = _places(rows), checkpoint(rows)
    known = [hour for hour, head in roots.items() if found and head.sequence >= found.link.sequence]
    pruned = f"{datetime.fromisoformat(min(known)) - _PRUNED_AFTER:%Y-%m-%dT%H}" if known else ""
    told = [each for each in sorted(roots.items()) if each[1].sequence >= min(places, default=0) or each[0] >= pruned]
    return next((fault for hour, head in told if (fault := _under(hour, head, rows, places))), None)


def merkle_root(heads: Sequence[Head]) -> str:
    """The root over *heads* in their order (RFC 6962, section 2.1)."""
    return _root([_leaf(head) for head in heads])


def prove(heads: Sequence[Head], ledger: str, at: str) -> Proof | None:
    """The way from the head of *ledger* to the root; None where it has none among *heads*."""
    index = next((i for i, head in enumerate(heads) if head.ledger == ledger), None)
    if index is None:
        return None
    leaves = [_leaf(head) for head in heads]
    return Proof(at, _root(leaves), heads[index], tuple(_path(leaves, index)))


def root_of(proof: Proof) -> str:
    """The root that the path of *proof* leads to."""
    return reduce(
        lambda below, each: _node(each.hash, below) if each.side == "left" else _node(below, each.hash),
        proof.path,
        _leaf(proof.head),
    )


def checkpoint(rows: Sequence[Linked]) -> Linked | None:
    """The newest entry that names a place after which the chain may begin, and whose hash is the chain's own there.

    One with which a chain went on after a restore is none: nothing was exported before it.
    """
    known = _places(rows)
    named = [row for row in rows if (entry := row.entry or {}).get("event") == CHECKPOINT and not _is_of_backup(entry)]
    return next((row for row in reversed(named) if _names(row, known)), None)


def verify_beginning(rows: Sequence[Linked], proofs: Iterable[Proof]) -> Fault | None:
    """A chain whose older entries are gone needs a checkpoint that is under a root: else anybody could name one."""
    found = checkpoint(rows)
    if not rows or rows[0].link.sequence == 1 or found is None:
        return None
    if any(proof.head.sequence >= found.link.sequence for proof in proofs):
        return None
    return Fault(found.link.sequence, found.link.id, "the checkpoint is under no hourly root that was given")


def _is_of_backup(entry: Mapping[str, Any]) -> bool:
    return "backup" in entry.get("after", {})


def _places(rows: Sequence[Linked]) -> dict[int, str]:
    """The hash at each place of a chain, the one that its first entry was linked to included."""
    before = {rows[0].link.sequence - 1: rows[0].link.previous} if rows else {}
    return before | {row.link.sequence: row.link.hash for row in rows}


def _under(at: str, head: Head, rows: Sequence[Linked], places: Mapping[int, str]) -> Fault | None:
    """What is wrong between *head*, which is under the root of the hour *at*, and the chain."""
    if rows and head.sequence < (first := rows[0].link).sequence - 1:
        return Fault(first.sequence, first.id, f"begins after the root of {at}: give the exported pages too")
    return _disagreement(head, places, f"root of {at}")


def _names(row: Linked, known: Mapping[int, str]) -> bool:
    after = (row.entry or {}).get("after", {})
    return after.get("sequence", 0) in known and known[after["sequence"]] == after.get("hash")


def _beginning(rows: Sequence[Linked]) -> Fault | None:
    """A chain begins with its first entry, or at a checkpoint that one of its own entries names."""
    if not rows or (first := rows[0].link).sequence == 1:
        return None
    if checkpoint(rows):
        return None
    return Fault(first.sequence, first.id, f"removed: entries 1 to {first.sequence - 1}, and no checkpoint names them")


def _links(ledger: str, rows: Sequence[Linked]) -> Fault | None:
    before = Place(rows[0].link.sequence - 1, rows[0].link.previous) if rows else Place()
    for row in rows:
        if why := _fault_of(ledger, before, row):
            return Fault(row.link.sequence, row.link.id, why)
        before = row.link.place
    return None


def _fault_of(ledger: str, before: Place, row: Linked) -> str:
    """What is wrong with *row* after *before*; empty where nothing is."""
    link, entry = row.link, row.entry
    if link.sequence != before.sequence + 1:
        return f"removed or reordered: after {before.sequence} should come {before.sequence + 1}"
    if link.previous != before.hash:
        return "the entry before is not the one that this one was linked to"
    if entry is None:
        return "removed: the link is there, the entry is not"
    if entry and entry.get("tenant_id") != ledger:
        return f"of another tenant: {entry.get('tenant_id')}"
    if entry.get("id") != link.id or _hash(ledger, link.sequence, link.previous, entry) != link.hash:
        return "edited: the entry is not the one whose hash was taken"
    return ""


def _disagreement(head: Head, places: Mapping[int, str], name: str) -> Fault | None:
    last = max(places, default=0)
    if head.sequence > last:
        return Fault(last, "", f"truncated: the chain ends at {last}, the {name} says {head.sequence}")
    # A head's row from before the checkpoint says nothing of the entries that are left.
    if head.sequence in places and places[head.sequence] != head.hash:
        return Fault(head.sequence, "", f"the {name} is of another chain: entries up to here were rewritten")
    return None


def _hash(ledger: str, sequence: int, previous: str, entry: Mapping[str, Any]) -> str:
    linked = {"ledger": ledger, "sequence": sequence, "previous": previous, "entry": _exact(entry)}
    return sha256(rfc8785.dumps(linked)).hexdigest()


def _exact(value: Any) -> Any:  # noqa: ANN401 - JSON
    """*value* with integers that JSON numbers do not hold exactly as what they are read as (RFC 8785, 3.2.2.3)."""
    match value:
        case Mapping():
            return {str(name): _exact(each) for name, each in value.items()}
        case list() | tuple():
            return [_exact(each) for each in value]
        case int() if abs(value) > _EXACT:
            return float(value)
    return value


def _leaf(head: Head) -> str:
    canonical = rfc8785.dumps({"ledger": head.ledger, "sequence": head.sequence, "hash": head.hash})
    return sha256(b"\x00" + canonical).hexdigest()


def _node(left: str, right: str) -> str:
    return sha256(b"\x01" + left.encode() + right.encode()).hexdigest()


def _root(leaves: Sequence[str]) -> str:
    if len(leaves) > 1:
        half = _half(len(leaves))
        return _node(_root(leaves[:half]), _root(leaves[half:]))
    return leaves[0] if leaves else sha256().hexdigest()


def _path(leaves: Sequence[str], index: int) -> list[Sibling]:
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*_path(leaves[:half], index), Sibling("right", _root(leaves[half:]))]
    return [*_path(leaves[half:], index - half), Sibling("left", _root(leaves[:half]))]


def _half(size: int) -> int:
    """The largest power of two below *size*."""
    return 1 << ((size - 1).bit_length() - 1)
