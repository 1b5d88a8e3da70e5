"""The console at 10,000 tenants: server time with 20 readers at once, memory, and what the first view weighs."""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256
from http.cookies import SimpleCookie
from itertools import batched, chain, cycle
from statistics import quantiles
from urllib.parse import urljoin
from uuid import UUID

import azure.functions as func
from starlette.requests import HTTPConnection
from starlette.responses import Response

from benchmarks.bench import Bench
from benchmarks.machine import resident_mb
from benchmarks.rows import Row, counted, shown, timed
from clients.connect import Clients, connect
from clients.settings import load
from domain.controls import CATALOGUE
from domain.fleet import minute_of
from domain.fleet_index import Summary
from domain.states import ControlState, StateName
from domain.tenant import TenantConfig
from handlers.api.app import Platform
from handlers.console.session import ConsoleSession, Sessions

TENANTS = 10_000
READERS = 20
ROUNDS = 5
THINKING_S = 5.0
"""What a person reads a page for; the console's own pages ask again every 10 to 15 s."""

SHARD = 25
VISITED_WITHIN_S = 300
"""Tenants that are visited together, and how long a round over all takes."""

MOST_MS = 300.0
MOST_KB = 100.0
MOST_GROWTH_MB = 60.0
"""The index twice, and what is made of it: a list, not a leak."""

_KEY = "a-session-key-of-the-bench-of-32-characters"
_BASE = "https://holdfast.example/api/console/"
_PAGES = ("fleet", "fleet?sort=name", "fleet?state=drifted", "fleet?q=7", "inbox?kind=approval")

type Ask = Callable[[str], Awaitable[bytes]]


async def measure(bench: Bench) -> list[Row]:
    """Fill the index, then have the readers look at its pages, each as often as a person would, while visits write."""
    settings = load(os.environ | {"HOLDFAST_SESSION_KEYS": _KEY})
    clients = replace(bench.clients, settings=settings)
    await _fill(clients)
    ask = _asker(clients)
    first, before = await ask("fleet"), resident_mb(os.getpid())
    async with aclosing(await connect(settings)) as others:
        visits, began = asyncio.create_task(_visit(others)), time.process_time()
        times = list(chain(*await asyncio.gather(*(_read(ask, reader) for reader in range(READERS)))))
        spent = time.process_time() - began
        visits.cancel()
    growth = max(0.0, resident_mb(os.getpid()) - before)
    files = re.findall(r'(?:src|href)="/api/console/(static/[^"]+)"', first.decode())
    weight = len(first) + sum([len(await ask(each)) for each in files])
    p95 = quantiles(times, n=20)[-1] * 1000
    note = f"{READERS} readers, {len(times)} pages of {TENANTS:,} tenants"
    return [
        timed("console: p95 of server time", [p95], "ms", "at most", MOST_MS, quiet=bench.quiet, note=note),
        shown("console: CPU of a page", spent / len(times) * 1000, "ms", "with the reads of the index, and its visits"),
        counted("console: first view", weight / 1000, "kB", MOST_KB, "page, style and scripts as they are sent"),
        counted("console: memory grown by them", growth, "MB", MOST_GROWTH_MB, note),
    ]


async def _fill(clients: Clients) -> None:
    """An index of TENANTS, of which one in ten has something that a person should see."""
    ids = [str(UUID(bytes=sha256(str(number).encode()).digest()[:16])) for number in range(TENANTS)]
    configs = {each: (_config(each), clients.now()) for each in ids}
    await clients.storage.index.compare(configs, {})
    await clients.storage.index.see({each: _summary(number) for number, each in enumerate(ids)})


async def _visit(clients: Clients) -> None:
    """Write the index as the visits of so large a fleet do: each of its pages once in five minutes."""
    tenants = sorted(await clients.storage.index.all(), key=lambda each: (minute_of(each), each[0]))
    shards = list(batched(enumerate(tenants), SHARD, strict=False))
    for shard in cycle(shards):
        await clients.storage.index.see({each: _summary(number) for number, each in shard})
        await asyncio.sleep(VISITED_WITHIN_S / len(shards))


def _config(tenant_id: str) -> TenantConfig:
    short = tenant_id[:11].replace("-", "")
    return TenantConfig(tenant_id=tenant_id, name=f"Customer {short}", initial_domain=f"c{short}.onmicrosoft.com")


def _summary(number: int) -> Summary:
    odd: tuple[StateName, ...] = ("drifted", "needs_person", "awaiting_approval", "held")
    state = odd[number // 10 % len(odd)] if number % 10 == 0 else "compliant"
    controls = {each: ControlState(id=each, state="compliant") for each in CATALOGUE}
    return Summary.of(controls | {"spf": ControlState(id="spf", state=state, detail="see")}, ())


def _asker(clients: Clients) -> Ask:
    """Asks the API's own platform, as a person who is signed in."""

    async def connect() -> Clients:
        return clients

    platform, response = Platform(clients.settings, connect), Response()
    session = ConsoleSession.begun("bench", "oid bench", ("Reader",), clients.now())
    conn = HTTPConnection({"type": "http", "scheme": "https", "headers": []})
    Sessions((_KEY,)).keep(response, conn, session, clients.now())
    cookie = "; ".join(f"{name}={each.value}" for name, each in SimpleCookie(response.headers["set-cookie"]).items())
    headers = {"cookie": cookie, "accept-encoding": "gzip"}

    async def ask(path: str) -> bytes:
        answer = await platform.answer(func.HttpRequest("GET", urljoin(_BASE, path), headers=headers, body=b""))
        if answer.status_code != 200:  # noqa: PLR2004 - OK
            raise RuntimeError(f"{path}: {answer.status_code}")
        body: bytes = answer.get_body()
        return body

    return ask


async def _read(ask: Ask, reader: int) -> list[float]:
    """The seconds of each of a reader's pages; they begin one after the other, as people do."""
    times = []
    await asyncio.sleep(reader * THINKING_S / READERS)
    for number in range(ROUNDS):
        began = time.perf_counter()
        await ask(_PAGES[(reader + number) % len(_PAGES)])
        times.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, THINKING_S - times[-1]))
    return times
