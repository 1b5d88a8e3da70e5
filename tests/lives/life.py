"""One tenant's life: what happens to it, and its messages under way."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from domain.controls import CATALOGUE
from domain.corrections import PROOF_PATIENCE
from domain.jobs import RemediateTenant
from simulator import cmdlets
from tests.lives import promises
from tests.lives.mischief import DOMAIN, SCANNER, Deed, attempt
from tests.lives.process import Message, Process
from tests.lives.stage import Stage
from tests.lives.witness import Witness

_TENANT_IDS = (str(UUID(int=number)) for number in count(UUID("11fe0000-0000-4000-8000-000000000000").int))


def begin(stage: Stage, state: str, **switches: object) -> "Life":
    """A new tenant in a world of its own."""
    stage.do(stage.clear())
    world, clock = stage.service.world, stage.service.clock
    world.reset()
    clock.advance(hours=1)  # what DNS said of the one before is no longer kept
    tenant = world.add_tenant(DOMAIN, state=state, tenant_id=next(_TENANT_IDS), **switches)  # type: ignore[arg-type]
    life = Life(stage, tenant, changed_at=clock())
    life.configure()
    stage.witness = life
    return life


@dataclass
class Life(Witness):
    """A tenant, and the messages about it that are under way. *widowed*: a worker died with its lease."""

    under_way: list[Message] = field(default_factory=list)
    widowed: bool = False

    # --- what happens to it ------------------------------------------------------------------------------------------

    def configure(self, **config: Any) -> None:
        config = {"mx_at_filter_since": "2026-11-01T00:00:00Z"} | config
        self.stage.do(self.stage.service.look_after(self.tenant, service_connectors=[SCANNER], **config))

    def suffer(self, *deeds: Deed) -> None:
        """A person, another tool or Microsoft does something."""
        for deed in deeds:
            attempt(deed, self.tenant)
        self.changed_at = self.stage.service.clock()

    def is_proven(self, control: str) -> bool:
        """Whether a look has found *control* as documented: from then on what is new to it is drift."""
        return control in self.states and self.states[control].proven_once

    def lag(self, reads: int) -> None:
        self.tenant.lag(reads)
        self.lagging = self.lagging or reads > 0

    def catch_up(self) -> None:
        """Replication is done: readers see the truth."""
        self.tenant.lag(0)
        for query in {query for control in CATALOGUE.values() for query in control.queries}:
            for _ in range(20):
                cmdlets.run(self.tenant, query.cmdlet, dict(query.parameters))
        self.lagging = False
        self.changed_at = self.stage.service.clock()

    def pass_time(self, duration: timedelta) -> None:
        """Time passes; the lease of a worker that died runs out."""
        self.stage.service.clock.advance(seconds=duration.total_seconds())
        if self.widowed:
            self.stage.do(self.stage.end_lease(self.tenant.tenant_id))
            self.widowed = False

    def brake(self, *, engaged: bool) -> None:
        self.stage.do(self.switch_brake(engaged=engaged))

    async def switch_brake(self, *, engaged: bool) -> None:
        self.braked = engaged
        await self.stage.switch_brake(engaged=engaged)

    # --- its messages ------------------------------------------------------------------------------------------------

    def ask_for(self, *controls: str) -> None:
        """A person asks for controls to be put back now."""
        asked_at = self.stage.service.clock()
        job = RemediateTenant(tenant_id=self.tenant.tenant_id, controls=controls, requested_by="ann", asked_at=asked_at)
        self.under_way.append(Message("remediations", job.body.encode()))

    def sweep(self, *lanes: str) -> None:
        self.under_way += self.stage.do(self.stage.sweep(*lanes))

    def look(self) -> None:
        """A sweep whose checks are done and whose remediations are still under way."""
        self.sweep()
        for message in [message for message in self.under_way if message.queue == "checks"]:
            self.deliver(message)

    def deliver(self, message: Message, process: Process | None = None) -> None:
        """Hand *message* to a worker. It stays under way when the worker dies of it."""
        self.stage.do(self._deliver(message, process or Process()))
        self.keep()

    async def _deliver(self, message: Message, process: Process) -> None:
        lived = await self.stage.handle(message, process)
        self.widowed = self.widowed or not lived
        if lived and message in self.under_way:
            self.under_way.remove(message)
        self.under_way += self.stage.collect()

    def overtaken_by(self, message: Message, turn: int) -> Process:
        """A process that stands still before its effect number *turn* until another has worked on *message*."""
        return Process(turn, lambda: self._deliver(message, Process()))

    def work(self) -> None:
        """Deliver everything under way, and what comes of it, once each; what is put back waits."""
        waiting = list(self.under_way)
        while waiting:
            for message in waiting:
                self.deliver(message)
            waiting = [message for message in self.under_way if not message.put_back and message not in waiting]

    def settle(self) -> None:
        """Quiet sweeps, each as long after the last as a write may take to show, until nothing moves any more."""
        for _ in range(8):
            self.under_way.clear()
            before = (len(self.writes), len(self.entries))
            self.sweep()
            self.work()
            corrections = [state for state in self.states.values() if state.corrections]
            if not corrections and before == (len(self.writes), len(self.entries)):
                promises.every_write_is_accounted_for(self.writes, self.entries)
                promises.everything_is_at_rest(self.states)
                return
            self.pass_time(PROOF_PATIENCE)
        raise AssertionError(f"it does not come to rest: {[(e.control, e.event, e.detail) for e in self.entries[-9:]]}")
