"""How long a new worker process takes to import `function_app`: part of every cold start."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench
from benchmarks.children import ROOT
from benchmarks.rows import Row, timed

PROCESSES = 5

# httpx brings its command line along where click and rich are installed: requirements-dev.txt has them, the cloud not.
_CODE = """
import json, sys, time
sys.modules.update(dict.fromkeys(("click", "rich")))
wall, cpu = time.perf_counter(), time.process_time()
import function_app
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""


async def measure(bench: Bench) -> list[Row]:
    """Wall time of the import, with its bytecode compiled by an import that is not counted."""
    await _import(bench)
    times = [await _import(bench) for _ in range(PROCESSES)]
    note = f"{median(cpu for _, cpu in times):.2f} s of CPU"
    wall = [wall for wall, _ in times]
    return [timed("import of function_app", wall, "s", "at most", 1.0, quiet=bench.quiet, note=note)]


async def _import(bench: Bench) -> tuple[float, float]:
    # Away from the tree: whether bytecode lies there is chance, and `make` asks for none.
    bytecode = {"PYTHONPYCACHEPREFIX": str(bench.folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    return await imported(ROOT, os.environ | bytecode)


async def imported(folder: Path, environ: Mapping[str, str], *options: str) -> tuple[float, float]:
    """Seconds of wall time and of CPU that `import function_app` takes in *folder*, in a fresh process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *options, "-c", _CODE, cwd=folder, env=environ, stdout=PIPE
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"function_app cannot be imported in {folder}")
    wall_s, process_s = json.loads(printed)
    return wall_s, process_s
