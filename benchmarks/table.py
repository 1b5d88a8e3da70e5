"""Rows for a person, and as a file for programs."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine
from benchmarks.rows import Row

_WIDTH = 132
"""Columns of the table where no terminal says."""


def show(rows: Sequence[Row], machine: Machine, title: str) -> None:
    """Print them with their budgets, and where they were measured."""
    table = Table("measured", "value", "budget", "met", "note", title=title)
    for column in (1, 2):
        table.columns[column].justify = "right"
    for row in rows:
        budget = f"{row.bound} {row.budget:g}" if row.bound else ""
        met = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]open[/]" if row.bound else ""}[row.met]
        table.add_row(row.name, f"{_figure(row.value)} {row.unit}", budget, met, row.note)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(table)
    noise = "quiet" if machine.quiet else "busy with other programs, so a missed time is open"
    console.print(
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib:g} GiB, Linux {machine.kernel}, "
        f"Python {machine.python}; load {machine.load:g} per core: {noise}"
    )


def _figure(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def write(rows: Sequence[Row], machine: Machine, file: Path, module: str) -> None:
    """Keep them as JSON, with the command of *module* that measured them."""
    result = {
        "command": " ".join([f"python -m {module}", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "rows": [asdict(row) for row in rows],
    }
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {os.path.relpath(file)}")
