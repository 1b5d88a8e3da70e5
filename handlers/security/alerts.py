"""The Defender alerts of a tenant: the false ones are closed by their evidence, the others are told to a person.

One worker at a time goes through a tenant's alerts (lease). Each version of an alert is judged once; those that wait
for something outside of them, or were left half closed by a crash, are read again on each run.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from clients import telemetry
from clients.connect import Clients
from clients.errors import ClientError, NotFound, NotLicensed, Throttled
from clients.storage.alerts import Book
from clients.telemetry import CheckResult
from domain.alerts import tenant_state
from domain.alerts.record import AlertRecord
from domain.jobs import Done, Outcome, TriageAlerts
from domain.states import ControlState
from domain.tenant import Wanted
from handlers.loop.check import ask_for_look
from handlers.security.kept_state import keep_state
from handlers.security.needed import Needed, with_lease_at_hand
from handlers.security.one_by_one import OneByOne

_OVERLAP = timedelta(minutes=30)
"""Alerts come up as late as 20 minutes after their time (defender-alerts-and-audit 1.10)."""
_FIRST_LOOK = timedelta(days=1)
FULL_EVERY = timedelta(days=1)
FULL_BACK = timedelta(days=7)
"""Once a day all that are open are gone through, so far back: stragglers, and those that a person changed meanwhile."""
MOST_AGAIN = 100
"""Alerts read again in one run: more have their turn in the next, so that new ones are not kept waiting."""


async def triage_alerts(job: TriageAlerts, clients: Clients) -> Outcome:
    """Go through the alerts of the tenant of *job*: judge all that changed, and act upon it."""
    row = await clients.storage.tenants.recall(job.tenant_id)
    if row is None or not row.config.enabled:
        telemetry.looked(job, "skipped")
        return Done()
    try:
        wanted = clients.wanted(row.config, row.profile_version, row.move)
    except ValueError:  # the check of the tenant says so in every state
        telemetry.looked(job, "skipped")
        return Done()
    return await with_lease_at_hand(job, lambda lease: _Look(wanted, lease, clients).go_through(), clients)


async def note_failed_triage(job: TriageAlerts, why: str, clients: Clients) -> None:
    """Keep that the alerts of the tenant of *job* could not be gone through."""
    telemetry.looked(job, "failed")

    def unread(before: ControlState, now: datetime) -> ControlState:
        return tenant_state.unread(before, why, now)

    await keep_state(job.tenant_id, tenant_state.FALSE_ALERTS, unread, clients)


class _Look:
    """One run through the alerts of one tenant."""

    def __init__(self, wanted: Wanted, lease: Needed, clients: Clients) -> None:
        self._profile = wanted.profile
        self._clients = clients
        self._tenant_id = wanted.tenant.tenant_id
        self._kept = clients.storage.alerts
        self._book = Book()
        self._alerts = OneByOne(wanted, lease, self._mark, clients)

    async def go_through(self) -> CheckResult:
        """Read what changed, what waits, and once a day what is open; then say what it comes to.

        What was done is kept, and is not done again.
        """
        self._book = await self._kept.book(self._tenant_id)
        self._clients.alerts.go_on_from(self._tenant_id, self._book.spent)
        try:
            await self._read()
            return await self._tell_all()
        except NotLicensed as refusal:
            why = f"the tenant's plan has no Defender alerts: {refusal.sentence}"
            await self._tell(lambda before, now: tenant_state.without_service(before, why, now))
            return "looked"
        except ClientError as error:
            return await self._tell_unread(f"{error.sentence}. {getattr(error, 'remedy', '')}".strip())
        finally:
            if self._alerts.ask_about:  # an alert of a policy that should be off says that it is on: look at once
                await ask_for_look(self._tenant_id, sorted(self._alerts.ask_about), self._clients)
            spent = self._clients.alerts.spent(self._tenant_id)
            await self._note(replace(self._book, spent=spent))

    async def _read(self) -> None:
        """Go through the alerts, and note how far that came. Raises ClientError: not listed, or no change is taken."""
        now, book = self._clients.now(), self._book
        since = book.watermark - _OVERLAP if book.watermark else now - _FIRST_LOOK
        async for page in self._clients.alerts.changed(self._tenant_id, since):
            for raw in page:
                await self._alerts.take(raw)
            await self._pass(page)
        if book.swept_at is None or now - book.swept_at >= FULL_EVERY:
            async for page in self._clients.alerts.unresolved(self._tenant_id, now - FULL_BACK):
                for raw in page:
                    await self._alerts.take(raw, anew=True)
            await self._read_again([each for each in await self._marked() if each.standing])
            await self._note(replace(self._book, swept_at=now))
        await self._read_again([each for each in await self._marked() if await self._alerts.waits(each)])
        await self._alerts.settle_refusal()

    async def _marked(self) -> list[AlertRecord]:
        """The records that are to be read again, or that a person has to look at: most tenants have none."""
        return await self._kept.marked(self._tenant_id) if self._book.marked else []

    async def _mark(self) -> None:
        await self._note(replace(self._book, marked=True), at_once=True)

    async def _pass(self, page: list[Any]) -> None:
        """Move on behind *page*; never to "now", or what the service has not shown yet would be passed over."""
        times = [at for raw in page if (at := _updated(raw)) and at <= self._clients.now()]
        watermark = max([*times, *filter(None, [self._book.watermark])], default=None)
        await self._note(replace(self._book, watermark=watermark))

    async def _note(self, book: Book, *, at_once: bool = False) -> None:
        if book != self._book:
            self._book = book
            await self._kept.set_book(self._tenant_id, book, at_once=at_once)

    async def _read_again(self, records: list[AlertRecord]) -> None:
        """Read the unchanged alerts again: what they wait for may have changed. One that is gone is settled.

        Raises:
            Throttled: Some were turned away. What was read is judged.
        """
        again = {record.id: record for record in records if record.id not in self._alerts.seen}
        if not again:
            return
        ids = _in_turn(again, self._book.read_to)
        endings = await self._clients.alerts.each(self._tenant_id, ids)
        if len(ids) < len(again):
            await self._note(replace(self._book, read_to=ids[-1]))
        turned_away: Throttled | None = None
        for alert_id, raw in endings.items():
            match raw:
                case NotFound():
                    await self._kept.put(self._tenant_id, replace(again[alert_id], unsettled=False, again=False))
                case Throttled():
                    turned_away = raw
                case ClientError():
                    await self._alerts.not_read(again[alert_id], raw)
                case _:
                    await self._alerts.take(raw, anew=True)
        if turned_away:
            raise turned_away

    async def _tell_all(self) -> CheckResult:
        """Keep what the alerts come to; unknown where one of them failed, and will be tried again."""
        if self._alerts.failed:
            return await self._tell_unread(self._alerts.failed)
        marked = await self._marked()
        await self._note(replace(self._book, marked=bool(marked)))
        await self._tell(lambda before, now: tenant_state.with_alerts(before, marked, self._profile, now))
        return "looked"

    async def _tell_unread(self, why: str) -> CheckResult:
        detail = f"the alerts could not be read: {why}"
        await self._tell(lambda before, now: tenant_state.unread(before, detail, now))
        return "unread"

    async def _tell(self, change: Callable[[ControlState, datetime], ControlState]) -> None:
        await keep_state(self._tenant_id, tenant_state.FALSE_ALERTS, change, self._clients)


def _in_turn(ids: Iterable[str], last: str) -> list[str]:
    """At most MOST_AGAIN of *ids*: those behind *last* first, so that each has its turn."""
    ordered = sorted(ids)
    start = bisect_right(ordered, last)
    return [*ordered[start:], *ordered[:start]][:MOST_AGAIN]


def _updated(raw: object) -> datetime | None:
    """When an alert says that it changed last; None where it does not."""
    text = raw.get("lastUpdateDateTime") if isinstance(raw, dict) else None
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None
