"""The machine that measured, and what one of its processes uses. Read from /proc, so only on Linux."""

import os
import platform
import re
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import ROOT

QUIET_LOAD = 0.25
"""Runnable programs per core, on average over the last minute, up to which a machine counts as quiet."""

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and on which code the figures were made. *load*: runnable programs per core before they were."""

    cpu: str
    cores: int
    memory_gib: float
    python: str
    kernel: str
    load: float
    commit: str

    @property
    def quiet(self) -> bool:
        return self.load <= QUIET_LOAD


def this_machine() -> Machine:
    """Describe it, before anything of ours runs on it.

    Raises:
        SystemExit: There is no /proc.
    """
    if not (_PROC / "self" / "statm").exists():
        raise SystemExit("benchmarks: needs /proc, so it runs on Linux only")
    cores = os.cpu_count() or 1
    return Machine(
        cpu=_named(_PROC / "cpuinfo", "model name"),
        cores=cores,
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        python=platform.python_version(),
        kernel=platform.release(),
        load=round(os.getloadavg()[0] / cores, 2),
        commit=_commit(),
    )


def resident_mb(pid: int) -> float:
    """Resident set of a process, in MB (10^6 bytes): field 2 of /proc/pid/statm (proc(5))."""
    pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, user and system: fields 14 and 15 of /proc/pid/stat (proc(5)), in ticks of 10 ms."""
    after_name = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def child_pids() -> set[int]:
    """The processes that this one has started and that run: field 4 of /proc/pid/stat (proc(5)) is their parent."""
    found = set[int]()
    for stat in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def _named(file: Path, name: str) -> str:
    found = re.search(rf"^{name}\s*: (.*)$", file.read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    described = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"
