"""Security & Compliance: the same cmdlets at a host that depends on the tenant's region.

The front door answers with a redirect that names the region. It is never followed as it stands: it leads to a port that
is not for clients, with the token in hand. Source: docs/reference/compliance.md.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial

import httpx

from clients.cache import ExpiringCache
from clients.entra.clouds import Endpoints
from clients.entra.credentials import Credentials
from clients.errors import ClientError, Redirected, Throttled, Unreachable, Unreadable
from clients.exchange.cmdlets import Cmdlets, together
from clients.exchange.invoke_command import Applied, Target
from clients.http import Clock, Http, Permit, resolved
from clients.restraint import Resting, heeding
from domain.addresses import is_address
from domain.reading import Query, Seen, Unseen
from domain.steps import Step

log = logging.getLogger("holdfast.compliance")

REGION_LASTS = timedelta(days=1)
REGIONS_KEPT = 20_000

_ANCHOR = "UPN:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{initial_domain}"


class Compliance:
    """Security & Compliance of every tenant of a worker."""

    def __init__(self, http: Http, credentials: Credentials, endpoints: Endpoints, *, now: Clock) -> None:
        self._cmdlets = Cmdlets(http, credentials, now=now)
        self._credentials = credentials
        self._front_door = endpoints.compliance
        self._scope = endpoints.compliance_scope
        self._now = now
        self._regions: ExpiringCache[str, str] = ExpiringCache(REGIONS_KEPT)

    async def read(
        self, tenant_id: str, queries: Sequence[Query], *, initial_domain: str
    ) -> dict[Query, Seen | Unseen]:
        """Every query answered, one call each. *initial_domain*: `x.onmicrosoft.com`. Raises as Exchange.read."""
        target = self._target(tenant_id, initial_domain)
        wanted = list(dict.fromkeys(queries))
        facts = await together(self._cmdlets.settled(query, partial(self._read, target, query)) for query in wanted)
        return dict(zip(wanted, facts, strict=True))

    async def apply(self, tenant_id: str, step: Step, *, initial_domain: str, permit: Permit) -> Applied:
        """Run one write, as Exchange.apply; *permit* is asked again wherever the tenant's region sends it."""
        target = self._target(tenant_id, initial_domain)
        write = partial(self._cmdlets.apply, target, step=step, permit=permit)
        return await self._at_the_region(tenant_id, write, repeatable=False)

    def _target(self, tenant_id: str, initial_domain: str) -> Target:
        anchor = _ANCHOR.format(initial_domain=initial_domain)
        return Target("compliance", tenant_id, self._scope, anchor, self._credentials.consent_url(tenant_id))

    async def _read(self, target: Target, query: Query) -> Seen:
        read = partial(self._cmdlets.read, target, query=query)
        with heeding(target.service, self._now):
            return await self._at_the_region(target.tenant_id, read, repeatable=True)

    async def _at_the_region[T](self, tenant_id: str, call: Callable[[str], Awaitable[T]], *, repeatable: bool) -> T:
        """Make the *call* at the tenant's region; if it is not there any more, find it again, once."""
        known = self._regions.get(tenant_id, self._now())
        if known is not None:
            try:
                return await call(known)
            except ClientError as error:
                if not _may_have_moved(error):
                    raise
                self._regions.drop(tenant_id)
                if isinstance(error, Resting) or not (repeatable or _was_not_done(error)):
                    raise
        return await self._by_the_front_door(tenant_id, call)

    async def _by_the_front_door[T](self, tenant_id: str, call: Callable[[str], Awaitable[T]]) -> T:
        """Make the *call* at the front door, and again where that sends us.

        The call itself is the probe: where the front door serves the tenant this saves a round trip, and a write that
        is redirected was not done.
        """
        try:
            return await call(self._front_door)
        except Redirected as redirect:
            region = regional_base(self._front_door, redirect)
        log.info("region_found tenant=%s base=%s", tenant_id, region)
        self._regions.put(tenant_id, region, self._now() + REGION_LASTS)
        return await call(region)


def _may_have_moved(error: ClientError) -> bool:
    if isinstance(error, Resting) and isinstance(error.__cause__, ClientError):
        error = error.__cause__
    match error:
        case Redirected() | Unreachable(sent=False) | Unreadable(status=404):
            return True
        case Unreachable(status=int(status)) | Throttled(status=int(status), retry_after_s=None):
            return status >= 500  # noqa: PLR2004 - RFC 9110, section 15.6
        case _:
            return False


def _was_not_done(error: ClientError) -> bool:
    return not isinstance(error, Unreachable) or not error.sent


_REGIONAL = re.compile(r"(?P<label>[a-z0-9-]+)\.admin\.protection\.(outlook\.com|office365\.us|partner\.outlook\.cn)")


def regional_base(front_door: str, redirect: Redirected) -> str:
    """The base URL of the region that *redirect* names, always below the *front_door* we were configured with.

    A front door on this machine (an address has no subdomains) either redirects to its own host, by port or path, or
    stays what serves the region.

    Raises:
        Unreadable: The redirect leads to anybody else.
    """
    here, there = httpx.URL(front_door), resolved(front_door, redirect.location)
    if there.host == here.host and there.scheme == here.scheme:
        # Another port of this machine is another front door of a simulator; of any other host it is somebody else's.
        port = there.port if _has_no_subdomains(here.host) else here.port
        path = there.raw_path.partition(b"?")[0].partition(b"/adminapi")[0] or b"/"
        return str(here.copy_with(port=port, raw_path=path)).rstrip("/")
    if not (region := _REGIONAL.fullmatch(there.host)):
        raise Unreadable(f"a redirect to another host: {there.host}", call=redirect.call)
    if _has_no_subdomains(here.host):
        return front_door
    return str(here.copy_with(host=f"{region['label']}.{here.host}")).rstrip("/")


def _has_no_subdomains(host: str) -> bool:
    return host == "localhost" or is_address(host)
