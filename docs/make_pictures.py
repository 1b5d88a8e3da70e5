"""Make the pictures of docs/console.md: `make docs`, or this file. They need Chromium (`make chromium`)."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from playwright.sync_api import sync_playwright

from devhost.stack import Stack, running

PICTURES = HERE / "pictures"
NAMES = ("Adatum", "Contoso", "Fabrikam", "Northwind Legal", "Tailspin Toys", "Wingtip")
_NEVER = dict.fromkeys((f"HOLDFAST_{each}_SCHEDULE" for each in ("PSA", "ALERTS", "AUDIT")), "0 0 0 1 1 *")
_OFTEN = {
    "HOLDFAST_FAST_SCHEDULE": "*/2 * * * * *",
    "HOLDFAST_SLOW_SCHEDULE": "*/5 * * * * *",
    "HOLDFAST_DEV_PORT": "0",
}


def main() -> int:
    """Give the exit code: 0 also where there is no Chromium, for the other pages need none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        sys.stderr.write("no Chromium: the pictures stay as they are\n")
        return 0
    PICTURES.mkdir(exist_ok=True)
    with running(_NEVER | _OFTEN, lambda _: None) as stack:
        broken = _fleet(stack)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(stack.url)
            page.get_by_role("link", name="ada.admin@msp.example").click()
            for name, path in (("fleet", "fleet"), ("inbox", "inbox"), ("tenant", f"tenants/{broken}")):
                page.goto(f"{stack.url}/api/console/{path}")
                page.screenshot(path=PICTURES / f"console-{name}.png")
            browser.close()
    return 0


def _fleet(stack: Stack) -> str:
    """Some tenants, of which one has a lock that waits for an approval; gives that one's id."""
    made = []
    for name in NAMES:
        domain = f"{name.lower().replace(' ', '')}.example"
        tenant = stack.simulator.post("tenants", json={"domains": [domain], "state": "healthy"}).json()
        config = {"tenant_id": tenant["tenant_id"], "name": name, "initial_domain": tenant["initial_domain"]}
        config |= {"mode": "approve", "labels": ["gold" if len(made) % 2 else "silver"]}
        config |= {"mx_at_filter_since": "2026-01-01T00:00:00Z"}
        stack.api.put(f"tenants/{tenant['tenant_id']}", json=config).raise_for_status()
        made.append(tenant["tenant_id"])
    _until(lambda: all(each["looked_at"] for each in stack.api.get("fleet").json()["items"]))
    off = {"cmdlet": "Set-InboundConnector", "parameters": {"Identity": "ExchangeDefender", "Enabled": False}}
    stack.simulator.post("tenants/contoso.example/admin", json=off).raise_for_status()
    _until(lambda: stack.api.get("inbox?kind=approval").json())
    found: str = made[1]
    return found


def _until(done: Callable[[], object], patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while not done() and time.monotonic() < deadline:
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
