"""An example of each request, as the documentation shows it. The values are the fact sheets' made-up tenant."""

from typing import Any

TENANT_ID = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
ID = "5a0f0c8e-2f0b-4e57-a7b0-7f9f6b0e7c11"

EXAMPLES: dict[str, Any] = {
    "put_tenant": {
        "tenant_id": TENANT_ID,
        "name": "Northwind Legal",
        "initial_domain": "northwindlegal.onmicrosoft.com",
        "mode": "correct",
        "controls": {"spf": {"mode": "observe"}},
    },
    "post_reprovision": {"controls": ["inbound-lockdown"], "dry_run": True, "reason": "ticket 4711"},
    "post_approve": {"plan": "3f6c1f0a9b7d2e45"},
    "post_except": {"reason": "migration", "owner": "ann@msp.example", "until": "2027-01-31T00:00:00Z"},
    "post_undo": {"entry": "8234123412341234-corrected-inbound-lockdown", "reason": "mail of the scanner stopped"},
    "put_brake": {"engaged": True, "reason": "incident 7"},
}
