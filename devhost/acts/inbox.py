"""A tenant whose changes wait for a person: the API's inbox has the plan, a person approves it, and it is gone."""

from typing import Any

from devhost.stage import Stage, console, ok

TITLE = "A person answers the inbox"

_DOMAIN = "lucerne.example"
_NAME = "Lucerne"
_BREAK = {"Identity": "ExchangeDefender", "Enabled": False}


def prepare(stage: Stage) -> None:
    """One in mode `approve`."""
    stage.add_tenant(_DOMAIN, {"mode": "approve"})


def play(stage: Stage) -> bool:
    """Break its lock, find the plan in the inbox over the whole fleet, approve it there, and see it gone."""
    stage.admin(_DOMAIN, "Set-InboundConnector", _BREAK)
    console.print(f"  [yellow]✗[/yellow] {_NAME:<10}the lock-down is switched off")
    if not stage.wait("the inbox to have it", lambda: bool(_waiting(stage))):
        return False
    [waiting] = _waiting(stage)
    console.print(
        f"  [cyan]?[/cyan] {_NAME:<10}in the inbox: {waiting['control']} waits for approval of {waiting['plan']}"
    )
    path = f"tenants/{waiting['tenant_id']}/controls/{waiting['control']}/approve"
    ok(stage.stack.api.post(path, json={"plan": waiting["plan"]}))
    proven = stage.hears(_DOMAIN, _NAME, (waiting["control"], "corrected"))
    gone = stage.wait("the inbox to be empty of it", lambda: not _waiting(stage))
    console.print(
        "[green]Approved, put back and proven; the inbox has it no more.[/green]"
        if gone
        else "[red]It is still there.[/red]"
    )
    return proven and gone


def _waiting(stage: Stage) -> list[dict[str, Any]]:
    """What waits for approval in the tenant, by the inbox."""
    items: list[dict[str, Any]] = ok(stage.stack.api.get("inbox", params={"kind": "approval"}))
    return [each for each in items if each["tenant_id"] == stage.tenants[_DOMAIN]]
