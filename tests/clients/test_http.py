import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
import respx
import stamina
import trustme
from hypothesis import given
from hypothesis import strategies as st
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from clients.errors import (
    AlreadyExists,
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
from clients.http import (
    LARGEST_ANSWER,
    LONGEST_WAIT_S,
    TRIES,
    Answer,
    Http,
    Intent,
    Request,
    make_client,
    raise_for_status,
    resolved,
    retry_after_s,
)

URL = "https://neighbour.test/things?sig=hidden"
FINE = httpx.Response(200, json={"fine": True})
HTML = httpx.Response(200, html="<html>gateway</html>")
CUT = httpx.Response(200, content=b'{"fine": tr', headers={"content-type": "application/json"})

LOST = [
    pytest.param(httpx.ReadTimeout("slow"), id="read_timeout"),
    pytest.param(httpx.ReadError("reset"), id="reset"),
    pytest.param(httpx.RemoteProtocolError("server disconnected"), id="disconnect"),
    pytest.param(httpx.Response(408), id="408"),
    pytest.param(httpx.Response(500), id="500"),
    pytest.param(httpx.Response(502), id="502"),
    pytest.param(httpx.Response(504), id="504"),
]
NEVER_OPENED = [
    pytest.param(httpx.ConnectError("refused"), id="refused"),
    pytest.param(httpx.ConnectTimeout("slow"), id="connect_timeout"),
    pytest.param(httpx.PoolTimeout("full"), id="pool_timeout"),
]
TURNED_AWAY = [
    pytest.param(httpx.Response(429), id="429_without_retry_after"),
    pytest.param(httpx.Response(429, headers={"Retry-After": "3"}), id="429_with_seconds"),
    pytest.param(httpx.Response(429, text="You have reached the maximum number of concurrent requests"), id="429_text"),
]
WRITES = [Intent.SET, Intent.CREATE]
BUSY = [pytest.param(httpx.Response(503), id="503")]
GARBLED = [pytest.param(HTML, id="html"), pytest.param(CUT, id="truncated_json")]


def read(answer: Answer) -> object:
    raise_for_status(answer)
    return answer.json()


def request_to(intent: Intent) -> Request:
    return Request("POST", URL, intent, {"Authorization": "Bearer hidden"})


@pytest.mark.parametrize("passing", LOST + NEVER_OPENED + TURNED_AWAY + BUSY + GARBLED)
async def test_a_read_is_asked_again_after_what_passes(
    http: Http, router: respx.MockRouter, passing: httpx.Response | Exception
) -> None:
    route = router.post(URL).mock(side_effect=[passing, FINE])

    assert await http.send(request_to(Intent.READ), read) == {"fine": True}
    assert route.call_count == 2


@pytest.mark.parametrize("intent", WRITES)
@pytest.mark.parametrize("unopened", NEVER_OPENED)
async def test_a_write_that_never_left_is_not_tried_again_here(
    http: Http, router: respx.MockRouter, intent: Intent, unopened: Exception
) -> None:
    route = router.post(URL).mock(side_effect=[unopened, FINE])

    with pytest.raises(Unreachable) as raised:
        await http.send(request_to(intent), read)

    assert not raised.value.sent
    assert route.call_count == 1


@pytest.mark.parametrize("intent", WRITES)
@pytest.mark.parametrize("turned_away", TURNED_AWAY)
async def test_a_write_that_was_turned_away_waits_in_the_queue_and_not_here(
    http: Http, router: respx.MockRouter, intent: Intent, turned_away: httpx.Response
) -> None:
    route = router.post(URL).mock(side_effect=[turned_away, FINE])

    with pytest.raises(Throttled) as raised:
        await http.send(request_to(intent), read)

    assert raised.value.retry_after_s == (3 if "retry-after" in turned_away.headers else None)
    assert route.call_count == 1


@pytest.mark.parametrize("intent", WRITES)
async def test_a_write_is_on_its_way_within_ten_seconds_or_never(
    http: Http, router: respx.MockRouter, intent: Intent
) -> None:
    route = router.post(URL).mock(return_value=FINE)

    await http.send(request_to(intent), read)

    waits = route.calls.last.request.extensions["timeout"]
    tcp_and_tls = 2
    assert waits["pool"] + tcp_and_tls * waits["connect"] < 10


@pytest.mark.parametrize("intent", WRITES)
@pytest.mark.parametrize("lost", LOST + BUSY)
async def test_a_write_whose_answer_was_lost_is_not_sent_again(
    http: Http, router: respx.MockRouter, intent: Intent, lost: httpx.Response | Exception
) -> None:
    route = router.post(URL).mock(side_effect=[lost, FINE])

    with pytest.raises(Unreachable) as raised:
        await http.send(request_to(intent), read)

    assert raised.value.sent
    assert route.call_count == 1


@pytest.mark.parametrize("intent", WRITES)
@pytest.mark.parametrize("garbled", GARBLED)
async def test_a_write_with_an_unreadable_answer_is_not_sent_again(
    http: Http, router: respx.MockRouter, intent: Intent, garbled: httpx.Response
) -> None:
    route = router.post(URL).mock(side_effect=[garbled, FINE])

    with pytest.raises(Garbled):
        await http.send(request_to(intent), read)

    assert route.call_count == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Invalid), (401, Unauthorised), (403, Forbidden), (404, NotFound), (405, Invalid), (409, AlreadyExists)],
)
@pytest.mark.parametrize("intent", Intent)
async def test_a_refusal_is_final(
    http: Http, router: respx.MockRouter, intent: Intent, status: int, error: type[ClientError]
) -> None:
    route = router.post(URL).mock(side_effect=[httpx.Response(status), FINE])

    with pytest.raises(error):
        await http.send(request_to(intent), read)

    assert route.call_count == 1


