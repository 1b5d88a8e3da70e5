"""One tenant's life on the service: who delivers its messages, ends its processes and watches its promises."""

import asyncio
import json
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobLeaseClient, BlobServiceClient

from clients.connect import connect
from clients.storage.documents import unpack
from clients.storage.states import TenantStates
from domain.corrections import PROOF_PATIENCE
from domain.gate import Brake
from domain.jobs import RemediateTenant
from domain.ledger import Entry
from domain.states import ControlState
from handlers import check, remediate, sweep
from simulator import cmdlets
from simulator.faults import is_write
from simulator.tenant import Tenant
from tests.lives import promises
from tests.lives.documented import DOCUMENTED
from tests.lives.mischief import DOMAIN, SCANNER, Deed, attempt
from tests.lives.process import Answer, Posted, Process, watch
from tests.service.harness import Service

_HANDLERS = {"checks": check.run, "remediations": remediate.run}
_TENANT_IDS = (str(UUID(int=number)) for number in count(UUID("11fe0000-0000-4000-8000-000000000000").int))


class Message(NamedTuple):
    """A queue message in the hands of the test."""

    queue: str
    body: bytes

    @property
    def put_back(self) -> bool:
        """Whether a worker left it for later."""
        return bool(json.loads(self.body)["attempt"])


