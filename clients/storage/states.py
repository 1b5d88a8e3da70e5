"""The control states of each tenant: one row a tenant, so that a check is one read and one conditional write.

A change of state and its ledger entry belong together, and the two tables know no common transaction. So the entries
are written with the states (the outbox) and copied to the ledger right after; the next load of the states copies
again what a crash left behind, and a copy that is there already is left alone.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableEntity
from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime

from clients.storage.documents import NewerRow, body, log_unreadable, pack, read_body
from clients.storage.fleet_index import FleetIndex
from clients.storage.ledger import LedgerTable
from clients.storage.rows import RowMoved, replace_row, written_at
from clients.storage.states_version_1 import upgraded
from clients.storage.together import TenantRows, together_with
from domain.approval import Approval
from domain.control import WHOLE
from domain.controls import CATALOGUE
from domain.exemption import Exemption
from domain.findings import FIRST_SIGHT_AFTER, Finding, Inventory, Removal
from domain.fleet_index import Summary
from domain.ledger import Entry
from domain.lock import LockSeen
from domain.mail_flow import MailSeen
from domain.mx_moves import MxMemories
from domain.reading import Lane
from domain.states import ControlState
from domain.tenant import TenantConfig

_FORMER_ROW = "controls"
_SOURCES = frozenset[str]().union(*(control.sources for control in CATALOGUE.values()))
_WITH_FINDINGS = 3
"""The version of rows from which they have findings."""
_TOLD_AS_DRIFT = frozenset({
    "inbound-lockdown/address", "inbound-lockdown/term", "service-connectors/address", "service-connectors/term",
    "oof-connector/term", "oof-rule/term", "spoof-allow/term",
})  # fmt: skip
"""What every row has begun to look for: before these were findings they were drift."""


@dataclass(frozen=True, slots=True)
class TenantStates:
    """Every control state of a tenant, by control id. *etag*: the version that was loaded, None for none yet.

    *exceptions*: accepted drift, by control id. *outbox*: the ledger entries of the last change. *mx*: what is
    remembered of the tenant's MX records. *lock*: what the last good read showed of the lock. *approvals*: by step key,
    what a person answers for. *looked*: when each lane was last looked at, whatever was seen; *answered*: by control,
    when the last look at it that was asked for began. *findings*: by id, those that are there or were lately; *begun*:
    which kinds of them each control has looked for. *mail*: what the message trace has told. *loosened*: by connector,
    the restrictions of declared ones that the way out took off and that are to come back. *followed*: by control with
    corrections, until when the message that follows them is expected. *newer*: a later version wrote them, or they make
    no sense: nothing may be written over them. *summary*: what the index of the fleet says of them, where that is
    known.
    """

    controls: Mapping[str, ControlState] = field(default_factory=dict)
    exceptions: Mapping[str, Exemption] = field(default_factory=dict)
    mx: MxMemories = field(default_factory=MxMemories)
    lock: LockSeen | None = None
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    looked: Mapping[Lane, AwareDatetime] = field(default_factory=dict)
    answered: Mapping[str, AwareDatetime] = field(default_factory=dict)
    findings: Mapping[str, Finding] = field(default_factory=dict)
    begun: frozenset[str] = _SOURCES
    mail: MailSeen = field(default_factory=MailSeen)
    loosened: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outbox: tuple[Entry, ...] = ()
    etag: str | None = None
    followed: Mapping[str, AwareDatetime] = field(default_factory=dict)
    newer: bool = False
    summary: Summary | None = None

    def of(self, control_id: str) -> ControlState:
        return self.controls.get(control_id) or ControlState(id=control_id)

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

    def answering(self, controls: Iterable[str], began: datetime) -> Self:
        """The same after a look at *controls* that was asked for and *began* then."""
        return replace(self, answered={**self.answered, **dict.fromkeys(controls, began)})

    def answers(self, controls: Iterable[str], asked_at: datetime) -> bool:
        """Whether looks that were asked for and began since *asked_at* saw every one of *controls*."""
        return all(each in self.answered and self.answered[each] >= asked_at for each in controls)

    def remembering(self, mx: MxMemories) -> Self:
        return replace(self, mx=mx)

    def seeing(self, lock: LockSeen | None) -> Self:
        """The same after a look at the lock; None is one that tells nothing, and an older one tells nothing new."""
        if lock is None or (self.lock is not None and lock.at <= self.lock.at):
            return self
        former = self.lock.scope if self.lock else None
        return replace(self, lock=replace(lock, scope=former) if lock.scope is None else lock)

    def hearing(self, mail: MailSeen) -> Self:
        """The same with what the message trace has told."""
        return replace(self, mail=mail)

    def approving(self, steps: Iterable[str], approval: Approval | None, now: datetime) -> Self:
        """The same with *approval*, if there is one, of the steps of these keys; one that is over is not kept."""
        kept = {key: each for key, each in self.approvals.items() if each.counts_at(now)}
        return replace(self, approvals=kept | (dict.fromkeys(steps, approval) if approval else {}))

    def inventory(self, tenant: TenantConfig, now: datetime) -> Inventory:
        """What is known of the tenant's findings before a look at *now*."""
        read = {key: state for key, state in self.controls.items() if key in CATALOGUE and state.is_settled(now)}
        new = {key: state.new_to(CATALOGUE[key].asks(tenant)) for key, state in read.items()}
        settled = frozenset(key for key, objects in new.items() if WHOLE not in objects)
        services = frozenset[str]().union(*new.values()) - {WHOLE}
        unwanted = frozenset(key for key, each in self.findings.items() if each.removing)
        return Inventory(
            known=self.findings,
            declared=tenant.declared_at(now),
            settled=settled,
            begun=self.begun,
            unwanted=unwanted,
            mail=self.mail,
            loosened=self.loosened,
            lock=self.lock,
            unsettled=services,
        )

    def was_locked_when_last_seen(self, now: datetime) -> bool:
        """Whether some connector refused mail at the last good look; what nobody could read for long is forgotten."""
        lock, seen_at = self.of("inbound-lockdown"), self.mx.locked_at
        if lock.state == "compliant":
            seen_at = lock.read_at
        elif seen_at and lock.read_at and lock.read_at > seen_at:
            seen_at = None
        return seen_at is not None and now - seen_at < FIRST_SIGHT_AFTER

    def marking(self, mark: Removal) -> Self:
        """The same with one finding marked as *mark* says."""
        finding = self.findings.get(mark.finding)
        if finding is None:
            return self
        gone_at = mark.gone_at or finding.gone_at
        marked = replace(finding, removing=mark.operation, gone_at=gone_at, held=mark.held)
        taken_away = mark.gone_at if finding.kind == "bypass" and finding.gone_at is None else None
        mail = self.mail.changed(taken_away, fewer=True) if taken_away else self.mail
        return replace(self, findings={**self.findings, mark.finding: marked}, mail=mail)

    def naming(self, findings: frozenset[str], actor: str) -> Self:
        """The same with who made *findings*, by id."""
        made = {key: replace(self.findings[key], actor=actor) for key in findings & self.findings.keys()}
        return replace(self, findings={**self.findings, **made})

    def noting(self, findings: Iterable[Finding], loosened: Mapping[str, tuple[str, ...]], now: datetime) -> Self:
        """The same with what the way out does: *findings* that tell of it, and what it has *loosened*."""
        noted = {each.id: replace(each, since=now, noted=True) for each in findings}
        return replace(self, findings={**self.findings, **noted}, loosened={**self.loosened, **loosened})

    def seeing_closed(self, connectors: Iterable[str], now: datetime) -> Self:
        """The same once *connectors* were seen to refuse mail; what does while held open is an older replica's."""
        held = self.exceptions.get("inbound-lockdown")
        if not self.loosened or (held and held.holds_at(now)):
            return self
        closed = set(connectors)
        return replace(self, loosened={key: each for key, each in self.loosened.items() if key not in closed})

    def following(self, until: Mapping[str, datetime]) -> Self:
        """The same with other times until which messages are expected; of controls that wait for a proof alone."""
        merged = {**self.followed, **until}
        return replace(self, followed={each: at for each, at in merged.items() if self.of(each).corrections})

    def is_followed(self, control_id: str, now: datetime) -> bool:
        """Whether a message that follows the corrections of a control is expected: another would only add reads."""
        return bool(self.of(control_id).corrections) and control_id in self.followed and now < self.followed[control_id]

    def summarised(self) -> Summary:
        """What the index of the fleet is to say."""
        summary = Summary.of(self.controls, self.findings.values())
        return replace(summary, followed=min(self.followed.values(), default=None))

    def with_inventory(self, inventory: Inventory) -> Self:
        """The same with what a look made of *inventory*."""
        return replace(self, findings=inventory.known, begun=inventory.begun)


