"""Defender's alerts of a tenant: listed, read again, changed, commented.

Source: docs/reference/defender-alerts-and-audit.md, from #graph to #polling.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from clients.cache import ExpiringCache
from clients.entra.clouds import Endpoints
from clients.entra.credentials import Credentials
from clients.errors import ClientError, Throttled, Unreadable
from clients.graph.graph import MOST_PAGES, Graph, Raw
from clients.http import Clock, Http, Permit
from clients.storage.alerts import Spent

A_MINUTE = 140
MINUTE = timedelta(minutes=1)
"""Of 150 requests a minute for each application and tenant: a read that fails is sent again by itself."""
TENANTS_REMEMBERED = 4096

_PAGE = 100
MOST_SKIPPED = 500
"""A larger `$skip` is refused."""
_PATH = "/v1.0/security/alerts_v2"
_SERVICE = "serviceSource eq 'microsoftDefenderForOffice365'"


@dataclass(frozen=True, slots=True)
class Listing:
    """Alerts of Defender for Office 365, by one of their times, from *since* on, oldest first."""

    field: str
    since: str
    condition: str = ""
    skip: int = 0

    @property
    def path(self) -> str:
        query = {
            "$top": str(_PAGE),
            "$orderby": f"{self.field} asc",
            "$filter": f"{_SERVICE} and {self.field} ge {self.since}{self.condition}",
        }
        skip = {"$skip": str(self.skip)} if self.skip else {}
        return f"{_PATH}?{urlencode(query | skip, quote_via=quote, safe='$')}"

    def after(self, page: Sequence[Any]) -> "Listing":
        """The listing that goes on behind a full *page* that had no link to the next.

        Raises:
            Unreadable: There is no way on: a page without times, or too many alerts of one moment.
        """
        times = [raw.get(self.field) if isinstance(raw, dict) else None for raw in (page[0], page[-1])]
        first, last = times
        if not isinstance(last, str):
            raise Unreadable("a full page of alerts without a link to the next, and without a time to go on from")
        if first != last:
            return Listing(self.field, last, self.condition)
        # All of one moment: only counting leads past them.
        skip = (self.skip if self.since == last else 0) + _PAGE
        if skip > MOST_SKIPPED:
            raise Unreadable(f"more than {MOST_SKIPPED} alerts of {last} without a link to the next page")
        return Listing(self.field, last, self.condition, skip)


class Alerts:
    """The alerts of every tenant of a worker. What a tenant's allowance does not cover is Throttled unsent."""

    def __init__(self, http: Http, credentials: Credentials, endpoints: Endpoints, *, now: Clock) -> None:
        self._graph = Graph(http, credentials, endpoints, "SecurityAlert.ReadWrite.All")
        self._now = now
        self._spent: ExpiringCache[str, Spent] = ExpiringCache(TENANTS_REMEMBERED)

    def spent(self, tenant_id: str) -> Spent:
        """What this minute's allowance of the tenant was charged, for whichever worker has the tenant next."""
        now = self._now()
        return self._spent.get(tenant_id, now) or Spent(began=now)

    def go_on_from(self, tenant_id: str, spent: Spent | None) -> None:
        """Count what another worker spent."""
        if spent and spent.requests > self.spent(tenant_id).requests:
            self._spent.put(tenant_id, spent, spent.began + MINUTE)

    def _charge(self, tenant_id: str, requests: int) -> None:
        """Raises Throttled."""
        spent = self.spent(tenant_id)
        if spent.requests + requests > A_MINUTE:
            wait_s = (spent.began + MINUTE - self._now()).total_seconds()
            raise Throttled("this minute's allowance of alert requests is used up", retry_after_s=max(1.0, wait_s))
        self._spent.put(tenant_id, Spent(began=spent.began, requests=spent.requests + requests), spent.began + MINUTE)

    def changed(self, tenant_id: str, since: datetime) -> AsyncIterator[list[Any]]:
        """Alerts that changed at or after *since*, a page at a time, each version of each once.

        Raises:
            NotLicensed, ClientError: As `Graph.checked`; Unreadable where the listing cannot be followed to its end.
        """
        return self._listed(tenant_id, Listing("lastUpdateDateTime", _text(since)))

    def unresolved(self, tenant_id: str, since: datetime) -> AsyncIterator[list[Any]]:
        """As *changed*, of those created at or after *since* that are not resolved."""
        return self._listed(tenant_id, Listing("createdDateTime", _text(since), " and status ne 'resolved'"))

    async def get(self, tenant_id: str, alert_id: str) -> Raw:
        """One alert as it is now. Raises NotFound, and as *changed*."""
        self._charge(tenant_id, 1)
        return await self._graph.get(tenant_id, f"{_PATH}/{quote(alert_id)}")

    async def each(self, tenant_id: str, ids: Sequence[str]) -> dict[str, Raw | ClientError]:
        """Each alert as it is now, or why it could not be read."""
        self._charge(tenant_id, len(ids))
        paths = [f"/security/alerts_v2/{quote(alert_id)}" for alert_id in ids]
        return dict(zip(ids, await self._graph.each(tenant_id, paths), strict=True))

    async def change(self, tenant_id: str, alert_id: str, fields: dict[str, str], permit: Permit) -> Raw:
        """Change an alert, and never its incident: Graph resolves all alerts of a resolved incident.

        Raises:
            ClientError: As `Graph.patch`.
        """
        self._charge(tenant_id, 1)
        path = f"{_PATH}/{quote(alert_id)}"
        return await self._graph.patch(tenant_id, path, fields, permit=permit)

    async def comment(self, tenant_id: str, alert_id: str, text: str, permit: Permit) -> None:
        """Add a comment; one that is sent twice is there twice, for good. Raises ClientError, as `Graph.patch`."""
        self._charge(tenant_id, 1)
        body = {"@odata.type": "microsoft.graph.security.alertComment", "comment": text}
        path = f"{_PATH}/{quote(alert_id)}/comments"
        await self._graph.post(tenant_id, path, body, permit=permit)

    async def _listed(self, tenant_id: str, listing: Listing) -> AsyncIterator[list[Any]]:
        """Follow the links where there are any, and move the time forward where a full page has none."""
        seen, path = set[str](), listing.path
        for _ in range(MOST_PAGES):
            self._charge(tenant_id, 1)
            page, link = await self._graph.page(tenant_id, path)
            fresh = [raw for raw in page if _version(raw) not in seen]
            seen.update(map(_version, fresh))
            yield fresh
            if link is None and len(page) < _PAGE:
                return
            listing = listing if link else listing.after(page)
            path = link or listing.path
        raise Unreadable(f"more than {MOST_PAGES} pages of alerts")


def _version(raw: object) -> str:
    """What tells an alert, or a later state of it, from any other; what is odd stands for itself."""
    match raw:
        case {"id": str(alert_id), "lastUpdateDateTime": str(updated)}:
            return f"{alert_id} {updated}"
        case _:
            return json.dumps(raw, sort_keys=True)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
