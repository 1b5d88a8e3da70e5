"""What is seen of one tenant, and the promises that must hold of it all the time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import httpx

from domain.ledger import Entry
from domain.states import ControlState
from simulator.faults import is_write
from simulator.tenant import Tenant
from tests.lives import promises
from tests.lives.documented import DOCUMENTED, doors
from tests.lives.process import Microsoft, Process
from tests.lives.stage import Stage


@dataclass
class Witness:
    """Keeps what is seen of *tenant*, and looks at each write before it is answered."""

    stage: Stage
    tenant: Tenant
    changed_at: datetime
    entries: list[Entry] = field(default_factory=list)
    states: Mapping[str, ControlState] = field(default_factory=dict)
    writes: list[promises.Write] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    judged_writes: int = 0
    braked: bool = False
    lagging: bool = False

    async def answer(self, request: httpx.Request, microsoft: Microsoft, process: Process) -> httpx.Response:
        """Let *microsoft* answer. A write must have been announced before, and no brake be pulled."""
        match json.loads(request.content or b"null"):
            case {"CmdletInput": {"CmdletName": str(cmdlet), "Parameters": parameters}} if is_write(cmdlet):
                write = promises.Write(self.stage.service.clock(), cmdlet, parameters)
                await self._look_at(write, process)
                revision, before = self.tenant.revision, doors(self.tenant)
                try:
                    return await microsoft(request)
                finally:
                    self.writes.append(replace(write, changed=self.tenant.revision != revision))
                    moved = promises.no_door_moves_unguarded(before, doors(self.tenant), write)
                    if moved and not self.lagging:  # what lags shows a lock that is gone
                        self.broken.append(moved)
            case _:
                return await microsoft(request)

    async def _look_at(self, write: promises.Write, process: Process) -> None:
        newest = await self.stage.service.clients.storage.ledger.page(self.tenant.tenant_id, limit=50)
        announced = {promises.key_of(step) for entry in newest if entry.event == "applying" for step in entry.steps}
        if write.key not in announced:
            self.broken.append(f"not announced: {write.key}")
        if self.braked and not process.at_its_turn:
            self.broken.append(f"sent although the brake is pulled: {write.key}")

    def keep(self) -> None:
        """Look whether every promise holds that must hold at any moment."""
        assert not self.broken
        before = self.entries
        self.entries = self.stage.do(self.stage.service.ledger(self.tenant))
        self.states = self.stage.do(self.stage.states(self.tenant.tenant_id))
        promises.nothing_is_taken_away(before, self.entries)
        promises.every_proof_is_of_an_announcement(self.entries)
        promises.nothing_is_made_blindly_again(self.writes, self.entries)
        promises.every_state_can_be_explained(self.states)
        if not self.lagging:
            self._what_is_called_compliant_is()
            self._nothing_was_written_in_vain()
        self.judged_writes = len(self.tenant.writes)

    def _what_is_called_compliant_is(self) -> None:
        for state in self.states.values():
            if state.state == "compliant" and state.read_at and state.read_at > self.changed_at:
                assert DOCUMENTED[state.id](self.tenant), f"{state.id} is called compliant and is not"

    def _nothing_was_written_in_vain(self) -> None:
        deaf = {"Set-ProtectionAlert"} if self.tenant.switches.alert_set == "ignored" else set()
        done = [entry for entry in self.tenant.writes[self.judged_writes :] if 200 <= entry.status < 300]
        vain = [entry for entry in done if not entry.changed and entry.cmdlet not in deaf]
        assert not vain, f"written although equal: {vain}"
