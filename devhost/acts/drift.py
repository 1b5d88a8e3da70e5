"""An admin breaks every setting of a tenant; each is seen, put back and proven, or says why it waits for a person."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table

from devhost.acts.breaks import BREAKS, DOMAIN, NEW_SCANNER, SCANNER, WAITING_DOMAIN, Break
from devhost.stage import Stage, console, ok, tell

TITLE = "An admin changes things"

_MICROSOFT_MX = "0 fabrikam-example.mail.protection.outlook.com."
_LAST_EVENT = {"compliant": "corrected", "needs_person": "needs_person", "held": "held"}


@dataclass
class Story:
    """How one break went: seconds after it when the service saw it, and when it said how it ended."""

    what: Break
    at: float
    seen_s: float | None = None
    ended_s: float | None = None

    def hear(self, event: str, after_s: float) -> None:
        """Note what a ledger entry says of this break."""
        if event in {"drift_found", "needs_person", "held"}:
            self.seen_s = self.seen_s or after_s
        if event == _LAST_EVENT[self.what.expected]:
            self.ended_s = after_s


def prepare(stage: Stage) -> None:
    """Two tenants: one whose settings will be broken, one whose MX will have gone back to Microsoft."""
    stage.add_tenant(WAITING_DOMAIN)
    stage.add_tenant(DOMAIN, {"service_connectors": [SCANNER]})
    stage.admin(DOMAIN, "New-InboundConnector", NEW_SCANNER)
    ok(stage.stack.simulator.put(f"tenants/{DOMAIN}/lag", json={"reads": 1, "kind": "TransportRule"}))


def play(stage: Stage) -> bool:
    """Break everything at once, and watch until every break has ended."""
    simulator = stage.stack.simulator
    ok(simulator.put("dns", json={"name": WAITING_DOMAIN, "type": "MX", "values": [_MICROSOFT_MX]}))
    stories = [_break(stage, each) for each in BREAKS]
    console.print("\n[bold]Holdfast answers[/bold]  (it looks every 5 to 10 s here, every 5 to 15 min in production)")
    stage.wait("Holdfast to answer each of them", lambda: _all_ended(stage, stories))
    stage.status("Looking at the tenants themselves ...")
    return _ending(stage, stories)


def _break(stage: Stage, what: Break) -> Story:
    parameters = dict(what.parameters)
    if what.needs_ids:
        parameters["Ids"] = [row["Identity"] for row in _objects(stage, what)]
    stage.admin(what.domain, what.cmdlet, parameters)
    console.print(f"  [yellow]✗[/yellow] {what.name:<10}{what.told}")
    return Story(what, time.monotonic())


def _all_ended(stage: Stage, stories: list[Story]) -> bool:
    for domain in (DOMAIN, WAITING_DOMAIN):
        for entry in stage.news(domain):
            _hear(entry, [story for story in stories if story.what.domain == domain])
    return all(story.ended_s is not None for story in stories)


def _hear(entry: dict[str, Any], stories: Iterable[Story]) -> None:
    for story in stories:
        if story.what.control == entry["control"]:
            after_s = time.monotonic() - story.at
            story.hear(entry["event"], after_s)
            tell(entry, after_s, story.what.name)


def _ending(stage: Stage, stories: list[Story]) -> bool:
    table = Table(
        title="What became of it", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for column in ("tenant", "setting", "seen", "ended", "state", "in the tenant"):
        table.add_column(column, no_wrap=True)
    good = 0
    for story in stories:
        state, truth = stage.state(story.what.domain, story.what.control)["state"], _truth(stage, story.what)
        right = state == story.what.expected and truth and None not in (story.seen_s, story.ended_s)
        good += right
        verdict = "as documented" if story.what.expected == "compliant" else "not touched"
        mark = f"[green]✓[/green] {verdict}" if right else f"[red]✗[/red] should be {verdict}"
        table.add_row(story.what.name, story.what.control, _s(story.seen_s), _s(story.ended_s), state, mark)
    console.print()
    console.print(table)
    return _verdict(good, stories)


def _truth(stage: Stage, what: Break) -> bool:
    """Whether the tenant itself shows what it should, whatever the service says."""
    rows = _objects(stage, what)
    return bool(rows) and all(row.get(name) == value for row in rows for name, value in what.wanted.items())


def _objects(stage: Stage, what: Break) -> list[dict[str, Any]]:
    """The object the break is about, as an admin sees it in the tenant now."""
    parameters = {"IsTransportRuleScoped": True} if what.get == "Get-OutboundConnector" else {}
    rows = stage.admin(what.domain, what.get, parameters)
    return [row for row in rows if all(row.get(key) == value for key, value in what.find.items())]


def _verdict(good: int, stories: list[Story]) -> bool:
    if good < len(stories):
        console.print(f"[red]{len(stories) - good} of {len(stories)} did not end as they should.[/red]")
        return False
    put_back = sum(story.what.expected == "compliant" for story in stories)
    console.print(f"[green]All {put_back} that can be put back were seen, put back and proven.[/green]")
    console.print("One is a person's to do and one waits for its MX; each says so above.")
    return True


def _s(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
