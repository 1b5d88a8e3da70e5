"""The control states of each tenant: one row a tenant, so that a check is one read and one conditional write.

A change of state and its ledger entry belong together, and the two tables know no common transaction. So the entries
are written with the states (the outbox) and copied to the ledger right after; the next load of the states copies
again what a crash left behind, and a copy that is there already is left alone.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime, TypeAdapter

from clients.storage.documents import NewerRow, body, pack, unpack
from clients.storage.ledger import LedgerTable
from domain.approval import Approval
from domain.controls import CATALOGUE, in_lane
from domain.corrections import TRY_AGAIN_AFTER
from domain.exemption import Exemption
from domain.findings import Finding, Inventory, Removal
from domain.ledger import Entry
from domain.lock import LockSeen
from domain.mx_moves import MxMemories
from domain.reading import Lane
from domain.states import ControlState
from domain.tenant import TenantConfig

_ROW = "controls"
_SOURCES = frozenset[str]().union(*(control.sources for control in CATALOGUE.values()))
_WITH_FINDINGS = 3
"""The version of rows from which they have findings."""
_BEFORE_FINDINGS = frozenset({"inbound-lockdown/address", "service-connectors/address"})
"""What a row of version 2 has begun to look for: other addresses were told of as drift."""


@dataclass(frozen=True, slots=True)
class TenantStates:
    """Every control state of a tenant, by control id. *etag*: the version that was loaded, None for none yet.

    *exceptions*: accepted drift, by control id. *outbox*: the ledger entries of the last change. *mx*: what is
    remembered of the tenant's MX records. *lock*: what the last good read showed of the lock. *approvals*: by step key,
    what a person answers for. *looked*: when each lane was last looked at, whatever was seen. *findings*: by id, those
    that are there or were lately; *begun*: which kinds of them each control has looked for. *newer*: a
    later version wrote them, or they make no sense: nothing may be written over them.
    """

    controls: Mapping[str, ControlState] = field(default_factory=dict)
    exceptions: Mapping[str, Exemption] = field(default_factory=dict)
    mx: MxMemories = field(default_factory=MxMemories)
    lock: LockSeen | None = None
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    looked: Mapping[Lane, AwareDatetime] = field(default_factory=dict)
    findings: Mapping[str, Finding] = field(default_factory=dict)
    begun: frozenset[str] = _SOURCES
    outbox: tuple[Entry, ...] = ()
    etag: str | None = None
    newer: bool = False

    @property
    def unread_since(self) -> datetime | None:
        """Since when nothing of Exchange can be read; None where something can, or no look was taken yet."""
        fast = [self.of(each) for each in in_lane("fast")]
        since = [each.since for each in fast if each.state == "unknown" and each.since]
        read = any(each.state not in {"unknown", "not_applicable"} for each in fast)
        return max(since) if since and not read else None

    def of(self, control_id: str) -> ControlState:
        return self.controls.get(control_id, ControlState(id=control_id))

    def with_changes(self, changed: Mapping[str, ControlState]) -> Self:
        return replace(self, controls={**self.controls, **changed})

    def excepting(self, changed: Mapping[str, Exemption | None]) -> Self:
        """The same with other exceptions; None takes one away."""
        kept = {control: each for control, each in {**self.exceptions, **changed}.items() if each}
        return replace(self, exceptions=kept)

    def looked_at(self, lanes: Iterable[Lane], now: datetime) -> Self:
        return replace(self, looked={**self.looked, **dict.fromkeys(lanes, now)})

    def looked_since(self, lanes: Iterable[Lane], moment: datetime) -> bool:
        """Whether every one of *lanes* was looked at since *moment*."""
        return all(lane in self.looked and self.looked[lane] >= moment for lane in lanes)

    def remembering(self, mx: MxMemories) -> Self:
        return replace(self, mx=mx)

    def seeing(self, lock: LockSeen | None) -> Self:
        """The same after a look at the lock; None is one that tells nothing, and an older one tells nothing new."""
        known = lock is None or (self.lock is not None and lock.at <= self.lock.at)
        return self if known else replace(self, lock=lock)

    def approving(self, steps: Iterable[str], approval: Approval | None, now: datetime) -> Self:
        """The same with *approval*, if there is one, of the steps of these keys; one that is over is not kept."""
        kept = {key: each for key, each in self.approvals.items() if each.counts_at(now)}
        return replace(self, approvals=kept | (dict.fromkeys(steps, approval) if approval else {}))

    def inventory(self, tenant: TenantConfig, now: datetime) -> Inventory:
        """What is known of the tenant's findings before a look at *now*."""
        settled = frozenset(key for key, state in self.controls.items() if state.is_settled(now))
        unwanted = frozenset(key for key, each in self.findings.items() if each.removing)
        return Inventory(self.findings, tenant.declared_at(now), settled, self.begun, unwanted)

    def marking(self, mark: Removal) -> Self:
        """The same with one finding marked as *mark* says."""
        finding = self.findings.get(mark.finding)
        if finding is None:
            return self
        marked = replace(finding, removing=mark.operation, gone_at=mark.gone_at or finding.gone_at)
        return replace(self, findings={**self.findings, mark.finding: marked})

    def noting(self, findings: Iterable[Finding], now: datetime) -> Self:
        """The same with *findings* that tell of what was done."""
        noted = {each.id: replace(each, since=now, noted=True) for each in findings}
        return replace(self, findings={**self.findings, **noted})

    def with_inventory(self, inventory: Inventory) -> Self:
        """The same with what a look made of *inventory*."""
        return replace(self, findings=inventory.known, begun=inventory.begun)


