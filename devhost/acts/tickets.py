"""A technician opens a ticket that asks for a reprovision; it gets the result, with steps and proof, and is closed."""

from typing import Any

from rich.markup import escape

from devhost.stage import Stage, console, ok

TITLE = "A ticket asks for a reprovision"

DOMAIN = "tailspin.example"
COMPANY = 250
SYSTEM = "connectwise"
TICKET: dict[str, Any] = {
    "by": "jdoe",
    "company": COMPANY,
    "summary": "Please set the mail filter right",
    "status": 512,
    "container": "37",
    "type": "91",
    "subtype": "14",
}


def prepare(stage: Stage) -> None:
    """A tenant that is only observed, a company of the MSP's ticket system; webhooks go to this service."""
    for system in ok(stage.stack.simulator.get("psa")):
        url = f"{stage.stack.url}/api/webhooks/psa/{system}"
        ok(stage.stack.simulator.patch(f"psa/{system}", json={"webhook_url": url, "companies": [COMPANY]}))
    company = {"provider": SYSTEM, "company_id": str(COMPANY)}
    stage.add_tenant(DOMAIN, {"mode": "observe", "psa": company})


def play(stage: Stage) -> bool:
    """Switch the lock-down off, open the ticket, and watch it until it is closed."""
    console.print(f"  In {DOMAIN}, which is only observed, an admin turns off the lock-down.")
    stage.admin(DOMAIN, "Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": False})
    stage.wait("the drift to be seen", lambda: stage.state(DOMAIN, "inbound-lockdown")["state"] == "drifted")
    ticket = ok(stage.stack.simulator.post(f"psa/{SYSTEM}/tickets", json=TICKET))["id"]
    console.print(f"  A technician opens ConnectWise ticket {ticket}: {TICKET['summary']}.\n")
    closed = stage.wait("the ticket to be closed", lambda: bool(_ticket(stage, ticket)["closed"]))
    for note in _ticket(stage, ticket)["notes"]:
        for line in _told(note["text"]):
            console.print(f"    [dim]{escape(line)}[/dim]", soft_wrap=True)
    put_back = _put_back(stage)
    console.print(f"\n  {_mark(good=closed)} the ticket is closed   {_mark(good=put_back)} the lock-down is on again")
    return closed and put_back


def _ticket(stage: Stage, number: int) -> dict[str, Any]:
    tickets = ok(stage.stack.simulator.get(f"psa/{SYSTEM}/tickets"))
    found: dict[str, Any] = next(each for each in tickets if each["id"] == number)
    return found


def _told(text: str) -> list[str]:
    """The lines of a note that say what was done: not every setting that was right anyway."""
    lines = text.splitlines()[:-1]  # the last is the mark by which Holdfast knows its note again
    quiet = [": compliant" in line or ": not_applicable" in line for line in lines]
    followed = [later.startswith("Step:") for later in (*lines[1:], "")]
    return [line for line, calm, worked in zip(lines, quiet, followed, strict=True) if worked or not calm]


def _put_back(stage: Stage) -> bool:
    rows = stage.admin(DOMAIN, "Get-InboundConnector", {"Identity": "ExchangeDefender"})
    return [row["Enabled"] for row in rows] == [True]


def _mark(*, good: bool) -> str:
    return "[green]✓[/green]" if good else "[red]✗[/red]"
