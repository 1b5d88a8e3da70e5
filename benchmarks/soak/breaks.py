"""What an admin breaks, and what became of it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.reading import Lane
from domain.tenant import TenantConfig


@dataclass(frozen=True, slots=True)
class Breakable:
    """One setting that can be broken by one cmdlet, and is put back by one. *back*: that cmdlet, of the service's."""

    control: str
    lane: Lane
    cmdlet: str
    back: str
    parameters: dict[str, Any]

    def parameters_of(self, tenant: TenantConfig) -> dict[str, Any]:
        """*tenant* is named after its one domain."""
        return {name: tenant.name if value == _DOMAIN else value for name, value in self.parameters.items()}


_DOMAIN = "the tenant's domain"
_RULE = "Send Automatic Replies to connector Automatic Replies"

BREAKABLE: tuple[Breakable, ...] = (
    Breakable(
        "inbound-lockdown",
        "fast",
        "Set-InboundConnector",
        "Set-InboundConnector",
        {"Identity": "ExchangeDefender", "Enabled": False},
    ),
    Breakable(
        "oof-connector",
        "fast",
        "Set-OutboundConnector",
        "Set-OutboundConnector",
        {"Identity": "Automatic Replies (Out of Office) Only", "Enabled": False},
    ),
    Breakable(
        "oof-rule", "fast", "Disable-TransportRule", "Enable-TransportRule", {"Identity": _RULE, "Confirm": False}
    ),
    Breakable(
        "spoof-intelligence",
        "fast",
        "Set-AntiPhishPolicy",
        "Set-AntiPhishPolicy",
        {"Identity": "Office365 AntiPhish Default", "EnableSpoofIntelligence": True},
    ),
    Breakable(
        "dkim",
        "slow",
        "Set-DkimSigningConfig",
        "Set-DkimSigningConfig",
        {"Identity": _DOMAIN, "Enabled": False},
    ),
    Breakable(
        "alert-policies",
        "slow",
        "Set-ProtectionAlert",
        "Set-ProtectionAlert",
        {"Identity": "Phish delivered due to an IP allow policy", "Disabled": False},
    ),
)


@dataclass(slots=True)
class Break:
    """One setting of one tenant that was broken *at*, by the simulator's clock; *seen* and *proven* by the ledger."""

    what: Breakable
    tenant: TenantConfig
    at: datetime
    seen: datetime | None = None
    proven: datetime | None = None

    def hear(self, event: str, at: datetime) -> None:
        """Of a ledger entry about this setting of this tenant."""
        if at < self.at:
            return
        if event in {"drift_found", "applying"}:
            self.seen = min(filter(None, (self.seen, at)))
        elif event == "corrected":
            self.proven = min(filter(None, (self.proven, at)))


def at_random(tenants: Sequence[TenantConfig], seed: int) -> Iterator[tuple[Breakable, TenantConfig]]:
    """Every setting of every tenant once, in an order that *seed* decides.

    Once, since a control that is put back three times in a day is held by the breaker, as it should be.
    """
    pairs = [(what, tenant) for what in BREAKABLE for tenant in tenants]
    random.Random(seed).shuffle(pairs)
    yield from pairs
