"""One alert: judged, closed with its comment, opened again where that was wrong.

Each action is recorded before it is done. After a crash the next worker reads the alert and does what is missing: never
a second comment, never a close without its entry. The incident is never touched.
"""

from dataclasses import replace
from functools import partial
from secrets import token_hex
from typing import Any, Literal

from clients.connect import Clients
from clients.errors import ClientError, Invalid, NotFound, Throttled, Unreadable
from clients.storage.leases import Lease
from domain.alerts import tenant_state
from domain.alerts.alert import Alert, OddAlert, parse_alert
from domain.alerts.record import COMMENT_PATIENCE, AlertRecord, Unfinished
from domain.alerts.triage import Wall, triage
from domain.ledger import Entry, Image
from domain.tenant import Wanted
from handlers.loop.gatekeeper import Stopped, Wish, permit
from handlers.loop.send import write_gated

LOCKDOWN, BYPASS = "inbound-lockdown", "lock-bypass"


class AlertCase:
    """One alert of a tenant, under the lease on its alerts. *record*: what is known of it so far."""

    def __init__(self, wanted: Wanted, lease: Lease, clients: Clients, record: AlertRecord) -> None:
        self._wanted = wanted
        self._lease = lease
        self._clients = clients
        self._tenant_id = wanted.tenant.tenant_id
        self._record = record
        values = wanted.profile.false_alerts
        self._ours = (values.classification, values.determination)

    async def judge(self, alert: Alert) -> AlertRecord:
        """What *alert* is, by its evidence and by the lock-down as it is known at this moment."""
        states = await self._clients.storage.states.load(self._tenant_id)
        declared = self._wanted.tenant.declared_at(self._clients.now())
        ways = [each for each in states.findings.values() if each.control == BYPASS and each.id not in declared]
        wall = Wall(states.of(LOCKDOWN), states.of(BYPASS), tuple(ways))
        verdict = triage(alert, self._wanted, wall)
        self._record = self._record.judged(alert, verdict, self._ours)
        return self._record

    async def act(self, alert: Alert) -> AlertRecord:
        """Do what its record asks for, and keep the record.

        Raises:
            Throttled, Forbidden and other ClientErrors that concern more than this alert. What was begun is kept.
        """
        try:
            await self._act(alert)
        except Stopped as stop:
            # What was begun is not left open: it is finished when it may be.
            reason = (
                self._record.reason
                if self._record.work
                else f"{self._record.reason}; left open: {stop.answer.sentence}"
            )
            await self._keep(replace(self._record, again=True, stopped_by=stop.answer.sentence, reason=reason))
        except NotFound:
            await self._keep(replace(self._record, unsettled=False, again=False, work=""))
        except Invalid as refusal:
            reason = f"{self._record.reason}; not taken: {refusal.sentence}"
            await self._keep(replace(self._record, again=False, work="", reason=reason))
        except ClientError:
            await self._keep(replace(self._record, again=True))
            raise
        else:
            await self._keep(self._record)
        return self._record

    async def _act(self, alert: Alert) -> None:
        match self._record.todo(alert, self._ours, self._clients.now()):
            case "close":
                if await self._is_still("close"):
                    await self._change("closing", "resolved", *self._ours)
            case "reopen":
                if await self._is_still("reopen"):
                    await self._change("reopening", "new", "unknown", "unknown")
            case "finish":
                await self._finish(alert)
            case "wait":
                self._record = replace(self._record, again=True)
            case "give_up":
                reason = f"{self._record.reason}; {self._record.work} it was taken, and did not happen"
                self._record = replace(self._record, work="", again=False, stuck=True, reason=reason)
            case "leave":
                taken = self._record.kind == "false" and alert.open and not alert.untouched
                reason = self._record.reason + ("; a person has taken or judged it" if taken else "")
                self._record = replace(self._record, work="", reason=reason)

    async def _is_still(self, due: Literal["close", "reopen"]) -> bool:
        """Whether that is to be done, read once more just before: what came meanwhile is judged too.

        Who has judged the alert since it was listed is right.
        """
        await permit(await self._wish(), self._clients)
        alert = _read(await self._clients.alerts.get(self._tenant_id, self._record.id))
        record = await self.judge(alert)
        return record.todo(alert, self._ours, self._clients.now()) == due

    async def _change(self, work: Unfinished, status: str, classification: str, determination: str) -> None:
        """Make the change, and believe only the alert itself: its answer may show either state, whatever is true."""
        mark = token_hex(8)
        await self._keep(replace(self._record, work=work, mark=mark, taken=None, commented=None, again=True))
        fields = {"status": status, "classification": classification, "determination": determination}
        change = partial(self._clients.alerts.change, self._tenant_id, self._record.id, fields)
        await write_gated(change, "change alert", await self._wish(), self._clients)
        await self._keep(replace(self._record, taken=self._clients.now()))
        alert = _read(await self._clients.alerts.get(self._tenant_id, self._record.id))
        if self._record.is_made(alert, self._ours):
            await self._finish(alert)

    async def _finish(self, alert: Alert) -> None:
        """Comment on what was done, once, and write it down."""
        record, now, marker = self._record, self._clients.now(), self._record.marker
        if not alert.says(marker):
            if record.commented and now - record.commented < COMMENT_PATIENCE:
                self._record = replace(record, again=True)  # it was sent, and may still show
                return
            await self._keep(replace(record, commented=now, again=True))
            text = f"{_SAID[record.work]}: {record.reason}. {marker}"
            try:
                comment = partial(self._clients.alerts.comment, self._tenant_id, record.id, text)
                await write_gated(comment, "comment on alert", await self._wish(), self._clients)
            except (Stopped, Throttled):
                self._record = replace(self._record, commented=None)  # it never left
                raise
            except (Invalid, NotFound) as refusal:  # then the ledger alone says what was done
                reason = f"{record.reason}; its comment was not taken: {refusal.sentence}"
                self._record = replace(self._record, reason=reason)
        await self._clients.storage.ledger.append(self._entry(alert))
        if record.work == "closing":
            self._record = replace(self._record, work="", again=record.kind != "false", closed=now)
        else:
            self._record = replace(self._record, work="", again=False, reopened=now)

    async def _wish(self) -> Wish:
        states = await self._clients.storage.states.load(self._tenant_id)
        exemption = states.exceptions.get(tenant_state.FALSE_ALERTS)
        return Wish(tenant_state.FALSE_ALERTS, self._wanted, self._lease, exemption=exemption)

    def _entry(self, alert: Alert) -> Entry:
        record = self._record
        found: Image = {
            "status": "new" if record.work == "closing" else "resolved",
            "messages": [{**mail.view} for mail in record.mails],
        }
        return Entry(
            at=self._clients.now(),
            tenant_id=self._tenant_id,
            control=tenant_state.FALSE_ALERTS,
            event="alert_closed" if record.work == "closing" else "alert_reopened",
            detail=f"{record.title.strip()}, alert {record.id}: {record.reason}",
            before=found,
            after={
                "status": alert.status,
                "classification": alert.classification,
                "determination": alert.determination,
            },
            profile_version=self._wanted.profile.version,
        )

    async def _keep(self, record: AlertRecord) -> None:
        self._record = record
        await self._clients.storage.alerts.put(self._tenant_id, record)


def _read(raw: dict[str, Any]) -> Alert:
    try:
        return parse_alert(raw)
    except OddAlert as odd:
        raise Unreadable(str(odd)) from None


_SAID = {"closing": "Closed automatically", "reopening": "Opened again"}
