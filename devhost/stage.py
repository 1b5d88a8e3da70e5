"""What every act of the demo stands on: the running stack, the tenants it prepared, and a terminal to tell it on."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from rich.console import Console
from rich.markup import escape

from devhost.errors import StartError
from devhost.stack import Stack

PATIENCE_S = 180.0
_PAUSE_S = 0.25

console = Console(highlight=False)


@dataclass
class Stage:
    """A running stack with *tenants* (domain to tenant id). *status* tells what is being waited for."""

    stack: Stack
    status: Callable[[str], None]
    tenants: dict[str, str] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def add_tenant(
        self,
        domain: str,
        config: dict[str, Any] | None = None,
        access: dict[str, Any] | None = None,
        **simulated: Any,  # noqa: ANN401 - JSON
    ) -> str:
        """Make a simulated tenant of *domain*, as the guide documents it, known to the service; gives its id.

        *access*: what the application is granted there, where that is not the usual.
        """
        switches = {"alert_set": "not_found"} | simulated.pop("switches", {})
        body = {"domains": [domain], "state": "healthy", "switches": switches} | simulated
        tenant = ok(self.stack.simulator.post("tenants", json=body))
        tenant_id: str = tenant["tenant_id"]
        if access:
            ok(self.stack.simulator.patch(f"tenants/{tenant_id}", json={"access": access}))
        known = {"tenant_id": tenant_id, "name": domain, "initial_domain": tenant["initial_domain"]}
        ok(self.stack.api.put(f"tenants/{tenant_id}", json=known | (config or {})))
        self.tenants[domain] = tenant_id
        return tenant_id

    def admin(self, domain: str, cmdlet: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """Run one cmdlet in the tenant itself, as its admin; gives the rows it answers."""
        body = {"cmdlet": cmdlet, "parameters": parameters}
        rows: list[dict[str, Any]] = ok(self.stack.simulator.post(f"tenants/{domain}/admin", json=body))["value"]
        return rows

    def states(self, domain: str) -> list[dict[str, Any]]:
        """How each control of a tenant stands, in the service's words."""
        controls: list[dict[str, Any]] = ok(self.stack.api.get(f"tenants/{self.tenants[domain]}/state"))["controls"]
        return controls

    def state(self, domain: str, control: str) -> dict[str, Any]:
        """How one control of a tenant stands."""
        return next(each for each in self.states(domain) if each["id"] == control)

    def news(self, domain: str) -> Iterator[dict[str, Any]]:
        """The tenant's ledger entries that no act has been given yet, oldest first."""
        tenant_id = self.tenants[domain]
        for entry in reversed(ok(self.stack.api.get(f"tenants/{tenant_id}/ledger"))):
            if (key := tenant_id + entry["id"]) not in self._told:
                self._told.add(key)
                yield entry

    def wait(self, what: str, done: Callable[[], bool]) -> bool:
        """Wait until *done*, for as long as a person would; tells *what* meanwhile. Gives whether it came."""
        self.status(f"Waiting for {what} ...")
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if done():
                return True
            time.sleep(_PAUSE_S)
        return False

    def hears(self, domain: str, name: str, *awaited: tuple[str, str]) -> bool:
        """Wait for an entry of each control and event of *awaited*, in any order; tell what comes, as of *name*."""
        began = time.monotonic()
        told: list[dict[str, Any]] = []

        def heard() -> bool:
            for entry in self.news(domain):
                tell(entry, time.monotonic() - began, name)
                told.append(entry)
            return {(entry["control"], entry["event"]) for entry in told} >= {*awaited}

        named = (f"{control}: {event.replace('_', ' ')}" for control, event in awaited)
        return self.wait(", ".join(named), heard)


class Act(Protocol):
    """One file of `devhost/acts`: *prepare* sets the stage before the curtain, *play* says whether all went right."""

    TITLE: str

    def prepare(self, stage: Stage) -> None: ...

    def play(self, stage: Stage) -> bool: ...


def ok(response: httpx.Response) -> Any:  # noqa: ANN401 - JSON is of any type
    """The body of an answer.

    Raises:
        StartError: The answer is an error; the sentence says of what.
    """
    if response.is_error:
        request = response.request
        raise StartError(f"{request.method} {request.url.path}: {response.status_code} {response.text}")
    return response.json() if response.content else None


def tell(entry: dict[str, Any], after_s: float, name: str) -> None:
    """Print a ledger entry as one line, with its drift, steps or proof below; the uninteresting ones not at all."""
    colour, word, lines = _EVENTS.get(entry["event"], _SILENT)
    if not word:
        return
    console.print(f"  [dim]{after_s:5.1f} s[/dim]  {name:<10}{entry['control']:<20}[{colour}]{word}[/{colour}]")
    for line in lines(entry):
        console.print(f"           [dim]{escape(line)}[/dim]", soft_wrap=True)


def _drift(entry: dict[str, Any]) -> Iterator[str]:
    for drift in entry["drift"]:
        yield f"{drift['field']} is {_text(drift['found'])}, wanted {_text(drift['wanted'])}"


def _steps(entry: dict[str, Any]) -> Iterator[str]:
    for step in entry["steps"]:
        prompt = "nsupdate>" if step["service"] == "dns" else "PS>"
        for line in step["powershell"].splitlines():
            yield f"{prompt} {line}"


def _proof(entry: dict[str, Any]) -> Iterator[str]:
    for name, before in entry["before"].items():
        yield f"{name}: {_text(before)} → {_text(entry['after'][name])}"


def _detail(entry: dict[str, Any]) -> Iterator[str]:
    yield entry["detail"]


def _evidence(entry: dict[str, Any]) -> Iterator[str]:
    yield entry["detail"]
    for mail in entry["before"]["messages"]:
        yield f"{mail['message_id']} from {mail['sender_ip']} to {mail['recipient']}"


def _text(value: object) -> str:
    match value:
        case None:
            return "missing"
        case list():
            return " ".join(map(str, value))
        case _:
            return str(value)


type _Lines = Callable[[dict[str, Any]], Iterator[str]]

_SILENT: tuple[str, str, _Lines] = ("", "", _detail)
_EVENTS: dict[str, tuple[str, str, _Lines]] = {
    "drift_found": ("yellow", "drift found", _drift),
    "applying": ("cyan", "putting it back", _steps),
    "corrected": ("green", "proven by reading again", _proof),
    "needs_person": ("magenta", "needs a person", _detail),
    "held": ("magenta", "held", _detail),
    "actor_named": ("cyan", "who did it", _detail),
    "alert_closed": ("green", "false alert closed", _evidence),
}
