"""An attacker opens a way round the filter, and a message comes by it: named, told, removed, proven by the mail."""

import time
from typing import Any

from rich.markup import escape

from devhost.stage import Stage, console, ok

TITLE = "An attacker opens a way round the filter"

DOMAIN, NAME = "litware.example", "litware"
MALLORY, ADDRESS = "helpdesk@litware.example", "203.0.113.90"
COMPANY, SYSTEM = 251, "connectwise"
_SENDER = "203.0.113.77"
_WAY: dict[str, Any] = {
    "Name": "Backup relay",
    "ConnectorType": "Partner",
    "SenderDomains": ["*"],
    "SenderIPAddresses": [_SENDER],
}
_ACCESS = {
    "permissions": ["SecurityAlert.ReadWrite.All", "ActivityFeed.Read", "ExchangeMessageTrace.Read.All"],
    "tracing_principal": True,
}


def prepare(stage: Stage) -> None:
    """A tenant whose mail may be traced, of another company of the MSP's."""
    company = {"provider": SYSTEM, "company_id": str(COMPANY)}
    ok(stage.stack.simulator.patch(f"psa/{SYSTEM}", json={"companies": [COMPANY]}))
    stage.add_tenant(DOMAIN, {"psa": company}, access=_ACCESS, switches={"audit_minutes": 0.02})
    ok(stage.stack.simulator.put(f"tenants/{DOMAIN}/person", json={"name": MALLORY, "address": f"{ADDRESS}:50411"}))


def play(stage: Stage) -> bool:
    """The way is opened and used; then a person has it removed, and the mail is asked again."""
    refused = not _arrives(stage)
    console.print(f"  [green]✓[/green] {NAME:<10}mail from {_SENDER} is refused: {refused}")
    stage.admin(DOMAIN, "New-InboundConnector", _WAY)
    came = _arrives(stage)
    console.print(f"  [yellow]✗[/yellow] {NAME:<10}somebody adds a connector; mail from {_SENDER} comes in: {came}")
    named = stage.hears(DOMAIN, NAME, ("lock-bypass", "actor_named"), ("mail-flow", "needs_person"))
    told = stage.wait("the ticket", lambda: MALLORY in _notes(stage) and _SENDER in _notes(stage))
    for line in _notes(stage).splitlines()[:2]:
        console.print(f"    [dim]{escape(line)}[/dim]", soft_wrap=True)
    finding = next(each for each in _findings(stage) if each["name"] == f"connector {_WAY['Name']}")
    console.print(f"  [green]✓[/green] {NAME:<10}a person has it removed: {escape(finding['lets_in'])}")
    path = f"tenants/{stage.tenants[DOMAIN]}/findings/{finding['id']}/remove"
    ok(stage.stack.api.post(path, json={"reason": "nobody knows it"}))
    removed = stage.hears(DOMAIN, NAME, ("lock-bypass", "corrected"), ("mail-flow", "found_compliant"))
    proven = not _arrives(stage)
    console.print(f"    [dim]{escape(stage.state(DOMAIN, 'mail-flow')['detail'])}[/dim]", soft_wrap=True)
    empty = stage.wait("the findings to be settled", lambda: not _findings(stage))
    good = refused and came and named and told and removed and proven and empty
    console.print(
        "[green]The way round has its name, its actor and its ticket; it is gone, and the mail proves it.[/green]"
        if good
        else "[red]It did not end as it should.[/red]"
    )
    return good


def _arrives(stage: Stage) -> bool:
    """Whether a message of the attacker's comes in, as the tenant's connectors are now."""
    mail = {"from_ip": _SENDER, "sender": "billing@attacker.example", "recipient": f"cfo@{DOMAIN}"}
    came: bool = ok(stage.stack.simulator.post(f"tenants/{DOMAIN}/mail", json=mail))["came_in"]
    time.sleep(0.1)
    return came


def _findings(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(stage.stack.api.get(f"tenants/{stage.tenants[DOMAIN]}/findings"))
    return found


def _notes(stage: Stage) -> str:
    """What the tickets of the company say."""
    tickets = ok(stage.stack.simulator.get(f"psa/{SYSTEM}/tickets"))
    notes = [note["text"] for each in tickets if each["company"] == COMPANY for note in each["notes"]]
    return "\n".join(notes)
