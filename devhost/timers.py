"""Timer triggers: fire on schedule, never overlap, and catch up once on what was missed while the host was down.

The schedule monitor is a blob with the last and the next occurrence. Not imitated: the blob lease that makes one
instance of many fire (there is one instance), and retry policies.

Source: docs/reference/azure-functions.md#timers.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from devhost.errors import StartError
from devhost.runtime import App, Function, InvocationFailed, typed
from devhost.settings import resolve
from ncrontab import Ncrontab

_LOG = logging.getLogger(__name__)
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_FOREVER = datetime.max.replace(tzinfo=UTC)
_SHORTEST_MONITORED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """What a timer function asks for, resolved and checked."""

    function: Function
    expression: str
    schedule: Ncrontab
    run_on_startup: bool
    use_monitor: bool

    @classmethod
    def of(cls, function: Function, environ: Mapping[str, str]) -> Self:
        """Read the trigger of *function*.

        Raises:
            StartError: A setting is missing or the schedule is not NCRONTAB.
        """
        binding = function.trigger
        expression = resolve(binding["schedule"], environ, function=function.name)
        try:
            schedule = Ncrontab(expression)
        except ValueError as error:
            raise StartError(f"function {function.name}: schedule {binding['schedule']}: {error}") from None
        interval = schedule.interval(datetime.now(UTC))
        monitored = binding.get("useMonitor", True) and interval is not None and interval >= _SHORTEST_MONITORED
        return cls(function, expression, schedule, binding.get("runOnStartup", False), monitored)

    def after(self, moment: datetime) -> datetime:
        """Give the next occurrence after *moment*; the end of time for a schedule that never comes due."""
        return next(self.schedule.after(moment), _FOREVER)


@dataclass(frozen=True, slots=True)
class Status:
    """What the schedule monitor remembers. *last* is year 1 when the function never ran."""

    last: datetime
    next: datetime
    updated: datetime

    def to_json(self) -> str:
        return json.dumps(
            {"Last": self.last.isoformat(), "Next": self.next.isoformat(), "LastUpdated": self.updated.isoformat()}
        )

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        stored = json.loads(text)
        return cls(*(datetime.fromisoformat(stored[name]) for name in ("Last", "Next", "LastUpdated")))


class Timer:
    """One timer function at work."""

    def __init__(self, trigger: TimerTrigger, app: App, container: ContainerClient, host_id: str) -> None:
        self.trigger = trigger
        self._app = app
        self._blob = container.get_blob_client(f"timers/{host_id}/{trigger.function.name}/status")
        self._status: Status | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Fire on schedule until *stopping* is set; a failing function does not stop it."""
        now = datetime.now(UTC)
        past_due = await self._look_back(now)
        if past_due or self.trigger.run_on_startup:
            await self._fire_and_store(now, past_due=past_due)
        while await _reached(due := self.trigger.after(datetime.now(UTC)), stopping):
            await self._fire_and_store(due, past_due=False)

    async def fire_by_hand(self, _: str) -> None:
        """Invoke the function now, whatever the schedule says; the input means nothing to a timer."""
        await self._fire(past_due=False)

    async def _fire(self, *, past_due: bool) -> None:
        request = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": json.loads(self._status.to_json()) if self._status else None,
            "IsPastDue": past_due,
        }
        with suppress(InvocationFailed):
            await self._app.invoke(self.trigger.function, typed(json=json.dumps(request)))

    async def _fire_and_store(self, occurrence: datetime, *, past_due: bool) -> None:
        await self._fire(past_due=past_due)
        if self.trigger.use_monitor:
            await self._store(Status(occurrence, self.trigger.after(occurrence), occurrence))

    async def _look_back(self, now: datetime) -> bool:
        """Read the monitor: was an occurrence missed? A changed schedule starts afresh and has missed nothing."""
        if not self.trigger.use_monitor:
            return False
        stored = await self._stored()
        after = self.trigger.after
        if stored and stored.next == after(stored.updated if stored.last == _NEVER else stored.last):
            self._status = stored
            return now > stored.next
        await self._store(Status(_NEVER, after(now), now))
        return False

    async def _stored(self) -> Status | None:
        try:
            download = await self._blob.download_blob()
            return Status.from_json(await download.readall())
        except ResourceNotFoundError:
            return None

    async def _store(self, status: Status) -> None:
        self._status = status
        try:
            await self._blob.upload_blob(status.to_json(), overwrite=True)
        except AzureError as error:
            _LOG.warning("The schedule status of %s is not stored: %s", self.trigger.function.name, error)


async def _reached(moment: datetime, stopping: asyncio.Event) -> bool:
    """Wait for *moment*; False when *stopping* came first."""
    # A wait may end a little early by the wall clock, which must not make one occurrence two.
    while (wait_s := (moment - datetime.now(UTC)).total_seconds()) > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await stopping.wait()
                return False
    return not stopping.is_set()