async def test_patience_ends_after_five_tries(http: Http, router: respx.MockRouter) -> None:
    route = router.post(URL).respond(503)

    with pytest.raises(Throttled):
        await http.send(request_to(Intent.READ), read)

    assert route.call_count == TRIES


async def test_a_never_opened_connection_is_told_apart_from_a_lost_answer(http: Http, router: respx.MockRouter) -> None:
    router.post(URL).mock(side_effect=httpx.ConnectError("refused"))

    with pytest.raises(Unreachable) as raised:
        await http.send(request_to(Intent.CREATE), read)

    assert not raised.value.sent


async def test_a_wait_longer_than_our_patience_is_left_to_the_queue(http: Http, router: respx.MockRouter) -> None:
    route = router.post(URL).respond(429, headers={"Retry-After": "120"})

    with pytest.raises(Throttled) as raised:
        await http.send(request_to(Intent.READ), read)

    assert raised.value.retry_after_s == 120
    assert route.call_count == 1


async def test_short_waits_that_add_up_are_left_to_the_queue(http: Http, router: respx.MockRouter) -> None:
    route = router.post(URL).respond(429, headers={"Retry-After": "8"})

    with pytest.raises(Throttled) as raised:
        await http.send(request_to(Intent.READ), read)

    assert raised.value.retry_after_s == 8
    assert route.call_count == 3


class _SleptError(Exception):
    """Stands in for the sleep, so that no test has to."""


@pytest.fixture
def waits() -> Iterator[list[float]]:
    waits: list[float] = []

    def stop(details: RetryDetails) -> None:
        waits.append(details.wait_for)
        raise _SleptError

    set_on_retry_hooks([stop])
    with stamina.set_testing(False):
        yield waits
    set_on_retry_hooks(None)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("7", id="seconds"),
        pytest.param("Tue, 11 Aug 2026 14:02:44 GMT", id="date_seven_seconds_ahead"),
    ],
)
async def test_the_wait_asked_for_is_the_wait_kept(
    http: Http, router: respx.MockRouter, waits: list[float], value: str
) -> None:
    router.post(URL).respond(429, headers={"Retry-After": value})

    with pytest.raises(_SleptError):
        await http.send(request_to(Intent.READ), read)

    assert waits == [7]


