"""The alerts that a run has read are taken up one by one: one that fails is noted, and stops no other."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from clients.connect import Clients
from clients.errors import ClientError, CredentialRefused, Forbidden, TenantGone, Throttled, Unauthorised
from clients.storage.documents import NewerRow
from domain.alerts import tenant_state
from domain.alerts.alert import Alert, OddAlert, is_false_alert_policy, parse_alert
from domain.alerts.record import AlertRecord, blank, forgotten
from domain.gate import Circumstances, rule
from domain.ledger import Entry
from domain.tenant import Wanted
from handlers import parked
from handlers.security.close_alert import BYPASS, LOCKDOWN, AlertCase
from handlers.security.needed import Needed

log = logging.getLogger("holdfast.alerts")

POLICIES = "alert-policies"


class OneByOne:
    """What one run makes of the alerts of one tenant. *mark* keeps, at once, that there may be alerts to read again.

    *seen*: the alerts that had this visit; *ask_about*: the controls that they ask to have looked at; *failed*: what
    failed for one of them, which a later visit tries again, in words.
    """

    def __init__(self, wanted: Wanted, lease: Needed, mark: Callable[[], Awaitable[None]], clients: Clients) -> None:
        self._wanted = wanted
        self._lease = lease
        self._mark = mark
        self._clients = clients
        self._tenant_id = wanted.tenant.tenant_id
        self._kept = clients.storage.alerts
        self.seen: set[str] = set()
        self.ask_about: set[str] = set()
        self.failed = ""
        self._said: str | None = None
        self._not_read: set[str] = set()
        self._changed = False
        self._refused: tuple[AlertRecord, ClientError] | None = None

    async def waits(self, record: AlertRecord) -> bool:
        """Whether *record* may come to something else now. What the gate stopped waits until it says something else."""
        return record.again and not (record.stopped_by and record.stopped_by == await self._against())

    async def _against(self) -> str:
        """What the gate says against any change of an alert, asked once in a run; "" where it lets it pass."""
        if self._said is None:
            storage = self._clients.storage
            row, brake, states = await asyncio.gather(
                storage.tenants.recall(self._tenant_id),
                storage.switches.brake(),
                storage.states.recall(self._tenant_id),
            )
            around = Circumstances(
                now=self._clients.now(),
                control=tenant_state.FALSE_ALERTS,
                wanted=self._wanted,
                tenant=row.config if row else None,
                brake=brake,
                exemption=states.exceptions.get(tenant_state.FALSE_ALERTS),
            )
            refusal = rule(None, around).refusal
            self._said = refusal.sentence if refusal else ""
        return self._said

    async def take(self, raw: Any, *, anew: bool = False) -> None:  # noqa: ANN401 - whatever the service gave
        """Judge one alert, and act. What is odd is kept as it came, and never closed.

        *anew*: what was given up is tried once more.
        """
        try:
            if not is_false_alert_policy(raw, self._wanted.profile):
                return
            alert = parse_alert(raw)
        except OddAlert as odd:
            content = json.dumps(raw, sort_keys=True).encode()
            await parked.kept("alerts", self._tenant_id, content, f"an odd alert: {odd}", self._clients)
            return
        self.seen.add(alert.id)
        if alert.id in self._not_read:  # it has this visit behind it, however often it is listed
            return
        try:
            before = await self._kept.get(self._tenant_id, alert.id)
        except NewerRow as newer:
            log.warning("newer_row tenant=%s %s", self._tenant_id, newer)
            self.failed = f"what is kept of alert {alert.id} is of a newer version"
            return
        except ValueError:
            await self._lease.get()
            await self._mark()
            await _forget(self._tenant_id, alert, self._clients)
            return
        tried_again = anew and before is not None and before.given_up
        if before is None or before.updated != alert.updated or tried_again or await self.waits(before):
            await self._take_up(alert)

    async def _take_up(self, alert: Alert) -> None:
        await self._lease.get()
        await self._mark()
        before = await self._kept.get(self._tenant_id, alert.id)
        try:
            await self._judge(alert, before or blank(alert))
        except (Throttled, CredentialRefused, TenantGone):
            raise
        except ClientError as error:  # the others need not wait for it
            record = await self._kept.get(self._tenant_id, alert.id) or blank(alert)
            if isinstance(error, Forbidden | Unauthorised) and not (self._changed or record.failed):
                self._set_aside(record, error)
            else:
                await self.not_read(record, error)

    def _set_aside(self, record: AlertRecord, refusal: ClientError) -> None:
        """Leave open whose *refusal* is: the alert's alone, where a change of another is taken, else the tenant's.

        Raises:
            ClientError: The second of a run in which no change was taken. A grant is missing, for every alert.
        """
        if self._refused:
            raise refusal
        self._refused = record, refusal
        self._not_read.add(record.id)

    async def settle_refusal(self) -> None:
        """Once all had their visit: a refusal beside a change that was taken is that alert's own.

        Raises:
            ClientError: The refusal, where no change was taken. It counts as no visit of the alert.
        """
        if self._refused:
            record, refusal = self._refused
            if not self._changed:
                raise refusal
            await self.not_read(record, refusal)

    async def not_read(self, record: AlertRecord, error: ClientError) -> None:
        """Note that an alert could not be read or closed in this visit. In the end it is a person's, who is told."""
        log.warning("alert_failed tenant=%s id=%s error=%s", self._tenant_id, record.id, error)
        self.seen.add(record.id)
        self._not_read.add(record.id)
        why = error.with_remedy
        after = record.not_read(why)
        if after.given_up and not record.given_up:
            await _tell_left_open(self._tenant_id, after, self._clients)
        await self._kept.put(self._tenant_id, after)
        if not after.given_up:
            self.failed = f"alert {record.id}: {why}"

    async def _judge(self, alert: Alert, before: AlertRecord) -> None:
        case = AlertCase(self._wanted, await self._lease.get(), self._clients, before)
        judged = await case.judge(alert)
        if judged.count != before.count:
            self.ask_about |= {POLICIES} if judged.kind == "false" else {POLICIES, LOCKDOWN, BYPASS}
        record = await case.act(alert)
        self._changed |= record.taken is not None and record.taken != before.taken
        if record.failed:
            record = replace(record, failed=0)
            await self._kept.put(self._tenant_id, record)
        open_for_good = record.unsettled and not (record.closed or record.work or judged.again) and not record.standing
        if open_for_good and record.reason != before.reason:
            await _tell_left_open(self._tenant_id, record, self._clients)
        log.info("alert tenant=%s id=%s kind=%s again=%s", self._tenant_id, record.id, record.kind, record.again)


async def _forget(tenant_id: str, alert: Alert, clients: Clients) -> None:
    """What is kept of *alert* makes no sense: it is a person's from now on, who is told."""
    log.error("alert_forgotten tenant=%s id=%s", tenant_id, alert.id)
    record = forgotten(alert)
    if record.standing:
        await _tell_left_open(tenant_id, record, clients)
    await clients.storage.alerts.put(tenant_id, record)


async def _tell_left_open(tenant_id: str, record: AlertRecord, clients: Clients) -> None:
    detail = f"{record.title}, alert {record.id}: {record.reason}"
    control = tenant_state.FALSE_ALERTS
    entry = Entry(at=clients.now(), tenant_id=tenant_id, control=control, event="alert_left_open", detail=detail)
    await clients.storage.ledger.append(entry)
