"""`make demo`: things happen to simulated tenants; the service sees them, acts and proves it, one act after another.

It talks to the service over its HTTP API and to the simulator over its own, as a person with a browser could: nothing
is reached into. Exit code 0 only if every act ended as it should, in the service's words and in the tenants' truth.
"""

import argparse
import json
import os
import signal
import sys
import time

from devhost.acts import ACTS, records, tickets
from devhost.errors import StartError
from devhost.stack import Stack, running
from devhost.stage import Stage, console

_SCHEDULES = {
    "HOLDFAST_FAST_SCHEDULE": "*/5 * * * * *",
    "HOLDFAST_SLOW_SCHEDULE": "2/10 * * * * *",
    "HOLDFAST_PSA_SCHEDULE": "7/20 * * * * *",
    "HOLDFAST_ALERTS_SCHEDULE": "4/10 * * * * *",
    "HOLDFAST_AUDIT_SCHEDULE": "9/10 * * * * *",
}
_GOOD = {"compliant", "not_applicable"}


def main() -> int:
    """Run the demo, or with `--stay` leave the stack up for a person to play with."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stay", action="store_true", help="stay up until Ctrl-C instead of breaking things")
    stay = parser.parse_args().stay
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end the children first
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environ = _SCHEDULES | {"HOLDFAST_DEV_PORT": os.environ.get("HOLDFAST_DEV_PORT", "7071" if stay else "0")}
    try:
        with (
            console.status("") as status,
            running(environ, status.update, zones=records.ZONES, secret=records.SECRET, tickets=True) as stack,
        ):
            stage = Stage(stack, status.update)
            console.print(f"Console while it plays: {stack.url}/api/console/ (sign in as ada.admin@msp.example)\n")
            _prepare(stage)
            if stay:
                status.stop()
                return _stay(stage)
            return _play(stage)
    except StartError as error:
        console.print(f"[red]{error}[/red]")
    except KeyboardInterrupt:
        return 0
    return 1


def _prepare(stage: Stage) -> None:
    """Set the stage of every act at once, and wait until all is as documented."""
    for act in ACTS:
        act.prepare(stage)
    if not stage.wait("every setting to be read and found as documented", lambda: _settled(stage)):
        raise StartError(f"the tenants did not become compliant; the service's log is {stage.stack.log}")
    count = sum(len(stage.states(domain)) for domain in stage.tenants)
    console.print(f"[green]✓[/green] {count} settings of {len(stage.tenants)} tenants read: all as documented\n")


def _settled(stage: Stage) -> bool:
    states = [control["state"] for domain in stage.tenants for control in stage.states(domain)]
    return set(states) <= _GOOD


def _play(stage: Stage) -> int:
    wrong = []
    for number, act in enumerate(ACTS, 1):
        console.print(f"[bold]Act {number} of {len(ACTS)}: {act.TITLE}[/bold]")
        if not act.play(stage):
            wrong.append(act.TITLE)
        console.print()
    if wrong:
        console.print(f"[red]Not as it should be: {'; '.join(wrong)}.[/red] The service's last words:")
        _last_words(stage.stack)
        return 1
    return 0


def _last_words(stack: Stack) -> None:
    console.print("\n".join(stack.log.read_text(errors="replace").splitlines()[-40:]), markup=False)


def _stay(stage: Stage) -> int:
    stack, domain = stage.stack, next(iter(stage.tenants))
    order = '{"cmdlet": "Set-InboundConnector", "parameters": {"Identity": "ExchangeDefender", "Enabled": false}}'
    for line in (
        f"Console    {stack.url}/api/console/  (sign in as ada.admin@msp.example; nothing is asked)",
        f"API        curl -H 'x-functions-key: {stack.key}' {stack.url}/api/tenants",
        f"CLI        HOLDFAST_API_URL={stack.url} HOLDFAST_API_KEY={stack.key} {sys.executable} -m cli fleet",
        f"Simulator  {stack.simulator.base_url} (simulator/README.md; its certificate is its own)",
        "Break something, for example:",
        f"  curl -k {stack.simulator.base_url}tenants/{domain}/admin -d '{order}'",
        "Or open a ticket that asks for a reprovision, and read what it is told:",
        f"  curl -k {stack.simulator.base_url}psa/{tickets.SYSTEM}/tickets -d '{json.dumps(tickets.TICKET)}'",
        f"  curl -k {stack.simulator.base_url}psa/{tickets.SYSTEM}/tickets",
        "Ctrl-C ends it.",
    ):
        console.print(line, soft_wrap=True, markup=False)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
