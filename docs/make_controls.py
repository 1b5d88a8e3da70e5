"""Writes docs/controls.md from the catalogue and the profiles, so that the page cannot say otherwise than the code."""

import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from clients.profiles import all_profiles
from domain.control import Control
from domain.controls import CATALOGUE
from domain.exchange import Writing
from domain.profile import Profile

_HEAD = """# Controls

The documented settings, in the order in which they are put back. Written by `make docs` from the catalogue
(`domain/controls/`), one file each, from what is known of each kind of object (`domain/exchange.py`) and from the
profiles (`domain/profiles/`).

A control of the fast lane is looked at every 5 minutes, one of the slow lane every 15 (`HOLDFAST_FAST_SCHEDULE`,
`HOLDFAST_SLOW_SCHEDULE`). A part that a filter's profile does not have makes its controls `not_applicable`.
"""


def page(profiles: Iterable[Profile]) -> str:
    """The whole page as Markdown: what each control does, and where the figures of each of *profiles* come from."""
    filters = tuple(profiles)
    sections = [_section(control, filters) for control in CATALOGUE.values()]
    return "\n".join([_HEAD, *sections, *map(_figures, filters)])


def _section(control: Control, filters: tuple[Profile, ...]) -> str:
    lines = [f"## {control.id}\n", f"{control.title}.\n"]
    lines += [f"- Source: {control.source}"] if control.source else []
    lines += [f"- Guide of {profile.name}: {where}" for profile in filters if (where := _where(control, profile))]
    roles = ", ".join(dict.fromkeys(kind.read_role for kind in control.sees))
    reads = _listed(query.cmdlet for query in control.queries)
    lines.append(f"- Lane: {control.lane}; reads {reads} (role: {roles})")
    lines += [f"- Such objects are written by {_writing(kind.writing)}" for kind in control.about if kind.writing]
    if control.needs:
        lines.append(f"- Put back only after: {', '.join(control.needs)}")
    if control.asks_dns:
        lines.append("- Asks DNS: the zone's own servers, see [DNS](dns.md)")
    if control.once:
        lines.append("- Tried once; after a refusal or no effect a person is told and it is not tried again")
    lines.append(f"- By hand: {control.by_hand}\n")
    return "\n".join(lines)


def _where(control: Control, profile: Profile) -> str:
    """The section of the filter's guide; empty where the control does not apply to the filter, or is not about one."""
    if not control.parts:
        return ""
    if not control.applies(profile):
        return "says nothing of it (`not_applicable`)"
    return profile.sources[control.parts[0]].section


def _writing(writing: Writing) -> str:
    return f"{_listed(writing.cmdlets)} (role: {writing.role})"


def _listed(cmdlets: Iterable[str]) -> str:
    return ", ".join(f"`{cmdlet}`" for cmdlet in dict.fromkeys(cmdlets))


def _figures(profile: Profile) -> str:
    lines = [
        f"## Where the figures of {profile.name} come from\n",
        f"Profile `{profile.id}`, version {profile.version}.",
    ]
    lines += [f"The guide: <{profile.guide}>\n", "| figure | section | confirmed on | caution |", "|---|---|---|---|"]
    lines += [
        f"| `{figure}` | {source.section} | {source.confirmed_on} | {source.caution} |"
        for figure, source in profile.sources.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("controls.md").write_text(page(all_profiles().newest.values()), "utf-8")
