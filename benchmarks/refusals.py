"""What it costs to refuse a caller: anonymous requests reach the worker, since the API checks its keys itself."""

import time
from statistics import median

import azure.functions as func

from benchmarks.bench import Bench
from benchmarks.rows import Row, shown
from clients.connect import Clients
from clients.settings import load
from handlers.api.app import Platform

ROUNDS, REQUESTS = 5, 1_000

_SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "HOLDFAST_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
    "HOLDFAST_CLIENT_SECRET": "secret",
    "HOLDFAST_DEV_KEY": "a key that nobody shows",
} | {f"HOLDFAST_{lane}_SCHEDULE": "0 0 0 1 1 *" for lane in ("FAST", "SLOW", "ALERTS", "AUDIT")}


async def measure(_: Bench) -> list[Row]:
    """CPU of one refusal as the platform calls the app, with and without a key that is none of ours."""
    api = Platform(load(_SETTINGS), _nobody)
    return [
        shown("refusal of a caller without a key", await _cpu_us(api, {}), "us", "CPU, 64 KiB body unread"),
        shown("refusal of a wrong key", await _cpu_us(api, {"x-functions-key": "wrong"}), "us", "the same"),
    ]


async def _nobody() -> Clients:
    raise RuntimeError("a refusal asks no neighbour")


async def _cpu_us(api: Platform, headers: dict[str, str]) -> float:
    """Microseconds of CPU that one refusal takes, the median of some rounds."""
    request = func.HttpRequest("PUT", "https://holdfast.example/api/brake", headers=headers, body=b" " * 65_536)
    rounds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(REQUESTS):
            answer = await api.answer(request)
            if answer.status_code != 401:  # noqa: PLR2004
                raise RuntimeError(f"{answer.status_code} instead of a refusal")
        rounds.append((time.process_time() - before) / REQUESTS * 1e6)
    return median(rounds)
