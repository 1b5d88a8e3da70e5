"""HTTP for every client: one connection pool, one way to read an answer, and the only place that repeats a read."""

import base64
import gzip
import io
import json
import logging
import re
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from uuid import uuid4

import httpx
import stamina

from clients import restraint as restraints
from clients import telemetry
from clients.dispatch import Dispatch, Overdue
from clients.errors import (
    AlreadyExists,
    Call,
    ClientError,
    Forbidden,
    Garbled,
    Invalid,
    NotFound,
    Redirected,
    Throttled,
    Unauthorised,
    Unreachable,
    Unreadable,
)
from clients.restraint import Resting
from domain.nesting import parse_json

log = logging.getLogger("holdfast.http")

TRIES = 5
PATIENCE_S = 20.0
"""Longer waits belong to the queue, which holds no worker meanwhile."""
LONGEST_WAIT_S = 24 * 3600
"""A Retry-After above this is nonsense, and taken as this."""
USER_AGENT = "Holdfast/0.1 (python-httpx)"

type Clock = Callable[[], datetime]
"""Gives the time now, aware and in UTC."""
type Permit = Callable[[], Awaitable[float]]
"""Awaited last, immediately before a write goes out. Raises to stop it: then nothing was sent.

Returns the moment for which it speaks, by the event loop's clock: the write leaves soon after that or not at all.
"""


def utc_now() -> datetime:
    """The machine's own clock."""
    return datetime.now(UTC)


class Intent(Enum):
    """What a request leaves behind, which decides what an answer proves. Only a read is ever sent again."""

    READ = "nothing"
    SET = "the same setting, however often"
    CREATE = "one more object each time"


