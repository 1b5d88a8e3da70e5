"""What is deployed: its size, and how long the app takes to import from it, which is part of every cold start."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from statistics import median

from benchmarks.bench import Bench
from benchmarks.children import ROOT
from benchmarks.imports import imported
from benchmarks.rows import Row, shown

PROCESSES = 5

_MEBI = 1024 * 1024


async def measure(_: Bench) -> list[Row]:
    """Make the package, weigh it, and import the app from a copy of it that nobody may write, as in Azure."""
    made = await asyncio.create_subprocess_exec(sys.executable, "-m", "infra.make_package", cwd=ROOT, stdout=PIPE)
    await made.communicate()
    if made.returncode:
        raise RuntimeError("the package cannot be made")
    folder = ROOT / "build" / "package"
    unpacked = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    libraries = folder / ".python_packages" / "lib" / "site-packages"
    # Nothing else is on the path, so what the package lacks is missed here and not in the cloud.
    environ = os.environ | {"PYTHONPATH": str(libraries), "PYTHONDONTWRITEBYTECODE": "1"}
    times = [await imported(folder, environ, "-S") for _ in range(PROCESSES)]
    note = f"{median(cpu for _, cpu in times):.2f} s of CPU; best of {PROCESSES}: {min(wall for wall, _ in times):.3g}"
    return [
        shown("package, zipped", (ROOT / "build" / "holdfast.zip").stat().st_size / _MEBI, "MiB", "at most 1 GB"),
        shown("package, unpacked", unpacked / _MEBI, "MiB", "with bytecode, which is not made again"),
        shown("import of function_app from the package", median(wall for wall, _ in times), "s", note),
    ]
