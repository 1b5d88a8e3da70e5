"""Defender raises alerts: a false one is closed by its evidence, a true one is told; and a drift gets a name."""

from devhost.stage import Stage, console, ok

TITLE = "Defender raises alerts, and somebody is named"

DOMAIN, NAME = "woodgrove.example", "woodgrove"
EVE, ADDRESS = "eve@woodgrove.example", "203.0.113.66"
_FILTER, _ELSEWHERE = ("65.99.255.17", "65.99.255.201"), "198.51.100.24"
_RULE = "Send Automatic Replies to connector Automatic Replies"


def prepare(stage: Stage) -> None:
    """A tenant whose audit feed is quick."""
    stage.add_tenant(DOMAIN, switches={"audit_minutes": 0.02})
    ok(stage.stack.simulator.put(f"tenants/{DOMAIN}/person", json={"name": EVE, "address": f"{ADDRESS}:51544"}))


def play(stage: Stage) -> bool:
    """One alert of each kind, then a drift."""
    false = _raise(stage, *_FILTER)
    console.print(f"  [yellow]✗[/yellow] {NAME:<10}an alert about mail that the filter delivered")
    closed = stage.hears(DOMAIN, NAME, ("false-alerts", "alert_closed")) and _status(stage, false) == "resolved"
    true = _raise(stage, _ELSEWHERE)
    console.print(f"  [yellow]✗[/yellow] {NAME:<10}an alert about mail that got round the filter")
    told = stage.hears(DOMAIN, NAME, ("false-alerts", "needs_person")) and _status(stage, true) == "new"
    for drift in stage.state(DOMAIN, "false-alerts")["drift"]:
        console.print(f"           [dim]{drift['field']}: came from {drift['found']}[/dim]", soft_wrap=True)
    stage.admin(DOMAIN, "Disable-TransportRule", {"Identity": _RULE, "Confirm": False})
    console.print(f"  [yellow]✗[/yellow] {NAME:<10}somebody turns off the out-of-office rule")
    named = (
        stage.hears(DOMAIN, NAME, ("oof-rule", "actor_named"))
        and stage.state(DOMAIN, "oof-rule")["actor"]["who"] == EVE
    )
    good = closed and told and named
    console.print(
        "[green]The false alert is closed, the true one is open and told, and the drift has its name.[/green]"
        if good
        else "[red]It did not end as it should.[/red]"
    )
    return good


def _raise(stage: Stage, *addresses: str) -> str:
    """An alert about mail that came a moment ago from *addresses*; gives its id."""
    mails = [{"sender_ip": address, "minutes_ago": 0.02} for address in addresses]
    alert_id: str = ok(stage.stack.simulator.post(f"tenants/{DOMAIN}/alerts", json={"mails": mails}))["id"]
    return alert_id


def _status(stage: Stage, alert_id: str) -> str:
    """How the alert stands in the tenant itself."""
    alerts = ok(stage.stack.simulator.get(f"tenants/{DOMAIN}/alerts"))
    status: str = next(alert["status"] for alert in alerts if alert["id"] == alert_id)
    return status