class StatesMoved(Exception):  # noqa: N818 - an outcome, not a fault: somebody wrote first
    """The states changed since they were loaded: what was read may be older than what they say now. Look again."""


class StateTable:
    """The states in table `states`: one row a tenant, beside what else is kept of it (`together.py`)."""

    def __init__(self, table: TableClient, rows: TenantRows, ledger: LedgerTable, index: FleetIndex) -> None:
        self._table = table
        self._rows = rows
        self._ledger = ledger
        self._index = index

    async def load(self, tenant_id: str) -> TenantStates:
        """The tenant's states as they are now; each is unknown where a later version wrote them."""
        row = await self._rows.read(tenant_id)
        return await self._opened(row) if row else await self._former(tenant_id)

    async def recall(self, tenant_id: str) -> TenantStates:
        """As `load`, from what was read together with others, if it was: the next save tells whether it is still so."""
        together = together_with(tenant_id)
        if together is None:
            return await self.load(tenant_id)
        known = together.opened.get(tenant_id)
        if isinstance(known, TenantStates):
            return known
        row = together.rows.get(tenant_id)
        states = await self._opened(row) if row else await self._former(tenant_id)
        together.opened[tenant_id] = states
        return states

    async def _opened(self, row: TableEntity) -> TenantStates:
        try:
            states = _read(row)
        except NewerRow:
            return TenantStates(controls=_unknown("newer version", row), newer=True)
        except ValueError as error:  # one tenant's trouble, and shown as such
            log_unreadable("body", row, error)
            return TenantStates(controls=_unknown("what is stored of it makes no sense", row), newer=True)
        await self._ledger.ensure(states.outbox)
        return replace(states, etag=str(row.metadata["etag"]), outbox=(), summary=states.summarised())

    async def _former(self, tenant_id: str) -> TenantStates:
        """From the row where they stood before those of a minute stood together: it is read, and left as it is."""
        try:
            row = await self._table.get_entity(tenant_id, _FORMER_ROW)
        except ResourceNotFoundError:
            return TenantStates()
        return replace(await self._opened(row), etag=None, summary=None)

    async def save(self, tenant_id: str, states: TenantStates, entries: Sequence[Entry] = ()) -> TenantStates:
        """Write *states* if no other worker wrote since they were loaded, and add *entries* to the ledger.

        Where rows are read together, and there are no *entries*, they are written with those of the others.

        Returns:
            The same with the new version, for the next save.

        Raises:
            StatesMoved: Somebody wrote first. Nothing was written, no entry added.
            NewerRow: A later version wrote them. As above.
        """
        if states.newer:
            raise NewerRow(f"the states of tenant {tenant_id} are none that this version can read")
        kept = replace(states, etag=None, summary=None, outbox=tuple(entries))
        entity = pack(*self._rows.named(tenant_id), kept)
        together = together_with(tenant_id)
        if together and together.deferring and states.etag and not entries:
            together.waiting[tenant_id] = (entity, states.etag)
            together.opened[tenant_id] = states
            return states
        try:
            etag = await replace_row(self._table, entity, states.etag)
        except RowMoved as error:
            if together:
                together.waiting.pop(tenant_id, None)
                together.opened[tenant_id] = await self.load(tenant_id)
            raise StatesMoved(f"the states of tenant {tenant_id} were changed by somebody else") from error
        after = replace(states, etag=etag, summary=states.summarised())
        if together:
            together.waiting.pop(tenant_id, None)
            together.opened[tenant_id] = after
        await asyncio.gather(self._ledger.append(*entries), self._show(tenant_id, states.summary, after.summary))
        return after

    async def _show(self, tenant_id: str, before: Summary | None, after: Summary | None) -> None:
        """Have the index of the fleet say it; where tenants are visited together, the visit does so for all."""
        together = together_with(tenant_id)
        if after and after != before and not (together and together.deferring):
            await self._index.see({tenant_id: after})

    async def change(
        self, tenant_id: str, change: Callable[[TenantStates], tuple[TenantStates, Sequence[Entry]]]
    ) -> None:
        """Save what *change* makes of the states, with its entries. It is called again if another worker wrote."""
        while True:
            after, entries = change(await self.recall(tenant_id))
            try:
                await self.save(tenant_id, after, entries)
            except StatesMoved:
                continue
            return


def _unknown(detail: str, row: TableEntity) -> dict[str, ControlState]:
    """Every control, unknown since *row* was written."""
    since = written_at(row)
    return {control: ControlState(id=control, since=since, detail=detail) for control in CATALOGUE}


def _read(entity: dict[str, Any]) -> TenantStates:
    version = entity.get("version", 1)
    text = body(entity)
    states = read_body(TenantStates, json.dumps(upgraded(json.loads(text))) if version == 1 else text)
    begun = states.begun if version >= _WITH_FINDINGS else frozenset[str]()
    return replace(states, begun=begun | _TOLD_AS_DRIFT)