class Stage:
    """Where lives are played, one after the other. Everything asynchronous runs on the one *runner*."""

    def __init__(
        self, runner: asyncio.Runner, service: Service, tables: TableServiceClient, blobs: BlobServiceClient
    ) -> None:
        self.service, self.tables, self.blobs = service, tables, blobs
        self.posted: list[Posted] = []
        self.life: Life | None = None
        self._runner = runner

    def do[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def answer(request: httpx.Request, microsoft: Answer) -> httpx.Response:
            return await (self.life.answer(request, microsoft) if self.life else microsoft(request))

        self.posted = watch(self.service, monkeypatch, answer)

    def begin(self, state: str, **switches: object) -> "Life":
        """A new tenant in a world of its own."""
        self.end()
        world = self.service.world
        world.reset()
        self.service.clock.advance(hours=1)  # what DNS said of the one before is no longer kept
        tenant = world.add_tenant(DOMAIN, state=state, tenant_id=next(_TENANT_IDS), **switches)  # type: ignore[arg-type]
        self.life = Life(self, tenant, changed_at=self.service.clock())
        self.life.configure()
        return self.life

    def end(self) -> None:
        """The life that was played, if any, is no part of the next: not of its sweeps, nor of its blast radius."""
        if self.life:
            self.do(self.life.end())


@dataclass
class Life:
    """One tenant, the messages about it that are under way, and what was seen of its promises."""

    stage: Stage
    tenant: Tenant
    changed_at: datetime
    under_way: list[Message] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    writes: list[promises.Write] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    judged_writes: int = 0
    braked: bool = False
    lagging: bool = False
    widowed: bool = False

    @property
    def service(self) -> Service:
        return self.stage.service

    # --- what happens to it ------------------------------------------------------------------------------------------

    def configure(self, **config: Any) -> None:
        config |= {"mx_at_filter_since": "2026-11-01T00:00:00Z"}  # where nobody looks for days, too
        self.stage.do(self.service.look_after(self.tenant, service_connectors=[SCANNER], **config))

    def suffer(self, deed: Deed) -> None:
        """A person, another tool or Microsoft does something."""
        attempt(deed, self.tenant)
        self.changed_at = self.service.clock()

    def lag(self, reads: int) -> None:
        self.tenant.lag(reads)
        self.lagging = self.lagging or reads > 0

    def catch_up(self) -> None:
        """Replication is done: readers see the truth."""
        self.tenant.lag(0)
        for cmdlet in cmdlets.CATALOGUE.values():
            if cmdlet.name.startswith("Get-"):
                for _ in range(10):
                    cmdlets.run(self.tenant, cmdlet.name, {})
        self.lagging = False
        self.changed_at = self.service.clock()

    def pass_time(self, duration: timedelta) -> None:
        """Time passes; the lease of a worker that died runs out."""
        self.service.clock.advance(seconds=duration.total_seconds())
        if self.widowed:
            self.stage.do(self._end_lease())

    async def _end_lease(self) -> None:
        blob = self.stage.blobs.get_blob_client("leases", self.tenant.tenant_id)
        with suppress(HttpResponseError):  # it died without a lease
            await BlobLeaseClient(blob).break_lease(lease_break_period=0)
        self.widowed = False

    def brake(self, *, engaged: bool) -> None:
        self.braked = engaged
        brake = Brake(engaged=engaged, reason="a person pulled it" if engaged else "")
        self.stage.do(self.service.clients.storage.switches.set_brake(brake))

    async def end(self) -> None:
        storage = self.service.clients.storage
        await storage.tenants.delete(self.tenant.tenant_id)
        await storage.written.release(self.tenant.tenant_id)
        if self.braked:
            await storage.switches.set_brake(Brake())

    # --- its messages ------------------------------------------------------------------------------------------------

    def ask_for(self, *controls: str) -> None:
        """A person asks for controls to be put back now."""
        job = RemediateTenant(
            tenant_id=self.tenant.tenant_id, controls=controls, requested_by="ann", asked_at=self.service.clock()
        )
        self.under_way.append(Message("remediations", job.body.encode()))

    def sweep(self, *lanes: Any) -> None:
        self.stage.do(self._sweep(lanes or ("fast", "slow")))

    async def _sweep(self, lanes: tuple[Any, ...]) -> None:
        await asyncio.gather(*(sweep.run(lane, 0, self.service.clients) for lane in lanes))
        await self._collect()

    def look(self) -> None:
        """A sweep whose checks are done and whose remediations are still under way."""
        self.sweep()
        for message in [message for message in self.under_way if message.queue == "checks"]:
            self.deliver(message)

    async def _collect(self) -> None:
        """Take what was put on the queues; what was put there for later too: when that is, the test decides."""
        posted = [self.stage.posted.pop() for _ in list(self.stage.posted)]
        for queue in sorted({post.queue for post in posted}):
            async with self.service.queues.get_queue_client(queue) as client:
                for post in posted:
                    if post.hidden and post.queue == queue:
                        await client.update_message(post.message_id, post.receipt, visibility_timeout=0)
                async for message in client.receive_messages(max_messages=len(posted)):
                    self.under_way.append(Message(queue, message.content.encode()))
                    await client.delete_message(message)

    def deliver(self, message: Message, process: Process | None = None) -> None:
        """Hand *message* to a worker. It stays under way when the worker dies of it."""
        self.stage.do(self._deliver(message, process or Process()))
        self.keep()

    async def _deliver(self, message: Message, process: Process) -> None:
        if await self.handle(message, process) and message in self.under_way:
            self.under_way.remove(message)
        await self._collect()

    async def handle(self, message: Message, process: Process) -> bool:
        """Whether *message* was worked on to its end."""
        others = asyncio.all_tasks()
        try:
            with process.running():
                await _HANDLERS[message.queue](message.body, self.service.clients)
        except BaseException:
            if not process.dead:
                raise
        if process.dead:
            await self._bury(asyncio.all_tasks() - others)
        return not process.dead

    async def _bury(self, orphans: Iterable[asyncio.Task[Any]]) -> None:
        """What the dead process had begun comes to nothing, and a new process remembers nothing of it."""
        for orphan in orphans:
            orphan.cancel()
        await asyncio.gather(*orphans, return_exceptions=True)
        self.widowed = True
        old = self.service.clients
        self.service.clients = replace(await connect(old.settings, now=self.service.clock), rereads_s=old.rereads_s)
        await old.aclose()

    def overtaken_by(self, message: Message, turn: int) -> Process:
        """A process that stands still before its effect number *turn* until another has worked on *message*."""

        async def meanwhile() -> None:
            await self.handle(message, Process())

        return Process(turn, meanwhile)

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
            corrections = [state for state in self.states.values() if state.correction]
            if not corrections and before == (len(self.writes), len(self.entries)):
                return
            self.pass_time(PROOF_PATIENCE)
        raise AssertionError(f"it does not come to rest: {[(e.control, e.event, e.detail) for e in self.entries[-9:]]}")

    # --- what is seen of it ------------------------------------------------------------------------------------------

    @property
    def states(self) -> dict[str, ControlState]:
        """As stored: loading them as the service does would mend what a crash left."""
        return self.stage.do(self._states())

    async def _states(self) -> dict[str, ControlState]:
        try:
            entity = await self.stage.tables.get_table_client("states").get_entity(self.tenant.tenant_id, "controls")
        except ResourceNotFoundError:
            return {}
        return unpack(TenantStates, entity).controls

    async def _ledger_and_states(self) -> tuple[list[Entry], dict[str, ControlState]]:
        return await asyncio.gather(self.service.ledger(self.tenant), self._states())

    async def answer(self, request: httpx.Request, microsoft: Answer) -> httpx.Response:
        """Let *microsoft* answer. A write must have been announced before, and no brake be pulled."""
        match json.loads(request.content):
            case {"CmdletInput": {"CmdletName": str(cmdlet), "Parameters": parameters}} if is_write(cmdlet):
                write = promises.Write(self.service.clock(), cmdlet, parameters)
                await self._watch(write)
                revision = self.tenant.revision
                try:
                    return await microsoft(request)
                finally:
                    self.writes.append(replace(write, changed=self.tenant.revision != revision))
            case _:
                return await microsoft(request)

    async def _watch(self, write: promises.Write) -> None:
        newest = await self.service.clients.storage.ledger.page(self.tenant.tenant_id, limit=50)
        announced = {promises.key_of(step) for entry in newest if entry.event == "applying" for step in entry.steps}
        if write.key not in announced:
            self.broken.append(f"not announced: {write.key}")
        if self.braked:
            self.broken.append(f"sent although the brake is pulled: {write.key}")

    def keep(self) -> None:
        """Look whether every promise holds that must hold at any moment."""
        assert not self.broken
        before = self.entries
        self.entries, states = self.stage.do(self._ledger_and_states())
        promises.nothing_is_taken_away(before, self.entries)
        promises.every_proof_is_of_an_announcement(self.entries)
        promises.nothing_is_made_blindly_again(self.writes, self.entries)
        promises.every_state_can_be_explained(states)
        if not self.lagging:
            self._what_is_called_compliant_is(states)
            self._nothing_was_written_in_vain()
        self.judged_writes = len(self.tenant.writes)

    def _what_is_called_compliant_is(self, states: dict[str, ControlState]) -> None:
        for state in states.values():
            if state.state == "compliant" and state.read_at and state.read_at > self.changed_at:
                assert DOCUMENTED[state.id](self.tenant), f"{state.id} is called compliant and is not"

    def _nothing_was_written_in_vain(self) -> None:
        deaf = {"Set-ProtectionAlert"} if self.tenant.switches.alert_set == "ignored" else set()
        done = [entry for entry in self.tenant.writes[self.judged_writes :] if 200 <= entry.status < 300]
        vain = [entry for entry in done if not entry.changed and entry.cmdlet not in deaf]
        assert not vain, f"written although equal: {vain}"