async def test_without_a_wait_asked_for_the_first_one_is_about_a_second(
    http: Http, router: respx.MockRouter, waits: list[float]
) -> None:
    router.post(URL).respond(429)

    with pytest.raises(_SleptError):
        await http.send(request_to(Intent.READ), read)

    assert 0.5 <= waits[0] <= 1


NOW = datetime(2026, 8, 11, 14, 2, 37, tzinfo=UTC)


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0")))
def test_any_retry_after_is_a_bounded_wait_or_none(value: str) -> None:
    wait = retry_after_s(httpx.Headers([(b"retry-after", value.encode("latin-1"))], encoding="latin-1"), NOW)

    assert wait is None or 0 <= wait <= LONGEST_WAIT_S


@given(st.integers(min_value=0, max_value=10**12).map(str) | st.just("9" * 5000))
def test_seconds_to_wait_are_read_and_capped(digits: str) -> None:
    wait = retry_after_s(httpx.Headers({"Retry-After": digits}), NOW)

    assert wait == (int(digits) if len(digits) <= 5 and int(digits) < LONGEST_WAIT_S else LONGEST_WAIT_S)


@given(st.integers(min_value=-(10**6), max_value=10**6))
def test_a_date_to_wait_for_is_read_against_the_clock(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after_s(httpx.Headers({"Retry-After": date}), NOW) == min(max(seconds, 0), LONGEST_WAIT_S)


async def test_messages_name_the_path_and_never_the_query_or_the_token(http: Http, router: respx.MockRouter) -> None:
    router.post(URL).respond(400, text="Bearer hidden was sent", headers={"request-id": "r-1"})

    with pytest.raises(Invalid) as raised:
        await http.send(request_to(Intent.READ), read)

    assert str(raised.value) == "POST /things -> 400 (request-id r-1): Bearer <masked> was sent"


async def test_a_redirect_is_told_and_not_followed(http: Http, router: respx.MockRouter) -> None:
    router.post(URL).respond(302, headers={"Location": "https://elsewhere.test:446/x"})
    elsewhere = router.route(host="elsewhere.test")

    with pytest.raises(Redirected) as raised:
        await http.send(request_to(Intent.READ), read)

    assert raised.value.location == "https://elsewhere.test:446/x"
    assert not elsewhere.called


async def test_a_cookie_that_an_answer_for_one_tenant_sets_goes_out_with_no_other_request(
    http: Http, router: respx.MockRouter
) -> None:
    set_cookie = {"set-cookie": "affinity=of-tenant-a; Path=/; Secure"}
    route = router.get(URL).mock(return_value=httpx.Response(200, json={}, headers=set_cookie))
    for _ in range(2):
        await http.send(Request("GET", URL, Intent.READ), read)
    assert ["cookie" in call.request.headers for call in route.calls] == [False, False]


async def test_every_try_says_who_asks_and_carries_an_id_of_its_own(http: Http, router: respx.MockRouter) -> None:
    route = router.post(URL).mock(side_effect=[httpx.Response(503), FINE])

    await http.send(request_to(Intent.READ), read)

    first, second = (call.request.headers for call in route.calls)
    assert first["user-agent"].startswith("Holdfast/")
    assert first["accept-encoding"] == "identity"
    assert first["client-request-id"] != second["client-request-id"]


@given(st.text() | st.from_regex(r"(https?:)?//(xn--|\[)?[^/]*/?"))
def test_any_link_is_an_address_or_unreadable(link: str) -> None:
    with suppress(Unreadable):
        assert isinstance(resolved(URL, link).host, str)


async def test_the_time_of_an_answer_is_when_it_arrived(http: Http, router: respx.MockRouter) -> None:
    router.post(URL).mock(return_value=FINE)

    assert await http.send(request_to(Intent.READ), lambda answer: answer.at) == NOW


def test_tokens_and_bodies_stay_out_of_representations() -> None:
    assert "hidden" not in repr(Request("POST", "https://x.test", Intent.READ, {"a": "hidden"}, b"hidden"))


# What follows speaks to a real socket: respx does not show what h11, TLS and the kernel do.

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}/"


