"""`make demo`: an admin breaks every setting of a simulated tenant; the service sees it, puts it back and proves it.

It talks to the service over its HTTP API and to the simulator over its own, as a person with a browser could: nothing
is reached into. Exit code 0 only if every break ended as it should, in the service's words and in the tenant's truth.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devhost.breaks import BREAKS, DOMAIN, NEW_SCANNER, SCANNER, WAITING_DOMAIN, Break
from devhost.errors import StartError
from devhost.stack import Stack, running

PATIENCE_S = 100.0
_SCHEDULES = {"HOLDFAST_FAST_SCHEDULE": "*/4 * * * * *", "HOLDFAST_SLOW_SCHEDULE": "1/4 * * * * *"}
_MICROSOFT_MX = "0 fabrikam-example.mail.protection.outlook.com."
_GOOD = {"compliant", "not_applicable"}

console = Console(highlight=False)


@dataclass
class Story:
    """How one break went: seconds after it when the service saw it, and when it said how it ended."""

    what: Break
    tenant_id: str
    at: float
    seen_s: float | None = None
    ended_s: float | None = None


def main() -> int:
    """Run the demo, or with `--stay` leave the stack up for a person to play with."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stay", action="store_true", help="stay up until Ctrl-C instead of breaking things")
    stay = parser.parse_args().stay
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end the children first
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environ = _SCHEDULES | {"HOLDFAST_DEV_PORT": os.environ.get("HOLDFAST_DEV_PORT", "7071" if stay else "0")}
    try:
        with console.status("") as status, running(environ, status.update) as stack:
            tenants = _tenants(stack)
            status.update("Waiting until every setting has been read and found as documented ...")
            _wait_until_compliant(stack, tenants)
            if stay:
                status.stop()
                return _stay(stack)
            return _play(stack, tenants, status.update)
    except StartError as error:
        console.print(f"[red]{error}[/red]")
    except KeyboardInterrupt:
        return 0
    return 1


def _tenants(stack: Stack) -> dict[str, str]:
    """Two simulated tenants, as the guide documents them, and known to the service; domain to tenant id."""
    ids = {}
    for domain in (DOMAIN, WAITING_DOMAIN):
        body = {"domains": [domain], "state": "healthy", "switches": {"alert_set": "not_found"}}
        tenant = _ok(stack.simulator.post("tenants", json=body))
        ids[domain] = tenant["tenant_id"]
        if domain == DOMAIN:
            _ok(stack.simulator.post(f"tenants/{domain}/admin", json=NEW_SCANNER))
        config = {
            "tenant_id": tenant["tenant_id"],
            "name": domain,
            "initial_domain": tenant["initial_domain"],
            "service_connectors": [SCANNER] if domain == DOMAIN else [],
        }
        _ok(stack.api.put(f"tenants/{tenant['tenant_id']}", json=config))
    _ok(stack.simulator.put(f"tenants/{DOMAIN}/lag", json={"reads": 1, "kind": "TransportRule"}))
    return ids


