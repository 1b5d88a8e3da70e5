"""How far a tenant's audit feed is read: window after window, each parcel of it once."""

import logging
from datetime import datetime, timedelta

from clients.connect import Clients
from clients.errors import ClientError, Forbidden, Refused, Throttled, Unauthorised
from clients.graph.activity import CONTENT_TYPES, NoSubscription
from handlers.security.needed import Needed
from handlers.security.parcels import MOST_VISITS, Parcels, Take

log = logging.getLogger("holdfast.audit")

_FIRST_LOOK = timedelta(hours=24)
_OVERLAP = timedelta(minutes=30)
"""Listed again each time: what came up at one moment need not be listed at that moment everywhere."""
WINDOW = timedelta(hours=6)
"""Small, for a window counts as read when all of it was: a throttle in a busy tenant costs one at most."""
_HOUR = timedelta(hours=1)
"""A window that cannot be listed is listed hour by hour: no more is lost with what never comes."""
KEPT = timedelta(days=7) - timedelta(minutes=10)
"""How long the service keeps content, less the time that asking takes (defender-alerts-and-audit 3.4)."""

_ABOUT_THE_TENANT = (Throttled, Forbidden, Unauthorised)
"""How a listing ends, and not because of what is listed."""


class FeedReader:
    """Reads on in one tenant's feed, and hands each record to *take*, as it came."""

    def __init__(self, tenant_id: str, take: Take, lease: Needed, clients: Clients) -> None:
        self._tenant_id = tenant_id
        self._lease = lease
        self._clients = clients
        self._feed = clients.activity
        self._parcels = Parcels(tenant_id, take, lease, clients)

    async def read(self) -> None:
        """Read what came up since the last time, up to now.

        A piece that cannot be read keeps no other from being read; after MOST_VISITS it is a gap.

        Raises:
            ClientError: The feed, or a piece of it, cannot be read. What was read is kept, and is not read again.
        """
        await self._parcels.open_book()
        try:
            await self._read_all()
        finally:  # also at the end of a visit's time, or each visit would begin where this one did
            await self._parcels.keep_book()

    async def _read_all(self) -> None:
        enabled = await self._feed.enabled(self._tenant_id)
        for content_type in CONTENT_TYPES:
            try:
                if content_type not in enabled:
                    await self._feed.start(self._tenant_id, content_type)
                await self._read_type(content_type)
            except NoSubscription:  # just started: what it collects shows later, and the window stays where it is
                log.info("audit_not_yet tenant=%s content=%s", self._tenant_id, content_type)
            except _ABOUT_THE_TENANT:
                raise
            except ClientError as error:
                self._parcels.failed = error
        if failed := self._parcels.failed:  # of one piece: also a refusal says nothing of the tenant's plan
            raise Refused(failed.sentence, remedy=getattr(failed, "remedy", ""))

    async def _read_type(self, content_type: str) -> None:
        """Window after window, up to now. A window counts as read when all of it was."""
        now = self._clients.now().replace(microsecond=0)
        start = await self._beginning(content_type, now)
        hourly = False
        while start < now:
            end = min(_next_hour(start) if hourly else start + WINDOW, now)
            try:
                whole = await self._read_window(content_type, start, end)
            except (NoSubscription, *_ABOUT_THE_TENANT):
                raise
            except ClientError as error:
                self._parcels.patient = False
                if not hourly:
                    hourly = True
                    continue
                if end == now:  # its hour is not over
                    raise
                whole = await self._is_given_up(content_type, end, error, now)
                hourly = False
            if not whole:
                return
            self._parcels.book = self._parcels.book.passing(content_type, end, end - _OVERLAP)
            await self._parcels.keep_book()
            start = end

    async def _read_window(self, content_type: str, start: datetime, end: datetime) -> bool:
        """Whether all that is listed is settled. Raises ClientError: it cannot be listed."""
        whole, once = True, not self._parcels.patient
        async for page in self._feed.content(self._tenant_id, content_type, start, end, once=once):
            whole &= await self._parcels.are_settled(content_type, page)
        return whole

    async def _is_given_up(self, content_type: str, end: datetime, error: ClientError, now: datetime) -> bool:
        """Whether the hour before *end*, which cannot be listed, is given up, which is told; else it is tried again.

        Only a visit counts in which the newest of that type was listed: where that fails, too, it is the service, or
        all of the type, and once that is back nothing is lost.

        Raises:
            ClientError: The newest cannot be listed, either.
        """
        parcels = self._parcels
        if parcels.book.visits_unlisted(content_type, end) >= MOST_VISITS:
            return True
        await self._read_window(content_type, max(end, now - _HOUR), now)
        await self._lease.get()
        parcels.book = parcels.book.not_listed(content_type, end)
        visits = parcels.book.visits_unlisted(content_type, end)
        if visits < MOST_VISITS:
            parcels.failed = error
            return False
        hour = f"{content_type}: what came up in the hour before {end.isoformat()}"
        await parcels.tell_gap(f"{hour} could not be listed in {visits} visits: {error.sentence}")
        return True

    async def _beginning(self, content_type: str, now: datetime) -> datetime:
        """Where to read on. Content that expired unread, after a week without a look, is recorded as lost."""
        read_until = self._parcels.book.until.get(content_type)
        if read_until is None:
            return now - _FIRST_LOOK
        if read_until >= now - KEPT:
            return max(read_until - _OVERLAP, now - KEPT)
        lost = f"{content_type}: what came up from {read_until.isoformat()} on was kept a week, and not read"
        await self._parcels.tell_gap(lost)
        return now - KEPT


def _next_hour(at: datetime) -> datetime:
    """The end of the hour that *at* is in: the same in every visit."""
    return at.replace(minute=0, second=0, microsecond=0) + _HOUR
