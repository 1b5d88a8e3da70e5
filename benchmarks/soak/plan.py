"""How a soak is run: the fleet, the time, what is broken and killed how often."""

from dataclasses import dataclass

LARGEST_FLEET = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """One soak. *break_s*: for how long settings are broken; *patience_s*: for how long the last may take to be proven.

    *kill_every_s*: how long the second host lives before it is killed; *down_s*: until it is started again.
    """

    tenants: int
    break_s: float
    breaks_a_minute: float
    kill_every_s: float
    down_s: float
    patience_s: float
    latency_s: float
    fast: str
    slow: str
    seed: int = 1

    @property
    def settings(self) -> dict[str, str]:
        """The hosts' settings; the blast radius is the whole fleet, for what breaks here is no mistake of ours."""
        return {
            "HOLDFAST_FAST_SCHEDULE": self.fast,
            "HOLDFAST_SLOW_SCHEDULE": self.slow,
            "HOLDFAST_ALERTS_SCHEDULE": self.fast,
            "HOLDFAST_AUDIT_SCHEDULE": self.fast,
            "HOLDFAST_MAX_TENANTS_PER_HOUR": str(max(self.tenants, 1)),
            "HOLDFAST_MAX_PERCENT_PER_HOUR": "100",
            "HOLDFAST_DEV_PORT": "0",
        }
