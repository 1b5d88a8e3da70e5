"""Where lives are played: the service, its queues in the hands of the test, and the ends of its processes."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobLeaseClient, BlobServiceClient

from clients.connect import connect
from clients.storage.documents import unpack
from clients.storage.states import TenantStates
from clients.storage.together import partition_of
from domain.gate import Brake
from domain.ledger import Entry
from domain.states import ControlState
from handlers.delivery import deliver
from tests.handlers.harness import Service
from tests.lives.process import Message, Process, Witness, watch

_QUEUES = ("checks", "remediations")


class Stage:
    """One service for many lives, one after the other. Everything asynchronous runs on the one *runner*."""

    def __init__(
        self, runner: asyncio.Runner, service: Service, tables: TableServiceClient, blobs: BlobServiceClient
    ) -> None:
        self.service = service
        self.witness: Witness | None = None
        self._runner, self._tables, self._blobs = runner, tables, blobs
        self._posted: list[Message] = []

    def do[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Count every effect from now on, and show what goes to Microsoft to the *witness* of the day."""
        self._posted = watch(self.service, monkeypatch, lambda: self.witness)

    async def sweep(self, *lanes: Any) -> list[Message]:
        """A tick in which every tenant is due in both lanes (or in *lanes*). Returns what it puts on the queues."""
        await self.service.ask(*(lanes or ("fast", "slow")))
        return self.collect()

    def collect(self) -> list[Message]:
        """Take what was put on the queues; what was put there for later too: when that is, the test decides."""
        taken, self._posted[:] = self._posted[:], []
        return taken

    async def handle(self, message: Message, process: Process) -> bool:
        """Hand *message* to a worker. Returns whether the worker lived to the end of it."""
        others = asyncio.all_tasks()
        try:
            with process.running():
                await deliver(message.queue, message.body, self.service.clients)
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
        old = self.service.clients
        self.service.clients = replace(await connect(old.settings, now=self.service.clock), rereads_s=old.rereads_s)
        await old.aclose()

    async def end_lease(self, tenant_id: str) -> None:
        """The lease of a worker that died runs out, if it had one."""
        with suppress(HttpResponseError):
            await BlobLeaseClient(self._blobs.get_blob_client("leases", tenant_id)).break_lease(lease_break_period=0)

    async def states(self, tenant_id: str) -> Mapping[str, ControlState]:
        """As stored: loading them as the service does would mend what a crash left."""
        try:
            entity = await self._tables.get_table_client("states").get_entity(partition_of(tenant_id), tenant_id)
        except ResourceNotFoundError:
            return {}
        return unpack(TenantStates, entity).controls

    async def switch_brake(self, *, engaged: bool) -> None:
        brake = Brake(engaged=engaged, reason="a person pulled it" if engaged else "")
        await self.service.clients.storage.switches.set_brake(brake)

    async def clear(self) -> None:
        """What was played is no part of what comes: not of its sweeps, its blast radius or its brake."""
        if self.witness:
            storage, tenant_id = self.service.clients.storage, self.witness.tenant.tenant_id
            if kept := await storage.tenants.find(tenant_id):
                told = Entry(at=self.service.clock(), tenant_id=tenant_id, event="configured", detail="removed")
                await storage.tenants.delete(tenant_id, kept.etag, told)
            await storage.written.forget(self.service.clock() + timedelta(days=1))
            await self.switch_brake(engaged=False)
            self.witness = None
            for queue in _QUEUES:
                await self.service.queues.get_queue_client(queue).clear_messages()
