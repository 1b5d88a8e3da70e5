"""Chains as the service, an export or a message has them, and what is wrong with each.

A file is text in which each line that is a JSON object counts: `{"kind": "chain" | "link" | "proof", ...}`. Other lines
may stand around them, so that a message can be taken as it came.
"""

import html
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cli.api import Api, Failure
from domain import chain
from domain.chain import Fault, Head, Link, Linked, Proof, Sibling

PAGE = 1000
HOURLY_DAYS, DAILY_DAYS = 7, 500
"""Days of which `verify` takes every root, and the last one alone. What is pruned at 400 days is gone by then."""
NOT_FOUND = 404


@dataclass
class Chain:
    """What is known of one ledger's chain. Without *rows* it is a proof alone."""

    ledger: str
    rows: list[Linked] = field(default_factory=list)
    head: Head | None = None
    unlinked: set[str] = field(default_factory=set)
    proofs: list[Proof] = field(default_factory=list)
    roots: dict[str, Head] = field(default_factory=dict)
    """The chain's head under hourly roots, by hour."""

    def fault(self) -> Fault | None:
        """The first thing that is wrong; None where the chain is as it was written."""
        missing = self.unlinked - {row.link.id for row in self.rows}
        if fault := chain.verify(self.ledger, self.rows, head=self.head, unlinked=missing):
            return fault
        for proof in self.proofs:
            if fault := chain.verify_proof(proof, self.rows):
                return fault
        if fault := chain.verify_beginning(self.rows, self.proofs):
            return fault
        if fault := chain.verify_roots(self.rows, self.roots):
            return fault
        roots = {(proof.at, proof.root) for proof in self.proofs}
        if len(roots) > len({at for at, _ in roots}):
            return Fault(0, "", "two roots are said to be of the same hour")
        return None

    def lines(self) -> Iterable[dict[str, Any]]:
        """The chain as an export has it."""
        head = asdict(self.head) if self.head else None
        yield {"kind": "chain", "ledger": self.ledger, "head": head, "unlinked": sorted(self.unlinked)}
        for row in self.rows:
            yield {"kind": "link", "ledger": self.ledger, **asdict(row.link), "entry": row.entry}
        for proof in self.proofs:
            yield {"kind": "proof", **asdict(proof)}

    def part(self, rows: list[Linked]) -> "Chain":
        """The same with some of its rows only, for an export of them."""
        return Chain(self.ledger, rows, None, set(), [])

    def text(self) -> bytes:
        """The export: the same bytes each time, for the same rows."""
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.lines()).encode()

    def write(self, file: Path) -> str:
        """Write the export, whole or not at all. Returns the SHA-256 of the file, in hex."""
        text, begun = self.text(), file.with_name(f"{file.name}.part")
        begun.write_bytes(text)
        begun.replace(file)
        return sha256(text).hexdigest()


def fetch(api: Api, ledger: str) -> Chain:
    """The chain of *ledger* with its way to the newest root, from the service."""
    found = Chain(ledger)
    # Before the links: a root that came after has entries which they have not.
    try:
        found.proofs.append(_proof(api.get(f"chains/{ledger}/proof")))
    except Failure as no:
        if no.status != NOT_FOUND:
            raise
    while True:
        page = api.get(f"chains/{ledger}", after=found.rows[-1].link.sequence if found.rows else 0, limit=PAGE)
        found.rows += [_linked(each) for each in page["links"]]
        found.unlinked |= set(page["unlinked"])
        found.head = Head(**page["head"]) if page["head"] else None
        # An entry that came between two queries of the service has its link on the next page.
        if len(page["links"]) < PAGE and not (found.unlinked - {row.link.id for row in found.rows} and page["links"]):
            break
    return found


def chosen(hours: Iterable[str]) -> list[str]:
    """Every root of the newest seven days that have one, and the last one of each of the 500 days before: 668."""
    days = dict[str, list[str]]()
    for hour in sorted(hours):
        days.setdefault(hour[:10], []).append(hour)
    ordered = list(days.values())
    daily = [day[-1] for day in ordered[:-HOURLY_DAYS][-DAILY_DAYS:]]
    return daily + [hour for day in ordered[-HOURLY_DAYS:] for hour in day]


def under_roots(api: Api, found: Iterable[Chain], hours: Iterable[str], *, all_known: bool) -> list[Chain]:
    """*found* with their heads under the roots of *hours*, one request each.

    *all_known*: with the chains, too, that only a root knows.
    """
    known = {each.ledger: each for each in found}
    for hour in hours:
        for head in (Head(**each) for each in api.get(f"roots/{hour}")["heads"]):
            if all_known:
                known.setdefault(head.ledger, Chain(head.ledger))
            if head.ledger in known:
                known[head.ledger].roots[hour] = head
    return list(known.values())


def read_files(files: Iterable[Path]) -> list[Chain]:
    """The chains of exports and messages; what several files say of one ledger is judged together.

    Raises:
        Failure: A file cannot be read, or has no line of a chain.
    """
    found: dict[str, Chain] = {}
    for file in files:
        lines = list(_objects(file))
        if not lines:
            raise Failure(2, f"{file}: should be an export of `holdfast ledger export`, or a message with a proof")
        for number, line in lines:
            try:
                _take(found, line)
            except (KeyError, TypeError, ValueError) as error:
                raise Failure(2, f"{file}:{number}: is no line of a chain: {error}") from None
    for each in found.values():
        each.rows = _in_order(each.rows)
    return list(found.values())


def _in_order(rows: list[Linked]) -> list[Linked]:
    """By sequence, as several files have them in any order; what two of them have alike counts once."""
    ordered = sorted(rows, key=lambda row: row.link.sequence)
    return [row for before, row in zip([None, *ordered], ordered, strict=False) if row != before]


def _objects(file: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(2, f"{file}: {error}") from None
    found = list(_lines(text))
    yield from found or _lines(_unwrapped(text))


def _unwrapped(text: str) -> str:
    """The one long line of a message that a program has broken, quoted, or made HTML of; empty where there is none."""
    plain = html.unescape(re.sub(r"<[^>]*>", "", text))
    line = re.sub(r"\n>?\s?", "", plain[max(plain.find('{"kind"'), 0) :])
    try:
        value, _ = json.JSONDecoder().raw_decode(line)
    except ValueError:
        return ""
    return json.dumps(value)


def _lines(text: str) -> Iterable[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and value.get("kind") in {"chain", "link", "proof"}:
            yield number, value


def _take(found: dict[str, Chain], line: dict[str, Any]) -> None:
    ledger = line["head"]["ledger"] if line["kind"] == "proof" else line["ledger"]
    chain = found.setdefault(ledger, Chain(ledger))
    match line["kind"]:
        case "chain":
            # A pruned page has none, and takes none away.
            chain.head = Head(**line["head"]) if line["head"] else chain.head
            chain.unlinked |= set(line["unlinked"])
        case "link":
            chain.rows.append(_linked(line))
        case _:
            chain.proofs.append(_proof(line))


def _linked(line: dict[str, Any]) -> Linked:
    return Linked(Link(int(line["sequence"]), line["previous"], line["hash"], line["id"]), line["entry"])


def _proof(line: dict[str, Any]) -> Proof:
    path = tuple(Sibling(each["side"], each["hash"]) for each in line["path"])
    return Proof(line["at"], line["root"], Head(**line["head"]), path)
