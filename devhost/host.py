"""The local stand-in for the Azure Functions host: runs whatever a folder's function_app.py lists.

Left out: output and input bindings, retry policies, function timeout, dynamic concurrency, the leases between
instances.
"""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob.aio import ContainerClient
from azure.storage.queue.aio import QueueServiceClient

from devhost.errors import StartError
from devhost.forward import Forward
from devhost.http import Server
from devhost.queues import QueueListener
from devhost.runtime import App, load
from devhost.settings import HostJson, connection_string, read_host_json
from devhost.tasks import Tasks
from devhost.timers import Timer
from devhost.triggers import Triggers

_LOG = logging.getLogger(__name__)
_STORAGE = "AzureWebJobsStorage"
_CONTAINER = "azure-webjobs-hosts"
_LOOPBACK = "127.0.0.1"


class Host:
    """Runs the app in *folder* while the `async with` block runs.

    Args:
        folder: Where function_app.py and host.json are. One app per process.
        environ: App settings for placeholders and connections; the app itself reads `os.environ`.
        port: On loopback; 0 takes a free one.
        key: Master key of the admin endpoint; None makes one.
        lease_s: How long a received message is invisible, in whole seconds; extended at half time while its function
            runs. On the platform it is always 600.
        grace_s: Seconds that running functions have to finish at the end of the block.

    Attributes:
        url: `http://127.0.0.1:<port>`, without a slash at the end.
        key: The key in use.
        triggers: What was found in the app, resolved.

    Raises:
        StartError: On entry, when the app cannot run as it is.
    """

    def __init__(  # noqa: PLR0913 -- keywords with defaults, all of them about one start
        self,
        folder: Path,
        environ: Mapping[str, str] = os.environ,
        *,
        port: int = 0,
        key: str | None = None,
        lease_s: int = 600,
        grace_s: float = 10.0,
    ) -> None:
        self.key = key or secrets.token_urlsafe(24)
        self.url = ""
        self.triggers: Triggers
        self._folder = folder
        self._environ = environ
        self._port = port
        self._lease_s = lease_s
        self._grace_s = grace_s
        self._tasks = Tasks()
        self._stopping = asyncio.Event()
        self._listeners: list[QueueListener] = []
        self._app: App
        self._runner: web.AppRunner
        self._resources: AsyncExitStack

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._resources = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._resources:
            self._stopping.set()
            for listener in self._listeners:
                listener.stop()
            await asyncio.gather(self._runner.cleanup(), self._finish())

    async def _finish(self) -> None:
        if not await self._tasks.ended(self._grace_s):
            _LOG.warning("%d invocations did not finish within %g s: abandoned", self._app.running, self._grace_s)
            await self._tasks.abandon()

    async def _start(self, stack: AsyncExitStack) -> None:
        host_json = read_host_json(self._folder)
        self._app = await load(self._folder)
        self.triggers = Triggers.of(self._app.functions, self._environ, host_json.extensions.http.route_prefix)
        self._app.start()
        stack.callback(self._app.stop)
        try:
            self._listeners = await self._make_listeners(stack, host_json)
            timers = await self._make_timers(stack)
        except AzureError as error:
            raise StartError(f"the storage of {_STORAGE} does not answer: {str(error).splitlines()[0]}") from error
        await self._serve(timers)
        for listener in self._listeners:
            self._tasks.spawn(listener.run())
        for timer in timers:
            self._tasks.spawn(timer.run(self._stopping))

    async def _make_listeners(self, stack: AsyncExitStack, host_json: HostJson) -> list[QueueListener]:
        services: dict[str, QueueServiceClient] = {}
        listeners = []
        for trigger in self.triggers.queues:
            connection = trigger.connection_string
            if connection not in services:
                client = QueueServiceClient.from_connection_string(connection, **_client_options(connection))
                services[connection] = await stack.enter_async_context(client)
            options = host_json.extensions.queues
            listener = QueueListener(trigger, self._app, services[connection], options, self._lease_s)
            await listener.prepare()
            listeners.append(listener)
        return listeners

    async def _make_timers(self, stack: AsyncExitStack) -> list[Timer]:
        if not self.triggers.timers:
            return []
        first = self.triggers.timers[0].function.name
        connection = connection_string(_STORAGE, self._environ, function=first)
        container = ContainerClient.from_connection_string(connection, _CONTAINER, **_client_options(connection))
        await stack.enter_async_context(container)
        with suppress(ResourceExistsError):
            await container.create_container()
        host_id = self._environ.get("AzureFunctionsWebHost__hostid", "devhost")
        return [Timer(trigger, self._app, container, host_id) for trigger in self.triggers.timers]

    async def _serve(self, timers: list[Timer]) -> None:
        fire = {timer.trigger.function.name: timer.fire_by_hand for timer in timers} | {
            listener.trigger.function.name: listener.fire_by_hand for listener in self._listeners
        }
        server = Server(
            self._app,
            self.triggers.http,
            fire,
            self.key,
            self._tasks.spawn,
            forward=Forward.of(self._environ),
            home=self._environ.get("DEVHOST_HOME", ""),
        )
        try:
            listening = socket.create_server((_LOOPBACK, self._port))
        except OSError as error:
            raise StartError(f"port {self._port} of {_LOOPBACK} cannot be had: {error.strerror}") from None
        self.url = f"http://{_LOOPBACK}:{listening.getsockname()[1]}"
        self._runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=self._grace_s)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()


def _client_options(connection: str) -> dict[str, Any]:
    # The default waits 15 s before the first retry, and Azurite drops idle connections.
    retry = {"initial_backoff": 1, "increment_base": 1, "random_jitter_range": 0}
    # Proxy settings cost a thread hop on every request, a third of the CPU of a message; Azurite needs none.
    return {**retry, "use_env_settings": _LOOPBACK not in connection}
