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
from domain.controls import CATALOGUE
from domain.corrections import TRY_AGAIN_AFTER
from domain.exemption import Exemption
from domain.facts import Lane
from domain.findings import Finding, Inventory
from domain.ledger import Entry
from domain.mx_moves import MxMemories
from domain.states import ControlState
from domain.tenant import TenantConfig

_ROW = "controls"
_SOURCES = frozenset[str]().union(*(control.sources for control in CATALOGUE.values()))
_WITH_FINDINGS = 3
"""The version of rows from which they have findings."""
_BEFORE_FINDINGS = frozenset({"inbound-lockdown/address", "service-connectors/address"})
"""What a row of version 2 has begun to look for: other addresses were told of as drift."""
_NEWER = {control: ControlState(id=control, detail="newer version") for control in CATALOGUE}


@dataclass(frozen=True, slots=True)
class TenantStates:
    """Every control state of a tenant, by control id. *etag*: the version that was loaded, None for none yet.

    *exceptions*: accepted drift, by control id. *outbox*: the ledger entries of the last change. *mx*: what is
    remembered of the tenant's MX records. *looked*: when each lane was last looked at, whatever was seen. *findings*:
    by id, those that are there or were lately; *begun*: which kinds of them each control has looked for. *newer*: a
    later version wrote them, and nothing may be written over them.
    """

    controls: Mapping[str, ControlState] = field(default_factory=dict)
    exceptions: Mapping[str, Exemption] = field(default_factory=dict)
    mx: MxMemories = field(default_factory=MxMemories)
    looked: Mapping[Lane, AwareDatetime] = field(default_factory=dict)
    findings: Mapping[str, Finding] = field(default_factory=dict)
    begun: frozenset[str] = _SOURCES
    outbox: tuple[Entry, ...] = ()
    etag: str | None = None
    newer: bool = False

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

    def remembering(self, mx: MxMemories) -> Self:
        return replace(self, mx=mx)

    def inventory(self, tenant: TenantConfig, now: datetime) -> Inventory:
        """What is known of the tenant's findings before a look at *now*."""
        settled = frozenset(key for key, state in self.controls.items() if state.is_settled(now))
        return Inventory(self.findings, tenant.declared_at(now), settled, self.begun)

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
            return TenantStates(controls=_NEWER, newer=True)
        await self._copy(states.outbox)
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
            raise NewerRow(f"the states of tenant {tenant_id} were written by a later version")
        columns = {f"{lane}_at": at for lane, at in states.looked.items()}
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
        await self._copy(entries)
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

    async def _copy(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            await self._ledger.append(entry)


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
