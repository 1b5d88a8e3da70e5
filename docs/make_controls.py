"""Writes docs/controls.md from the catalogue, so that the page cannot say otherwise than the code."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from domain.control import Control
from domain.controls import CATALOGUE

_HEAD = """# Controls

The documented settings, in the order in which they are put back. Written by `make docs` from the catalogue
(`domain/controls/`), one file each; the values are in `domain/profiles/exchangedefender.yaml`.

A control of the fast lane is looked at every 5 minutes, one of the slow lane every 15 (`HOLDFAST_FAST_SCHEDULE`,
`HOLDFAST_SLOW_SCHEDULE`).
"""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *map(_section, CATALOGUE.values())])


def _section(control: Control) -> str:
    cmdlets = ", ".join(f"`{cmdlet}`" for cmdlet in dict.fromkeys(query.cmdlet for query in control.queries))
    lines = [
        f"## {control.id}\n",
        f"{control.title}.\n",
        f"- Guide: {control.guide}",
        f"- Lane: {control.lane}; reads {cmdlets}",
    ]
    if control.needs:
        lines.append(f"- Put back only after: {', '.join(control.needs)}")
    if control.guarded:
        lines.append(
            "- Guarded: every MX of every custom domain must be the filter's, and older ones forgotten, before a write"
        )
    if control.asks_dns:
        lines.append("- Asks DNS: the zone's own servers, see [DNS](dns.md)")
    if control.once:
        lines.append("- Tried once; after a refusal or no effect a person is told and it is not tried again")
    lines.append(f"- By hand: {control.by_hand}\n")
    return "\n".join(lines)


if __name__ == "__main__":
    Path(__file__).with_name("controls.md").write_text(page(), "utf-8")
