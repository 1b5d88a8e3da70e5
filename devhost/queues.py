"""Queue triggers with the platform's meaning of batch, threshold, lease, retry and poison.

Source: docs/reference/azure-functions.md#queue-settings, #life-of-a-message; for text that is not Base64,
`QueueServiceClientProvider` of Azure/azure-sdk-for-net.
"""

import asyncio
import logging
import random
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Self

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from devhost import messages
from devhost.errors import StartError
from devhost.lease import leased
from devhost.runtime import App, Function, InvocationFailed, typed
from devhost.settings import QueueOptions, connection_string, resolve

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 63
_POISON = "-poison"
_SHORTEST_POLL_S = 0.1
_MOST_DOUBLINGS = 12  # of the shortest poll: more than any polling interval in use
_NOT_OURS = {400, 404}  # PopReceiptMismatch, MessageNotFound

type _Outcome = Literal["done", "failed", "hopeless"]


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """What a queue function asks for, resolved and checked."""

    function: Function
    queue: str
    connection_string: str

    @classmethod
    def of(cls, function: Function, environ: Mapping[str, str]) -> Self:
        """Read the trigger of *function*.

        Raises:
            StartError: A setting is missing, or the queue's name is not one.
        """
        binding = function.trigger
        queue = resolve(binding["queueName"], environ, function=function.name)
        if not _NAME.fullmatch(queue):
            raise StartError(
                f"function {function.name}: queue {binding['queueName']}: {queue!r} is not a queue name"
                " (3 to 63 lower-case letters, digits and single hyphens)"
            )
        connection = resolve(binding.get("connection") or "AzureWebJobsStorage", environ, function=function.name)
        return cls(function, queue, connection_string(connection, environ, function=function.name))

    @property
    def poison_queue(self) -> str | None:
        """The queue for what failed too often; a poison queue has none, nor has a name too long for the suffix."""
        name = self.queue + _POISON
        return None if self.queue.endswith(_POISON) or len(name) > _LONGEST_NAME else name


class QueueListener:
    """Receives for one function, and keeps several of its messages running on the one event loop."""

    def __init__(
        self, trigger: QueueTrigger, app: App, service: QueueServiceClient, options: QueueOptions, lease_s: int
    ) -> None:
        self.trigger = trigger
        self._app = app
        self._options = options
        self._lease_s = lease_s
        self._queue = service.get_queue_client(trigger.queue)
        self._poison = service.get_queue_client(trigger.poison_queue) if trigger.poison_queue else None
        self._running = 0
        self._stopping = False
        self._wake = asyncio.Event()

    async def prepare(self) -> None:
        """Create the queue if it does not exist."""
        await _create(self._queue)

    async def run(self) -> None:
        """Receive until `stop`, then wait for what is running. Cancelled, it abandons what is running."""
        empty = 0
        async with asyncio.TaskGroup() as group:
            while not self._stopping:
                batch = await self._receive()
                for message in batch:
                    self._running += 1
                    group.create_task(self._process(message)).add_done_callback(self._ended)
                empty = 0 if batch else empty + 1
                await self._pause(self._back_off_s(empty) if empty else 0)

    def stop(self) -> None:
        """Receive no more."""
        self._stopping = True
        self._wake.set()

    async def fire_by_hand(self, text: str) -> None:
        """Invoke the function now, with *text* as the message."""
        metadata = messages.metadata(messages.by_hand(text), self.trigger.queue)
        with suppress(InvocationFailed):
            await self._app.invoke(self.trigger.function, typed(string=text), metadata)

    async def _receive(self) -> list[QueueMessage]:
        size = self._options.batch_size
        # One page is one request; the SDK's plain iteration asks again until the batch is full.
        pages = self._queue.receive_messages(
            messages_per_page=size, max_messages=size, visibility_timeout=self._lease_s
        ).by_page()
        try:
            page = await anext(pages, None)
            return [message async for message in page] if page else []
        except AzureError as error:
            _LOG.warning("Queue %s cannot be read: %s", self.trigger.queue, _line(error))
            return []

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._running -= 1
        if self._running == self._options.threshold:
            self._wake.set()

    async def _pause(self, seconds: float) -> None:
        """Wait *seconds*, then for room; a stop ends both."""
        if seconds:
            await self._sleep(seconds)
        while self._running > self._options.threshold and not self._stopping:
            await self._sleep(None)

    async def _sleep(self, seconds: float | None) -> None:
        self._wake.clear()
        if not self._stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()

    def _back_off_s(self, empty: int) -> float:
        """Seconds to the next poll: doubled and jittered from 0.1 s for each empty answer in a row."""
        jitter = random.uniform(0.8, 1.2)
        wished: float = _SHORTEST_POLL_S + _SHORTEST_POLL_S * jitter * (2 ** min(empty - 1, _MOST_DOUBLINGS) - 1)
        return min(wished, self._options.max_polling_interval.total_seconds())

    async def _process(self, message: QueueMessage) -> None:
        """Run the function on one message and settle it; what cannot be settled waits for the end of its lease."""
        try:
            async with leased(self._queue, message, self._lease_s):
                outcome = await self._outcome(message)
            await self._settle(message, outcome)
        except AzureError as error:
            # Gone or changed: the function settled it itself, or it was taken over after a lost lease.
            level = logging.DEBUG if getattr(error, "status_code", None) in _NOT_OURS else logging.WARNING
            _LOG.log(level, "Message %s of %s is not settled: %s", message.id, self.trigger.queue, _line(error))

    async def _outcome(self, message: QueueMessage) -> _Outcome:
        if self._poison and (message.dequeue_count or 0) > self._options.max_dequeue_count:
            return "hopeless"
        try:
            body = messages.body(message.content, self._options.message_encoding)
        except ValueError:
            _LOG.warning("Message %s of %s is not Base64", message.id, self.trigger.queue)
            return "hopeless"
        try:
            await self._app.invoke(self.trigger.function, body, messages.metadata(message, self.trigger.queue))
        except InvocationFailed:
            return "failed"
        return "done"

    async def _settle(self, message: QueueMessage, outcome: _Outcome) -> None:
        last_attempt = (message.dequeue_count or 0) >= self._options.max_dequeue_count
        if outcome == "done":
            await self._queue.delete_message(message.id, message.pop_receipt)
        elif self._poison is None:
            return  # left to the end of its lease, which is all that keeps it from spinning
        elif outcome == "hopeless" or last_attempt:
            await self._park(message, self._poison)
        else:
            delay = int(self._options.visibility_timeout.total_seconds())
            await self._queue.update_message(message.id, message.pop_receipt, visibility_timeout=delay)

    async def _park(self, message: QueueMessage, poison: QueueClient) -> None:
        """Copy, then delete: a crash in between leaves two, never none."""
        _LOG.warning("Message %s has reached MaxDequeueCount: moved to %s", message.id, poison.queue_name)
        await _create(poison)
        await poison.send_message(message.content)
        await self._queue.delete_message(message.id, message.pop_receipt)


async def _create(queue: QueueClient) -> None:
    with suppress(ResourceExistsError):
        await queue.create_queue()


def _line(error: AzureError) -> str:
    return str(error).splitlines()[0]
