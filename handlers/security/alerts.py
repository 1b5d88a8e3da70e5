"""The Defender alerts of a tenant: the false ones are closed by their evidence, the others are told to a person.

One worker at a time goes through a tenant's alerts (lease). Each version of an alert is judged once; those that wait
for something outside of them, or were left half closed by a crash, are read again on each run.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from clients.connect import Clients
from clients.errors import ClientError, Forbidden, NotFound, NotLicensed, Throttled, Unauthorised, Unreadable
from clients.storage.alerts import Book
from clients.storage.documents import NewerRow
from domain.alerts import tenant_state
from domain.alerts.alert import Alert, OddAlert, is_false_alert_policy, parse_alert
from domain.alerts.record import AlertRecord, blank, forgotten
from domain.jobs import Done, Outcome, TriageAlerts
from domain.ledger import Entry
from domain.states import ControlState
from domain.tenant import Wanted
from handlers import park
from handlers.loop.check import ask_for_look
from handlers.security.close_alert import AlertCase
from handlers.security.kept_state import keep_state
from handlers.security.needed import Needed, with_lease_at_hand

log = logging.getLogger("holdfast.alerts")

_OVERLAP = timedelta(minutes=30)
"""Alerts come up as late as 20 minutes after their time (defender-alerts-and-audit 1.10)."""
_FIRST_LOOK = timedelta(days=1)
FULL_EVERY = timedelta(days=1)
FULL_BACK = timedelta(days=7)
"""Once a day all that are open are gone through, so far back: stragglers, and those that a person changed meanwhile."""
MOST_AGAIN = 100
"""Alerts read again in one run: more wait for the next, so that new ones are not kept waiting."""
LOCKDOWN, BYPASS, POLICIES = "inbound-lockdown", "lock-bypass", "alert-policies"


async def triage_alerts(job: TriageAlerts, clients: Clients) -> Outcome:
    """Go through the alerts of the tenant of *job*: judge all that changed, and act upon it."""
    row = await clients.storage.tenants.recall(job.tenant_id)
    if row is None or not row.config.enabled:
        return Done()
    try:
        wanted = clients.wanted(row.config, row.profile_version, row.move)
    except ValueError:  # the check of the tenant says so in every state
        return Done()
    return await with_lease_at_hand(job, lambda lease: _Look(wanted, lease, clients).go_through(), clients)


async def note_failed_triage(tenant_id: str, why: str, clients: Clients) -> None:
    """Keep that the tenant's alerts could not be gone through."""

    def unread(before: ControlState, now: datetime) -> ControlState:
        return tenant_state.unread(before, why, now)

    await keep_state(tenant_id, tenant_state.FALSE_ALERTS, unread, clients)


