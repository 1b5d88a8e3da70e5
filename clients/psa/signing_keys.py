"""The keys ConnectWise signs with. Where a key is fetched stands in the body that it is to prove, so none is believed.

Source: docs/reference/psa.md#connectwise-signature. The host must be one of those allowed, the company and the
product instance the ones of this connection: every other customer of ConnectWise is on the same hosts.
"""

import asyncio
import re
from collections import deque
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx

from clients.cache import ExpiringCache
from clients.errors import Call, Throttled, Unreachable
from clients.http import Clock
from clients.psa.connections import ConnectWiseConnection
from domain.nesting import parse_json
from domain.psa.delivery import KeyPlace

_KEPT = timedelta(minutes=10)
ASKED_AGAIN = timedelta(minutes=1)
"""A key that did not fit may have been exchanged; somebody who forges must not make us ask more often than this."""
KEYS_KEPT = 64
FETCHES_A_MINUTE = 12
_PATIENCE_S = 2.0
"""ConnectWise waits 5 s for our answer, and comes again when told 429 (docs/reference/psa.md#connectwise-callbacks)."""
_LARGEST_BYTES = 65_536
_PATH = re.compile(r"/v[0-9_]+/{1,2}system/callbackkey/index\.rails")
"""Below a codebase (docs/reference/psa.md#connectwise-signature): other paths of the host serve what others wrote."""


class SigningKeys:
    """The signing keys of one connection."""

    def __init__(self, web: httpx.AsyncClient, connection: ConnectWiseConnection, *, now: Clock) -> None:
        self._web = web
        self._connection = connection
        self._now = now
        self._keys: ExpiringCache[str, str] = ExpiringCache(KEYS_KEPT)
        self._asked: ExpiringCache[str, bool] = ExpiringCache(KEYS_KEPT)
        self._fetched_at: deque[datetime] = deque()
        self._lock = asyncio.Lock()

    def trusts(self, place: KeyPlace) -> bool:
        """Whether a key may be fetched there at all, and what it proves would be this connection's."""
        url = urlsplit(place.url)
        return (
            url.scheme == "https"
            and url.netloc.lower() in self._connection.hosts
            and not url.fragment
            and _PATH.fullmatch(url.path) is not None
            and place.instance == self._connection.product_instance
            and place.company == self._connection.company
            and place.company_of_key == self._connection.company
        )

    async def at(self, url: str, *, instead_of: str | None = None) -> str | None:
        """The key at *url*; None when there is none. *instead_of*: a key that did not fit, to be fetched anew.

        Raises:
            Unreachable, Throttled: It could not be fetched now.
        """
        if (kept := self._kept(url, instead_of)) is not None:
            return kept
        async with self._lock:  # those who need the same key fetch it once
            if (kept := self._kept(url, instead_of)) is not None:
                return kept
            self._spend(url)
            key = await self._fetch(url)
            self._asked.put(url, value=True, until=self._now() + ASKED_AGAIN)
            if key is not None:
                self._keys.put(url, key, self._now() + _KEPT)
            return key

    def _kept(self, url: str, instead_of: str | None) -> str | None:
        """The key we have, unless it is the one that did not fit and enough time has passed to ask for another."""
        kept = self._keys.get(url, self._now())
        return kept if kept != instead_of or self._asked.get(url, self._now()) else None

    def _spend(self, url: str) -> None:
        now = self._now()
        while self._fetched_at and now - self._fetched_at[0] >= timedelta(minutes=1):
            self._fetched_at.popleft()
        if len(self._fetched_at) >= FETCHES_A_MINUTE:
            raise Throttled("more signing keys are asked for than one connection has", call=_call(url))
        self._fetched_at.append(now)

    async def _fetch(self, url: str) -> str | None:
        try:
            async with asyncio.timeout(_PATIENCE_S), self._web.stream("GET", url, follow_redirects=False) as response:
                content = bytearray()
                async for chunk in response.aiter_raw():
                    content += chunk
                    if len(content) > _LARGEST_BYTES:
                        return None
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"no signing key: {type(error).__name__}", call=_call(url), sent=True) from error
        if (
            response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
            or response.status_code == httpx.codes.TOO_MANY_REQUESTS
        ):
            raise Unreachable("no signing key now", call=_call(url, response.status_code), sent=True)
        return _key(bytes(content)) if response.status_code == httpx.codes.OK else None


def _key(content: bytes) -> str | None:
    try:
        found = parse_json(content)
    except ValueError:
        return None
    key = found.get("signing_key") if isinstance(found, dict) else None
    return key if isinstance(key, str) and key else None


def _call(url: str, status: int | None = None) -> Call:
    return Call("GET", urlsplit(url).path, status)
