"""Processes that the benchmarks start, each ended by its pid."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

_START_S = 60.0
_STOP_S = 15.0
_LOOK_S = 0.05
_LINE_BYTES = 2**20


@asynccontextmanager
async def child(module: str, *arguments: str, log: Path) -> AsyncIterator[Process]:
    """Run `python -m module` while the block runs, with pipes to talk through and its stderr in *log*."""
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            stderr=stderr,
            limit=_LINE_BYTES,
        )
    try:
        yield process
    finally:
        await _end(process)


async def ready(process: Process, file: Path, log: Path) -> Any:  # noqa: ANN401 - JSON of another program
    """What *process* writes into *file* once it listens.

    Raises:
        RuntimeError: It ended before, with the last line of its *log*.
        TimeoutError: It did not within a minute.
    """
    async with asyncio.timeout(_START_S):
        while not file.exists():  # noqa: ASYNC240 - a file in another process's hands sends no event
            if process.returncode is not None:
                raise RuntimeError(f"a process ended before it was ready: {last_line(log)}")
            await asyncio.sleep(_LOOK_S)
    return json.loads(file.read_bytes())  # noqa: ASYNC240


def last_line(log: Path) -> str:
    return (log.read_text(errors="replace").splitlines() or ["it said nothing"])[-1]


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()