class _Look:
    """One run through the alerts of one tenant."""

    def __init__(self, wanted: Wanted, lease: Needed, clients: Clients) -> None:
        self._wanted = wanted
        self._clients = clients
        self._tenant_id = wanted.tenant.tenant_id
        self._kept = clients.storage.alerts
        self._lease = lease
        self._ask_about: set[str] = set()
        self._seen: set[str] = set()
        self._book = Book()
        self._failed: ClientError | None = None

    async def go_through(self) -> None:
        """Read what changed, what waits, and once a day what is open; then say what it comes to.

        What was done is kept, and is not done again.
        """
        self._book = await self._kept.book(self._tenant_id)
        self._clients.alerts.go_on_from(self._tenant_id, self._book.spent)
        try:
            await self._read()
            marked = await self._marked()
            await self._note(replace(self._book, marked=bool(marked)))
            await self._tell(lambda before, now: tenant_state.with_alerts(before, marked, self._wanted.profile, now))
        except NotLicensed as refusal:
            why = f"the tenant's plan has no Defender alerts: {refusal.sentence}"
            await self._tell(lambda before, now: tenant_state.without_service(before, why, now))
        except ClientError as error:
            why = f"the alerts could not be read: {error.sentence}. {getattr(error, 'remedy', '')}".strip()
            await self._tell(lambda before, now: tenant_state.unread(before, why, now))
        finally:
            if self._ask_about:  # an alert of a policy that should be off says that it is on: look at once
                await ask_for_look(self._tenant_id, sorted(self._ask_about), self._clients)
            spent = self._clients.alerts.spent(self._tenant_id)
            await self._note(replace(self._book, spent=spent))

    async def _read(self) -> None:
        """Go through the alerts, and note how far that came. Raises what failed for one alert when all were tried."""
        now, book = self._clients.now(), self._book
        since = book.watermark - _OVERLAP if book.watermark else now - _FIRST_LOOK
        async for page in self._clients.alerts.changed(self._tenant_id, since):
            for raw in page:
                await self._take(raw)
            await self._pass(page)
        if book.swept_at is None or now - book.swept_at >= FULL_EVERY:
            async for page in self._clients.alerts.unresolved(self._tenant_id, now - FULL_BACK):
                for raw in page:
                    await self._take(raw, anew=True)
            await self._read_again([each for each in await self._marked() if each.standing])
            await self._note(replace(self._book, swept_at=now))
        await self._read_again([each for each in await self._marked() if self._waits(each)])
        if self._failed:
            raise self._failed

    async def _marked(self) -> list[AlertRecord]:
        """The records that are to be read again, or that a person has to look at: most tenants have none."""
        return await self._kept.marked(self._tenant_id) if self._book.marked else []

    def _waits(self, record: AlertRecord) -> bool:
        """Whether *record* may come to something else now: what only the tenant's mode stopped waits for the mode."""
        mode = self._wanted.tenant.mode_of(tenant_state.FALSE_ALERTS)
        return record.again and record.stopped_in != mode

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
        """Read the unchanged alerts again: what they wait for may have changed. One that is gone is settled."""
        ids = [record.id for record in records if record.id not in self._seen][:MOST_AGAIN]
        for alert_id, raw in (await self._clients.alerts.each(self._tenant_id, ids)).items() if ids else ():
            match raw:
                case NotFound():
                    gone = next(record for record in records if record.id == alert_id)
                    await self._kept.put(self._tenant_id, replace(gone, unsettled=False, again=False))
                case Throttled():
                    raise raw
                case ClientError():  # as in `_take`
                    await self._failed_at(next(record for record in records if record.id == alert_id), raw)
                case _:
                    await self._take(raw, anew=True)

    async def _take(self, raw: Any, *, anew: bool = False) -> None:  # noqa: ANN401 - whatever the service gave
        """Judge one alert, and act. What is odd is kept as it came, and never closed.

        *anew*: what was given up is tried once more.
        """
        try:
            if not is_false_alert_policy(raw, self._wanted.profile):
                return
            alert = parse_alert(raw)
        except OddAlert as odd:
            content = json.dumps(raw, sort_keys=True).encode()
            await park.kept("alerts", self._tenant_id, content, f"an odd alert: {odd}", self._clients)
            return
        self._seen.add(alert.id)
        try:
            before = await self._kept.get(self._tenant_id, alert.id)
        except NewerRow as newer:
            log.warning("newer_row tenant=%s %s", self._tenant_id, newer)
            self._failed = Unreadable(f"what is kept of alert {alert.id} is of a newer version")
            return
        except ValueError:
            await self._lease.get()
            await self._note(replace(self._book, marked=True), at_once=True)
            await _forget(self._tenant_id, alert, self._clients)
            return
        tried_again = anew and before is not None and before.given_up
        if before is None or before.updated != alert.updated or self._waits(before) or tried_again:
            await self._lease.get()
            await self._note(replace(self._book, marked=True), at_once=True)
            before = await self._kept.get(self._tenant_id, alert.id)
            try:
                await self._judge(alert, before or blank(alert))
            except (Throttled, Forbidden, Unauthorised):
                raise
            except ClientError as error:  # it is read again; the others need not wait for it
                await self._failed_at(await self._kept.get(self._tenant_id, alert.id) or blank(alert), error)

    async def _failed_at(self, record: AlertRecord, error: ClientError) -> None:
        if not await _is_given_up(self._tenant_id, record, error, self._clients):
            self._failed = error

    async def _judge(self, alert: Alert, before: AlertRecord) -> None:
        case = AlertCase(self._wanted, await self._lease.get(), self._clients, before)
        judged = await case.judge(alert)
        if judged.count != before.count:
            self._ask_about |= {POLICIES} if judged.kind == "false" else {POLICIES, LOCKDOWN, BYPASS}
        record = await case.act(alert)
        if record.failed:
            record = replace(record, failed=0)
            await self._kept.put(self._tenant_id, record)
        open_for_good = record.unsettled and not (record.closed or record.work or judged.again) and not record.standing
        if open_for_good and record.reason != before.reason:
            await _left_open(self._tenant_id, record, self._clients)
        log.info("alert tenant=%s id=%s kind=%s again=%s", self._tenant_id, record.id, record.kind, record.again)

    async def _tell(self, change: Callable[[ControlState, datetime], ControlState]) -> None:
        await keep_state(self._tenant_id, tenant_state.FALSE_ALERTS, change, self._clients)


async def _is_given_up(tenant_id: str, record: AlertRecord, error: ClientError, clients: Clients) -> bool:
    """Note that an alert could not be read or closed in this visit. Whether it is a person's now, who is told once."""
    log.warning("alert_failed tenant=%s id=%s error=%s", tenant_id, record.id, error)
    after = record.not_read(error.sentence)
    if after.given_up and not record.given_up:
        await _left_open(tenant_id, after, clients)
    await clients.storage.alerts.put(tenant_id, after)
    return after.given_up


async def _forget(tenant_id: str, alert: Alert, clients: Clients) -> None:
    """What is kept of *alert* makes no sense: it is a person's from now on, who is told."""
    log.error("alert_forgotten tenant=%s id=%s", tenant_id, alert.id)
    record = forgotten(alert)
    if record.standing:
        await _left_open(tenant_id, record, clients)
    await clients.storage.alerts.put(tenant_id, record)


async def _left_open(tenant_id: str, record: AlertRecord, clients: Clients) -> None:
    detail = f"{record.title}, alert {record.id}: {record.reason}"
    control = tenant_state.FALSE_ALERTS
    entry = Entry(at=clients.now(), tenant_id=tenant_id, control=control, event="alert_left_open", detail=detail)
    await clients.storage.ledger.append(entry)


def _updated(raw: object) -> datetime | None:
    """When an alert says that it changed last; None where it does not."""
    text = raw.get("lastUpdateDateTime") if isinstance(raw, dict) else None
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None