def _wait_until_compliant(stack: Stack, tenants: dict[str, str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        states = [c["state"] for tenant_id in tenants.values() for c in _states(stack, tenant_id)]
        if set(states) <= _GOOD:
            console.print(
                f"[green]✓[/green] {len(states)} settings of {len(tenants)} tenants read: all as documented\n"
            )
            return
        time.sleep(0.25)
    raise StartError(f"the tenants did not become compliant; the service's log is {stack.log}")


def _play(stack: Stack, tenants: dict[str, str], status: Callable[[str], None]) -> int:
    console.print("[bold]An admin changes things[/bold]")
    _ok(stack.simulator.put("dns", json={"name": WAITING_DOMAIN, "type": "MX", "values": [_MICROSOFT_MX]}))
    stories = [_break(stack, each, tenants[each.domain]) for each in BREAKS]
    console.print("\n[bold]Holdfast answers[/bold]  (it looks every 4 s here, every 5 to 15 min in production)")
    shown: set[str] = set()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and (open_ones := [s for s in stories if s.ended_s is None]):
        status(f"Waiting for {', '.join(sorted({s.what.control for s in open_ones}))} ...")
        for entry in _news(stack, tenants.values(), shown):
            _tell(entry, stories)
        time.sleep(0.25)
    status("Looking at the tenants themselves ...")
    return _ending(stack, stories)


def _break(stack: Stack, what: Break, tenant_id: str) -> Story:
    parameters = dict(what.parameters)
    if what.needs_ids:
        parameters["Ids"] = [row["Identity"] for row in _objects(stack, what)]
    _ok(stack.simulator.post(f"tenants/{what.domain}/admin", json={"cmdlet": what.cmdlet, "parameters": parameters}))
    console.print(f"  [yellow]✗[/yellow] {what.name:<10}{what.told}")
    return Story(what, tenant_id, time.monotonic())


def _news(stack: Stack, tenant_ids: Iterable[str], shown: set[str]) -> Iterator[dict[str, Any]]:
    for tenant_id in tenant_ids:
        for entry in reversed(_ok(stack.api.get(f"tenants/{tenant_id}/ledger"))):
            if (key := tenant_id + entry["id"]) not in shown:
                shown.add(key)
                yield entry


def _tell(entry: dict[str, Any], stories: list[Story]) -> None:
    story = next((s for s in stories if (s.tenant_id, s.what.control) == (entry["tenant_id"], entry["control"])), None)
    if story is None:
        return
    after_s, event = time.monotonic() - story.at, entry["event"]
    if event in {"drift_found", "needs_person", "held"}:
        story.seen_s = story.seen_s or after_s
    if event == _LAST_EVENT[story.what.expected]:
        story.ended_s = after_s
    colour, word, lines = _EVENTS.get(event, _SILENT)
    if word:
        console.print(
            f"  [dim]{after_s:5.1f} s[/dim]  {story.what.name:<10}{story.what.control:<20}[{colour}]{word}[/{colour}]"
        )
        for line in lines(entry):
            console.print(f"           [dim]{escape(line)}[/dim]", soft_wrap=True)


def _drift(entry: dict[str, Any]) -> Iterator[str]:
    for drift in entry["drift"]:
        yield f"{drift['field']} is {_text(drift['found'])}, wanted {_text(drift['wanted'])}"


def _steps(entry: dict[str, Any]) -> Iterator[str]:
    for step in entry["steps"]:
        yield f"PS> {step['powershell']}"


def _proof(entry: dict[str, Any]) -> Iterator[str]:
    for name, before in entry["before"].items():
        yield f"{name}: {_text(before)} → {_text(entry['after'][name])}"


def _detail(entry: dict[str, Any]) -> Iterator[str]:
    yield entry["detail"]


type Lines = Callable[[dict[str, Any]], Iterator[str]]

_SILENT: tuple[str, str, Lines] = ("", "", _detail)
_EVENTS: dict[str, tuple[str, str, Lines]] = {
    "drift_found": ("yellow", "drift found", _drift),
    "applying": ("cyan", "putting it back", _steps),
    "corrected": ("green", "proven by reading again", _proof),
    "needs_person": ("magenta", "needs a person", _detail),
    "held": ("magenta", "held", _detail),
}
_LAST_EVENT = {"compliant": "corrected", "needs_person": "needs_person", "held": "held"}


def _ending(stack: Stack, stories: list[Story]) -> int:
    table = Table(
        title="What became of it", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for column in ("tenant", "setting", "seen", "ended", "state", "in the tenant"):
        table.add_column(column, no_wrap=True)
    good = 0
    for story in stories:
        state = next(c["state"] for c in _states(stack, story.tenant_id) if c["id"] == story.what.control)
        truth = _truth(stack, story.what)
        right = state == story.what.expected and truth and None not in (story.seen_s, story.ended_s)
        good += right
        verdict = "as documented" if story.what.expected == "compliant" else "not touched"
        mark = f"[green]✓[/green] {verdict}" if right else f"[red]✗[/red] should be {verdict}"
        table.add_row(story.what.name, story.what.control, _s(story.seen_s), _s(story.ended_s), state, mark)
    console.print()
    console.print(table)
    return _verdict(stack, good, stories)


def _truth(stack: Stack, what: Break) -> bool:
    """Whether the tenant itself shows what it should, whatever the service says."""
    rows = _objects(stack, what)
    return bool(rows) and all(row.get(name) == value for row in rows for name, value in what.wanted.items())


def _verdict(stack: Stack, good: int, stories: list[Story]) -> int:
    if good == len(stories):
        put_back = sum(story.what.expected == "compliant" for story in stories)
        console.print(f"[green]All {put_back} that can be put back were seen, put back and proven.[/green]")
        console.print("One is a person's to do and one waits for its MX; each says so above.")
        return 0
    console.print(
        f"[red]{len(stories) - good} of {len(stories)} did not end as they should.[/red] The service's last words:"
    )
    console.print("\n".join(stack.log.read_text(errors="replace").splitlines()[-40:]), markup=False)
    return 1


def _stay(stack: Stack) -> int:
    order = '{"cmdlet": "Set-InboundConnector", "parameters": {"Identity": "ExchangeDefender", "Enabled": false}}'
    for line in (
        f"Dashboard  {stack.url}/#key={stack.key}",
        f"API        curl -H 'x-functions-key: {stack.key}' {stack.url}/api/tenants",
        f"Simulator  {stack.simulator.base_url} (simulator/README.md; its certificate is its own)",
        "Break something, for example:",
        f"  curl -k {stack.simulator.base_url}tenants/{DOMAIN}/admin -d '{order}'",
        "Ctrl-C ends it.",
    ):
        console.print(line, soft_wrap=True, markup=False)
    while True:
        time.sleep(3600)


def _states(stack: Stack, tenant_id: str) -> list[dict[str, Any]]:
    controls: list[dict[str, Any]] = _ok(stack.api.get(f"tenants/{tenant_id}/state"))["controls"]
    return controls


def _objects(stack: Stack, what: Break) -> list[dict[str, Any]]:
    """The object the break is about, as an admin sees it in the tenant now."""
    parameters = {"IsTransportRuleScoped": True} if what.get == "Get-OutboundConnector" else {}
    body = {"cmdlet": what.get, "parameters": parameters}
    rows: list[dict[str, Any]] = _ok(stack.simulator.post(f"tenants/{what.domain}/admin", json=body))["value"]
    return [row for row in rows if all(row.get(key) == value for key, value in what.find.items())]


def _ok(response: httpx.Response) -> Any:  # noqa: ANN401 - JSON is of any type
    if response.is_error:
        raise StartError(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
        )
    return response.json() if response.content else None


def _text(value: object) -> str:
    match value:
        case None:
            return "missing"
        case list():
            return " ".join(map(str, value))
        case _:
            return str(value)


def _s(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