# Exchange stops a cmdlet only after 15 minutes. Past these limits a read is retried, a write read back:
# docs/reference/exchange.md#timeouts
# A write that a permit let pass is held to clients/dispatch.py besides.
_WRITE_TIMEOUT = httpx.Timeout(10, connect=4, read=180, pool=1)
_TIMEOUTS = {
    Intent.READ: httpx.Timeout(10, read=90, pool=30),
    Intent.SET: _WRITE_TIMEOUT,
    Intent.CREATE: _WRITE_TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. *intent* also sets how long an answer is waited for: 90 s to read, 180 s to write.

    *service*: who is asked, for the rests of a tenant that is throttled there (clients/restraint.py).
    *permitted_at*: the moment for which a permit let a write pass (clients/dispatch.py). *once*: also a read is sent
    only once, since whoever asks counts its requests.
    """

    method: str
    url: str
    intent: Intent
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    service: str = ""
    permitted_at: float | None = None
    once: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, its body as the bytes that came. *at*: when the last of them arrived."""

    call: Call
    status: int
    intent: Intent
    headers: httpx.Headers = field(repr=False)
    content: bytes = field(repr=False)
    at: datetime

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> object:
        """The body as JSON. Raises Garbled when it is not, or is nested deeper than anybody means."""
        try:
            return parse_json(self.content)
        except ValueError:
            form = self.headers.get("content-type", "no content type")
            raise Garbled(f"not JSON ({form}, {len(self.content)} bytes): {self.text}", call=self.call) from None


class _Pools(httpx.AsyncBaseTransport):
    """Many small connection pools instead of one: httpcore polls a pool's every idle connection on every request."""

    COUNT = 32
    # All are kept: a visit asks two services at once, and of fewer places one would close the other's connection.
    LIMITS = httpx.Limits(max_connections=4, max_keepalive_connections=4, keepalive_expiry=60)

    def __init__(self) -> None:
        trust = ssl.create_default_context()  # OpenSSL itself honours SSL_CERT_FILE
        self._pools = [httpx.AsyncHTTPTransport(verify=trust, limits=self.LIMITS) for _ in range(self.COUNT)]
        self._busy = [0] * self.COUNT

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* through the first of the least busy pools, so that few connections do most of the work."""
        number = self._busy.index(min(self._busy))
        self._busy[number] += 1
        try:
            return await self._pools[number].handle_async_request(request)
        finally:
            self._busy[number] -= 1

    async def aclose(self) -> None:
        for pool in self._pools:
            await pool.aclose()


def make_client() -> httpx.AsyncClient:
    """The connections that every client of a worker shares. Close it with `aclose`."""
    return httpx.AsyncClient(
        transport=_Pools(),
        follow_redirects=False,  # a token goes only to the host it was meant for
        timeout=httpx.Timeout(10, pool=30),
        # Exchange labels bodies gzip that are not, so none is asked for (docs/reference/exchange.md#nul-bytes).
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        # What a service sets for one tenant must not go out with another's requests.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


class Http:
    """Sends requests: reads with patience for what passes in seconds, writes once. Longer waits are the queue's."""

    def __init__(self, client: httpx.AsyncClient, *, now: Clock) -> None:
        self._client = client
        self.now = now

    async def send[T](self, request: Request, read: Callable[[Answer], T], *, failed: ClientError | None = None) -> T:
        """Send *request*, a read also again, and return what *read* makes of the answer.

        *read* raises a ClientError for an answer that is not a success; most readers begin with `raise_for_status`.
        *failed* is how a read's first try made elsewhere ended (as an item of a batch): its wait is kept here.

        Raises:
            Unreachable: No answer; for a write with `sent` the outcome is unknown.
            Throttled: A read's wait is longer than our patience, or its tries are used up. A write was not done.
            Resting: The same, or a read had no answer for the second time in a row, and the tenant now rests at this
                service; or it rested there already.
            ClientError: Whatever *read* raised.
        """
        try:
            if request.once or request.intent is not Intent.READ:
                # It was permitted for this moment; after a wait somebody may have pulled the brake.
                return read(await self._once(request))
            return await self._patiently(request, read, failed)
        except Resting:
            raise
        except Throttled as error:
            restraint = restraints.current()
            if restraint and request.service:
                raise restraint.rested(request.service, error.retry_after_s, self.now()) from error
            raise
        except Unreachable as error:
            # A connection that was not had is no tenant's doing: all of them share it.
            if error.sent and request.intent is Intent.READ and request.service and (held := restraints.current()):
                held.silent(request.service, error, self.now())
            raise

    async def _patiently[T](self, request: Request, read: Callable[[Answer], T], failed: ClientError | None) -> T:
        async for attempt in stamina.retry_context(
            on=_Patience(), attempts=TRIES, timeout=PATIENCE_S, wait_initial=0.5, wait_max=5, wait_jitter=0.5
        ):
            with attempt:
                if failed:
                    earlier, failed = failed, None
                    if isinstance(earlier, Throttled):
                        telemetry.throttled(httpx.URL(request.url).netloc.decode())
                        _turned_away(request, earlier)
                    raise earlier
                try:
                    return read(await self._once(request))
                except Throttled as error:
                    _turned_away(request, error)
                    raise
        raise AssertionError("a retry context ends by returning or raising")

    async def _once(self, request: Request) -> Answer:
        if (restraint := restraints.current()) and request.service:
            restraint.admit(request.service, self.now())
        trace, url = str(uuid4()), httpx.URL(request.url)
        call = Call(request.method, url.path)
        try:
            async with (
                Dispatch(request.permitted_at) as dispatch,
                self._client.stream(
                    request.method,
                    url,
                    headers={**request.headers, "client-request-id": trace},
                    content=request.content,
                    timeout=_TIMEOUTS[request.intent],
                    extensions={"trace": dispatch.trace},
                ) as response,
            ):
                content = await _received(response, call)
        except Overdue as overdue:
            raise Unreachable(str(overdue), call=call, sent=overdue.begun) from overdue
        except _NOT_SENT as error:
            raise Unreachable(_sentence(error), call=call, sent=False) from error
        except httpx.TransportError as error:
            raise Unreachable(_sentence(error), call=call, sent=True) from error
        except ValueError as error:
            # httpx works out where a redirect leads even when it is not to follow it.
            raise Unreadable(f"an answer that cannot be taken apart: {error}", call=call) from error
        headers = response.headers
        if restraint and request.service and response.status_code < 500:  # noqa: PLR2004 - RFC 9110, section 15.6
            restraint.answered(request.service)
        if response.status_code in _BUSY:
            telemetry.throttled(url.netloc.decode())
        call = Call(call.method, call.path, response.status_code, headers.get("request-id", trace))
        log.debug("http_answer call=%s bytes=%d", call, len(content))
        return Answer(call, response.status_code, request.intent, headers, _unpacked(content, call), self.now())


_BUSY = {429, 503}

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


def _turned_away(request: Request, error: Throttled) -> None:
    if (restraint := restraints.current()) and request.service:
        restraint.turned_away(request.service, error.retry_after_s)


def _sentence(error: httpx.TransportError) -> str:
    return f"no answer: {type(error).__name__} {error}".rstrip()


LARGEST_ANSWER = 64 * 1024 * 1024
"""Octets of an answer, also without its gzip: many times the longest list of objects that Exchange gives."""


async def _received(response: httpx.Response, call: Call) -> bytes:
    """The body as it came. Raw: a decoder that trips over a lying gzip label would hide the status."""
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise Unreadable(f"an answer of more than {LARGEST_ANSWER} bytes", call=call)
    return bytes(content)


def _unpacked(content: bytes, call: Call) -> bytes:
    """The body without gzip. Its label is not believed, for it lies both ways; no JSON begins with the magic number.

    Raises:
        Unreadable: It would become larger than any answer is.
    """
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as packed:
            found = packed.read(LARGEST_ANSWER + 1)
    except (OSError, EOFError, zlib.error):
        return content
    if len(found) > LARGEST_ANSWER:
        raise Unreadable(f"an answer that unpacks to more than {LARGEST_ANSWER} bytes", call=call)
    return found


class _Patience:
    """Says after each failure how long to wait before a read is tried again (a stamina back-off hook)."""

    def __init__(self) -> None:
        self._left_s = PATIENCE_S

    def __call__(self, error: Exception) -> bool | float:
        if isinstance(error, Resting) or not isinstance(error, Throttled | Unreachable | Garbled):
            return False
        log.warning("http_failed error=%s reason=%s", type(error).__name__, str(error))
        if not isinstance(error, Throttled) or error.retry_after_s is None:
            return True
        self._left_s -= error.retry_after_s
        return error.retry_after_s if self._left_s >= 0 else False


def resolved(base: str, link: str) -> httpx.URL:
    """Where *link*, found at *base*, leads. Raises Unreadable when it is no address at all."""
    try:
        there = httpx.URL(base).join(link)
        # Reading the name decodes it, which fails for a malformed international one.
        _ = there.host
    except (httpx.InvalidURL, ValueError):
        raise Unreadable(f"a link that is not an address: {link}") from None
    return there


def on_the_same_host(url: str, link: str) -> str:
    """Where *link*, found at *url*, leads. Raises Unreadable when that is another host: our token would go along."""
    here, there = httpx.URL(url), resolved(url, link)
    if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
        raise Unreadable(f"a link to another host: {there.host}")
    return str(there)


def raise_for_status(answer: Answer, *, said: str | None = None) -> None:
    """Raise the ClientError that a status other than 2xx stands for.

    429 and 503 as `busy` says, other 5xx and 408 Unreachable, 3xx Redirected, 401 Unauthorised, 403 Forbidden,
    404 NotFound, 409 AlreadyExists, other 4xx Invalid.
    *said*: what the other side gave as its reason; by default the body.
    """
    text = answer.text if said is None else said
    call = answer.call
    match answer.status:
        case status if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110, section 15.3
            return
        case 429 | 503:
            raise busy(answer, text)
        case 401:
            raise Unauthorised(text, call=call, claims=claims_asked_for(answer.headers))
        case 403:
            raise Forbidden(text, call=call)
        case 404:
            raise NotFound(text, call=call)
        case 409:
            raise AlreadyExists(text, call=call)
        case status if status == 408 or status >= 500:  # noqa: PLR2004 - RFC 9110, section 15
            raise Unreachable(text, call=call, sent=True)
        case status if status >= 400:  # noqa: PLR2004 - RFC 9110, section 15.5
            raise Invalid(text, call=call)
    raise Redirected(text, call=call, location=answer.headers.get("location", ""))


def busy(answer: Answer, said: str) -> Throttled | Unreachable:
    """The error for *answer* as a request to come back later.

    Only 429 proves that a write was turned away; a server that became busy halfway may have done it: Unreachable.
    """
    if answer.intent is Intent.READ or answer.status == 429:  # noqa: PLR2004 - RFC 6585, section 4
        return Throttled(said, call=answer.call, retry_after_s=retry_after_s(answer.headers, answer.at))
    return Unreachable(said, call=answer.call, sent=True)


def retry_after_s(headers: httpx.Headers, now: datetime) -> float | None:
    """Seconds to wait by the Retry-After header, 0 to LONGEST_WAIT_S; None when absent or unreadable.

    Source: RFC 9110, section 10.2.3: a number of seconds or an HTTP date.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        # More than nine digits are past the longest wait anyway, and int() refuses thousands.
        return float(min(int(value[:9]), LONGEST_WAIT_S))
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return min(max((date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds(), 0.0), LONGEST_WAIT_S)


def claims_asked_for(headers: httpx.Headers) -> str | None:
    """The claims (JSON text) that a new token must carry, by the challenge in WWW-Authenticate; None without any.

    Source: Microsoft Learn, "Claims challenges, claims requests, and client capabilities": base64 of a JSON object.
    """
    found = re.search(r'\bclaims="([\w+/=-]+)"', headers.get("www-authenticate", ""))
    if not found:
        return None
    try:
        text = base64.b64decode(found[1].rstrip("=") + "==", altchars=b"-_").decode()
        return text if isinstance(json.loads(text), dict) else None
    except (ValueError, RecursionError):
        return None
