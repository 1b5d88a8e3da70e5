"""What a chain is verified with: its links and entries as they are stored, its head, and its way to a root."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from clients.connect import Clients
from clients.storage.anchors import Anchor
from domain.chain import CHECKPOINT, Head, Linked, Proof
from domain.errors import BadField, UnknownChain, UnknownRoot
from domain.incident import SERVICE
from domain.ledger import Entry, LedgerEvent
from handlers.api.access import as_role
from handlers.api.ledger import LARGEST_PAGE
from handlers.api.routing import CallerName, Neighbours, Strict, example, router_of
from handlers.evidence import known_heads, proof_of
from handlers.on_request import RequestBody

router = router_of("chains")

type LedgerInPath = Annotated[
    str, Path(description="A tenant's id, or `service`.", pattern="^(service|[0-9a-f-]{36})$")
]


_HOUR = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}$"
type HourInPath = Annotated[str, Path(description="An hour, in UTC, such as 2026-11-23T12.", pattern=_HOUR)]
type HourInQuery = Annotated[str, Query(description="An hour of `GET roots`; without, the newest.", pattern=_HOUR)]


class ShownLinked(BaseModel):
    """One link of a chain, with its entry as it is stored: null where the entry's row is gone."""

    model_config = ConfigDict(frozen=True)

    sequence: int
    previous: str
    hash: str
    id: str
    entry: dict[str, Any] | None


class ChainPage(BaseModel):
    """Links by sequence. *head*: as `GET chains` has it; *unlinked*: ids of entries between that have no link here."""

    model_config = ConfigDict(frozen=True)

    ledger: str
    head: Head | None
    links: tuple[ShownLinked, ...]
    unlinked: tuple[str, ...]


class Checkpoint(RequestBody):
    """The place up to which entries were exported and may be deleted. *export*: SHA-256 of the exported file."""

    sequence: int = Field(ge=1)
    hash: str = Field(pattern="^[0-9a-f]{64}$")
    export: str = Field(pattern="^[0-9a-f]{64}$")


class Export(RequestBody):
    """What left the installation as a file. *export*: its SHA-256."""

    export: str = Field(pattern="^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry that was added. *sequence*: its place in the chain."""

    id: str
    sequence: int


@router.get("/chains", **as_role("Reader"))
async def list_chains(clients: Neighbours) -> list[Head]:
    """The head of every chain: one for each tenant's ledger, also of tenants that were removed, and the service's.

    A chain that somebody took away with its head's row is there as the newest root has it.
    """
    return list((await known_heads(clients)).values())


@router.get("/chains/{ledger}", **as_role("Reader", 404))
async def get_chain(
    ledger: LedgerInPath,
    clients: Neighbours,
    after: Annotated[int, Query(ge=0, le=10**11, description="The sequence of the last link of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Links on a page.")] = LARGEST_PAGE,
) -> ChainPage:
    """A page of a chain, oldest first; the last page has fewer links than were asked for."""
    links, unlinked = await clients.storage.chains.page(ledger, after, limit)
    kept = await clients.storage.chains.heads.get(ledger)
    head = Head(ledger, kept.place.sequence, kept.place.hash) if kept else (await known_heads(clients)).get(ledger)
    if head is None and not (links or unlinked):
        raise UnknownChain(ledger)
    return ChainPage(
        ledger=ledger,
        head=head,
        links=tuple(ShownLinked(**asdict(each.link), entry=_shown(each)) for each in links),
        unlinked=tuple(unlinked),
    )


def _shown(linked: Linked) -> dict[str, Any] | None:
    return None if linked.entry is None else dict(linked.entry)


@router.get("/chains/{ledger}/proof", **as_role("Reader", 404))
async def get_proof(ledger: LedgerInPath, clients: Neighbours, at: HourInQuery | None = None) -> Proof:
    """The way from the chain's head, as it was at that hour, to the hour's root, which nobody can change."""
    if proof := await proof_of(ledger, clients, at or ""):
        return proof
    raise UnknownChain(ledger)


@router.get("/roots", **as_role("Reader"))
async def list_roots(clients: Neighbours) -> list[str]:
    """The hours, in UTC, whose Merkle root is kept where nobody can change it, oldest first."""
    return await clients.storage.anchors.hours()


@router.get("/roots/{hour}", **as_role("Reader", 404))
async def get_root(hour: HourInPath, clients: Neighbours) -> Anchor:
    """The root of an hour and the heads of all chains under it, in their order."""
    if anchor := await clients.storage.anchors.get(hour):
        return anchor
    raise UnknownRoot(hour)


@router.post("/chains/{ledger}/exports", status_code=201, **as_role("Reader", 400, 404, 415))
async def note_export(
    ledger: LedgerInPath,
    export: Annotated[Export, Strict, example({"export": "0" * 64})],
    caller: CallerName,
    clients: Neighbours,
) -> Noted:
    """Note in the service's own ledger that a chain was exported, by whom, and the file's hash."""
    await _head(ledger, clients)
    return await _note(SERVICE, "exported", {"ledger": ledger, "export": export.export}, caller, clients)


@router.post("/chains/{ledger}/checkpoints", status_code=201, **as_role("Admin", 400, 404, 415))
async def add_checkpoint(
    ledger: LedgerInPath,
    place: Annotated[Checkpoint, Strict, example({"sequence": 1200, "hash": "0" * 64, "export": "0" * 64})],
    caller: CallerName,
    clients: Neighbours,
) -> Noted:
    """Add the entry that a chain may begin after, once what is before was exported: nothing is deleted by this."""
    await _head(ledger, clients)
    links, _ = await clients.storage.chains.page(ledger, place.sequence - 1, 1)
    if not links or (links[0].link.sequence, links[0].link.hash) != (place.sequence, place.hash):
        raise BadField("body.hash", "should be the hash of the chain's entry with that sequence")
    return await _note(ledger, CHECKPOINT, place.model_dump(), caller, clients)


async def _head(ledger: str, clients: Clients) -> None:
    """Raises UnknownChain."""
    if await clients.storage.chains.heads.get(ledger) is None:
        raise UnknownChain(ledger)


async def _note(ledger: str, event: LedgerEvent, after: dict[str, Any], caller: str, clients: Clients) -> Noted:
    entry = Entry(at=clients.now(), tenant_id=ledger, event=event, after=after, actor=caller, requested_by=caller)
    await clients.storage.ledger.append(entry, announced=False)
    return Noted(entry.id, await clients.storage.chains.sequence_of(ledger, entry.id))