def answering(status: str, headers: str, body: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
        writer.write(body)
        await writer.drain()
        writer.close()

    return serve


GZIP = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"


@pytest.mark.parametrize("body", [b"\0" * 4096, b"\x1f\x8b" + b"\0" * 4096], ids=["nul_bytes", "broken_gzip"])
async def test_a_refusal_that_only_claims_to_be_gzip_is_a_refusal(http: Http, body: bytes) -> None:
    async with server(answering("403 Forbidden", GZIP, body)) as url:
        with pytest.raises(Forbidden):
            await http.send(Request("GET", url, Intent.READ), read)


async def test_a_body_that_is_gzip_although_none_was_asked_for_is_read(http: Http) -> None:
    async with server(answering("200 OK", GZIP, gzip.compress(b'{"fine": true}'))) as url:
        assert await http.send(Request("GET", url, Intent.READ), read) == {"fine": True}


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
async def test_a_body_that_unpacks_to_more_than_any_answer_is_not_unpacked(http: Http, status: str) -> None:
    """Four hundred megabytes of nothing are 0.4 of gzip."""
    packed = gzip.compress(bytes(LARGEST_ANSWER + 1), 9)
    async with server(answering(status, GZIP, packed)) as url:
        with pytest.raises(Unreadable, match=r"unpacks to more"):
            await http.send(Request("GET", url, Intent.READ), read)


async def test_a_body_without_an_end_is_left(http: Http) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(bytes(1_000_000))
                await writer.drain()

    async with server(serve) as url:
        with pytest.raises(Unreadable, match=r"more than"):
            await http.send(Request("GET", url, Intent.READ), read)


async def test_json_that_is_nested_deeper_than_anybody_means_is_no_answer(http: Http) -> None:
    async with server(answering("200 OK", "", b"[" * 5000 + b"]" * 5000)) as url:
        with pytest.raises(Garbled):
            await http.send(Request("POST", url, Intent.SET), read)


async def test_a_connection_cut_after_the_request_may_have_been_applied(http: Http) -> None:
    asked = 0

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.close()

    async with server(cut) as url:
        with pytest.raises(Unreachable) as raised:
            await http.send(Request("POST", url, Intent.CREATE), read)

    assert raised.value.sent
    assert asked == 1


async def test_a_refused_connection_was_never_sent(http: Http) -> None:
    async with server(answering("200 OK", "", b"{}")) as url:
        pass

    with pytest.raises(Unreachable) as raised:
        await http.send(Request("POST", url, Intent.CREATE), read)

    assert not raised.value.sent


async def test_an_authority_named_in_the_environment_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))

    async with server(answering("200 OK", "", b"{}"), tls) as url, make_client() as client:
        assert await Http(client, now=lambda: NOW).send(Request("GET", url, Intent.READ), read) == {}


async def test_what_was_asked_at_once_of_two_services_leaves_its_connections_to_the_next_questions() -> None:
    opened, at_once = 0, asyncio.Barrier(50)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                await at_once.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async with server(serve) as exchange, server(serve) as compliance, make_client() as client:
        web = Http(client, now=lambda: NOW)
        for _ in range(2):
            urls = [exchange, compliance] * (at_once.parties // 2)
            await asyncio.gather(*(web.send(Request("GET", url, Intent.READ), read) for url in urls))

    assert opened == at_once.parties
