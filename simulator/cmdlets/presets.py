"""Preset security policies: a policy that cannot be edited and rules that put recipients under it.

Source: docs/reference/exchange.md#anti-phish-policies.
"""

from collections.abc import Callable, Mapping

from simulator.cmdlets import anti_phish
from simulator.cmdlets.binding import IDENTITY, LISTING, Parameter, choice
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, listing, switcher
from simulator.organization import Organization
from simulator.rows import Row, directory

KINDS = {"EOP": "EOPProtectionPolicyRule", "ATP": "ATPProtectionPolicyRule"}
_STAMP = "1659535429826"  # thirteen digits, as the portal appends them


def turn_on(tenant: Organization, level: str, *, defender: bool, conditions: Mapping[str, list[str]]) -> None:
    """Make the preset's policy, and its rules with these conditions (none: everyone)."""
    policy = f"{level} Preset Security Policy{_STAMP}"
    names = {row["Name"] for row in tenant.rows(anti_phish.POLICY)}
    if policy not in names:
        preset = anti_phish.POLICY_DEFAULTS | _made(tenant, policy) | {"RecommendedPolicyType": level}
        tenant.put(anti_phish.POLICY, [*tenant.rows(anti_phish.POLICY), preset])
    name = f"{level} Preset Security Policy"
    rule = anti_phish.RULE_DEFAULTS | _made(tenant, name) | {"AntiPhishPolicy": policy, **conditions}
    for kind in KINDS.values() if defender else (KINDS["EOP"],):
        others = [row for row in tenant.rows(kind) if row["Name"] != name]
        # Strict wins over Standard: it stands first.
        tenant.put(kind, sorted([*others, rule], key=lambda row: row["Name"], reverse=True))


def _made(tenant: Organization, name: str) -> Row:
    now = tenant.now()
    return {"Name": name, "Guid": tenant.world.next_guid(), "WhenChanged": now, "WhenCreated": now}


def _get(kind: str) -> Callable[[Call], Output]:
    def run(call: Call) -> Output:
        rows = [row | {"Priority": at} for at, row in enumerate(call.rows(kind))]
        wanted = call.given.get("State")
        shown = [directory(row, call.tenant.initial_domain, created=False) for row in rows]
        return listing(call, [row for row in shown if wanted in {None, row["State"]}])

    return run


_GET = {**LISTING, "State": Parameter(choice("Enabled", "Disabled"))}

CMDLETS = tuple(
    cmdlet
    for kind in KINDS.values()
    for cmdlet in (
        Cmdlet(f"Get-{kind}", _GET, _get(kind)),
        Cmdlet(f"Enable-{kind}", IDENTITY, switcher(kind, "Enabled")),
        Cmdlet(f"Disable-{kind}", IDENTITY, switcher(kind, "Disabled")),
    )
)