class StatesMoved(Exception):  # noqa: N818 - an outcome, not a fault: somebody wrote first
    """The states changed since they were loaded: what was read may be older than what they say now. Look again."""


class StateTable:
    """Table `states`."""

    def __init__(self, table: TableClient, ledger: LedgerTable) -> None:
        self._table = table
        self._ledger = ledger

    async def load(self, tenant_id: str) -> TenantStates:
        """The tenant's states; each is unknown where a later version wrote them."""
        try:
            entity = await self._table.get_entity(tenant_id, _ROW)
        except ResourceNotFoundError:
            return TenantStates()
        try:
            states = _read(entity)
        except NewerRow:
            return TenantStates(controls=_unknown("newer version"), newer=True)
        except ValueError:  # one tenant's trouble, and shown as such
            return TenantStates(controls=_unknown("what is stored of it makes no sense"), newer=True)
        await self._ledger.ensure(states.outbox)
        return replace(states, etag=entity.metadata["etag"], outbox=())

    async def save(self, tenant_id: str, states: TenantStates, entries: Sequence[Entry] = ()) -> TenantStates:
        """Write *states* if no other worker wrote since they were loaded, and add *entries* to the ledger.

        Returns:
            The same with the new version, for the next save.

        Raises:
            StatesMoved: Somebody wrote first. Nothing was written, no entry added.
            NewerRow: A later version wrote them. As above.
        """
        if states.newer:
            raise NewerRow(f"the states of tenant {tenant_id} are none that this version can read")
        columns = {f"{lane}_at": at for lane, at in states.looked.items()}
        columns |= {"unread_since": states.unread_since} if states.unread_since else {}
        kept = replace(states, etag=None, outbox=tuple(entries))
        entity = pack(tenant_id, _ROW, kept, **columns)
        try:
            if states.etag is None:
                written = await self._table.create_entity(entity)
            else:
                written = await self._table.update_entity(
                    entity, mode=UpdateMode.REPLACE, etag=states.etag, match_condition=MatchConditions.IfNotModified
                )
        except (ResourceExistsError, ResourceModifiedError) as error:
            raise StatesMoved(f"the states of tenant {tenant_id} were changed by somebody else") from error
        await self._ledger.append(*entries)
        return replace(states, etag=written["etag"])

    async def change(
        self, tenant_id: str, change: Callable[[TenantStates], tuple[TenantStates, Sequence[Entry]]]
    ) -> None:
        """Save what *change* makes of the states, with its entries. It is called again if another worker wrote."""
        while True:
            after, entries = change(await self.load(tenant_id))
            try:
                await self.save(tenant_id, after, entries)
            except StatesMoved:
                continue
            return

    async def looked(self, lane: Lane) -> dict[str, datetime]:
        """When each tenant's *lane* was last looked at, by tenant id, without reading what was seen."""
        column = f"{lane}_at"
        query = self._table.query_entities("RowKey eq @row", parameters={"row": _ROW}, select=["PartitionKey", column])
        return {row["PartitionKey"]: row[column] async for row in query if row.get(column)}

    async def unread_since(self, moment: datetime) -> dict[str, datetime]:
        """The tenants of whose Exchange nothing could be read since *moment*, each with since when."""
        query = self._table.query_entities(
            "RowKey eq @row and unread_since lt @moment",
            parameters={"row": _ROW, "moment": moment},
            select=["PartitionKey", "unread_since"],
        )
        return {row["PartitionKey"]: row["unread_since"] async for row in query}


def _unknown(detail: str) -> dict[str, ControlState]:
    return {control: ControlState(id=control, detail=detail) for control in CATALOGUE}


_STATES: TypeAdapter[TenantStates] = TypeAdapter(TenantStates)


def _read(entity: dict[str, Any]) -> TenantStates:
    version = entity.get("version", 1)
    states = unpack(TenantStates, entity) if version > 1 else _of_version_1(entity)
    return replace(states, begun=_BEFORE_FINDINGS) if version < _WITH_FINDINGS else states


def _of_version_1(entity: dict[str, Any]) -> TenantStates:
    """What a row says that was written before each step had one memory, and its correction a phase."""
    row = json.loads(body(entity))
    for control in row.get("controls", {}).values():
        group = control.pop("correction", None) or {"changes": ()}
        tried, missed, made = (control.pop(name, {}) for name in ("tried", "missed", "made"))
        memories = {key: _memory(tried.get(key), missed.get(key), made.get(key)) for key in {*tried, *missed, *made}}
        control["corrections"] = [
            change
            | {"entry": group["entry"], "seen_at": group["seen_at"], "phase": _phase(change)}
            | {"memory": memories.pop(change["key"], {})}
            for change in group["changes"]
        ]
        control["memories"] = memories
    return _STATES.validate_python(row)


def _phase(change: dict[str, Any]) -> str:
    if change["sent_at"] is None:
        return "planned"
    return "answered" if change["answered"] else "sent"


def _memory(tried: dict[str, Any] | None, missed: dict[str, Any] | None, made: str | None) -> dict[str, Any]:
    memory: dict[str, Any] = {"proven_at": made}
    if tried:
        due_at = datetime.fromisoformat(tried["at"]) + TRY_AGAIN_AFTER
        memory |= {"failed_at": tried["at"], "due_at": due_at, "why": tried["why"]}
        memory["patient_until"] = tried["patient_until"]
    if missed:
        memory |= {"hindrance": missed["reason"], "jobs": missed["jobs"]}
    return memory
