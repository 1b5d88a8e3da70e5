"""How a tenant's message trace is read: what is to be read next, page by page over visits, and what it comes to.

Source: docs/reference/message-trace.md#asking, #row.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime

from domain.mail_flow import HOUR, LEAST_REHEARSED, MOST_A_PAGE, MOST_AN_HOUR, MailSeen, Traffic
from domain.mail_trace import IN_MAILBOX, LET_IN, GroupedBy, OddTrace, Trace, Ways, with_rows
from domain.mx_moves import UNSEEN_PATIENCE, MxMemories
from domain.tenant import TenantConfig

type Purpose = Literal["rehearsal", "proof"]

LONGEST_BACK = timedelta(days=10)
"""One query takes no more (docs/reference/message-trace.md#asking)."""
MOST_ROWS = 500_000
SHORT = timedelta(hours=48)
"""What a rehearsal covers of a tenant with more than MOST_ROWS rows in LONGEST_BACK."""
OVERLAP = timedelta(minutes=30)
"""Rows come up late and change until their status is final, so this is read again."""
AGAIN = timedelta(days=1)
STALE_AFTER = timedelta(days=2)
"""A first close rests on no rehearsal that ended longer ago, beside the time that its pages took."""


@dataclass(frozen=True, slots=True)
class TraceReading:
    """A read that goes on over visits. *link*: the next page; empty before the first. *short*: as for MailSeen.

    *known_until*: rows received before it were counted by an earlier read. *done*: no page is left.
    """

    purpose: Purpose
    traffic: Traffic
    link: str = ""
    short: bool = False
    known_until: AwareDatetime | None = None
    done: bool = False

    def serves(self, wish: "TraceReading", flow: MailSeen, now: datetime) -> bool:
        """Whether going on with it is as good as *wish*."""
        past = self.purpose == "proof" and flow.proven_from is not None and self.traffic.start < flow.proven_from
        return self.purpose == wish.purpose and not past and now - self.traffic.end < LONGEST_BACK

    @property
    def _by(self) -> GroupedBy:
        return "network" if self.purpose == "rehearsal" else "address"

    def with_page(self, rows: Iterable[Trace | OddTrace], link: str, ways: Ways, flow: MailSeen) -> "TraceReading":
        """The same with one page. A rehearsal of too many rows begins again with its last days alone."""
        proof = self.purpose == "proof"
        traffic = with_rows(
            self.traffic,
            rows,
            ways,
            by=self._by,
            statuses=LET_IN if proof else IN_MAILBOX,
            settled_at=flow.settled_at if proof else None,
            known_until=self.known_until,
        )
        if traffic.rows > MOST_ROWS and link and not proof and not self.short:
            recent = max(traffic.start, traffic.end - SHORT)
            return TraceReading(self.purpose, Traffic(recent, traffic.end), short=True)
        return replace(self, traffic=traffic, link=link, done=not link)

    def ended(self, flow: MailSeen, now: datetime) -> MailSeen:
        """What is known once every page was read."""
        good = replace(flow.going_on(None, now + AGAIN), read_at=now)
        if self.purpose == "rehearsal":
            enough_at = self.traffic.start + LEAST_REHEARSED
            due_at = enough_at if self.traffic.end < enough_at else good.due_at
            return replace(good, rehearsal=self.traffic.listed(), short=self.short, due_at=due_at)
        whole = flow.proof is not None and flow.proof.end >= self.traffic.start
        start = flow.proof.start if flow.proof and whole else self.traffic.start
        settled = flow.settled_at
        soon = settled + OVERLAP if settled and now < settled else now + AGAIN
        return replace(good, proof=replace(self.traffic.listed(), start=start), due_at=soon)


def to_read(
    flow: MailSeen, mx: MxMemories, tenant: TenantConfig, domains: Collection[str], now: datetime
) -> TraceReading | None:
    """What is to be read of the trace; None where nothing is. *domains*: those that receive mail.

    A tenant whose lock was seen closed once is closed again without a rehearsal.
    """
    oldest = now - LONGEST_BACK
    if flow.locked and flow.proven_from:
        if flow.proof is None:
            return TraceReading("proof", Traffic(max(flow.proven_from, oldest), now))
        start = max(flow.proven_from, flow.proof.end - OVERLAP, oldest)
        if flow.proof.end < start:  # nobody read what lies between: the proof begins anew
            return TraceReading("proof", Traffic(start, now))
        return TraceReading("proof", replace(flow.proof, start=start, end=now), known_until=flow.proof.end)
    since = at_filter_since(mx, tenant, domains)
    if flow.locked is not False or mx.locked_at or since is None or since >= now:
        return None
    return TraceReading("rehearsal", Traffic(max(since, oldest), now))


def stale(rehearsal: Traffic, since: datetime | None, now: datetime, *, short: bool) -> str:
    """Why no first close at *now* may rest on *rehearsal*, which is *short* as for MailSeen; empty where one may.

    *since*: `at_filter_since` of today. What was rehearsed before an MX had left the filter and come back tells nothing
    of who sends straight to the tenant now.
    """
    if since is None:
        return "an MX is not the filter's"
    if rehearsal.start < since:
        return "it began before every MX was the filter's"
    rows = rehearsal.rows + (MOST_ROWS if short else 0)
    reading = HOUR * (rows / (MOST_A_PAGE * MOST_AN_HOUR))
    return "it is too old" if now - rehearsal.end > STALE_AFTER + reading else ""


def at_filter_since(mx: MxMemories, tenant: TenantConfig, domains: Collection[str]) -> datetime | None:
    """Since when mail from elsewhere counts as none that only followed an older MX; None where that is not known.

    An MX that was never seen elsewhere is taken to have been the filter's since the first look at it: what followed an
    older one all the same holds for a person, and a rehearsal that left those days out would cover nothing.
    """
    known = [mx.domains.get(each) for each in domains]
    since = tenant.mx_at_filter_since
    if since and not any(each and each.begins_after(since) for each in known):
        return since
    begun = [
        each.until if each.elsewhere else each.until - UNSEEN_PATIENCE for each in known if each and each.at_filter
    ]
    return max(begun) if begun and len(begun) == len(known) else None
