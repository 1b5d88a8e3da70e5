"""What a tenant costs a month in Azure, from what was measured; prints the tables of docs/cost.md.

All figures that are not arithmetic are fields, each with where it comes from.
"""

from dataclasses import dataclass

MONTH_S = 30 * 24 * 3600
SPREAD = 0.8
"""handlers/loop/sweep.py: messages of a sweep are spread over this share of the interval."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`make bench` (round-trips, throughput) on a busy machine: CPU seconds are an upper bound."""

    fast_cpu_s: float = 0.0148
    slow_cpu_s: float = 0.0273
    storage_requests: int = 3
    queue_requests: int = 3  # put, get, delete


@dataclass(frozen=True, slots=True)
class Assumed:
    """List prices in US dollars and the shape of an installation: check both (docs/cost.md)."""

    gb_second: float = 0.000026
    million_executions: float = 0.40
    free_gb_seconds: float = 100_000
    free_executions: float = 250_000
    ten_thousand_queue_requests: float = 0.004
    ten_thousand_table_requests: float = 0.00045
    gigabyte_of_logs: float = 2.76
    fast_s: int = 300
    slow_s: int = 900
    check_s: float = 1.5  # how long Exchange takes to answer one batch: nothing that we measure
    alerts_cpu_s: float = 0.0074  # half a fast look: one request, most often with nothing new
    instance_gb: float = 0.5
    instance_cores: float = 0.25
    series: int = 110  # metrics of one worker
    series_every_s: int = 300
    kilobytes_an_item: float = 0.6
    kept_traces: float = 0.05
    spans_a_look: int = 3


@dataclass(frozen=True, slots=True)
class Work:
    """One function that a queue wakes: messages a second, CPU seconds of one."""

    rate: float
    cpu_s: float

    def instances(self, a: Assumed) -> int:
        """Enough cores for the work while a sweep is being worked off."""
        return max(1, -(-int(self.rate / SPREAD * self.cpu_s * 1000) // int(a.instance_cores * 1000)))

    def gb_seconds(self, a: Assumed) -> float:
        """An instance is billed while anything runs on it, and a second at least: alone where messages are rare."""
        alone = self.rate * max(1.0, a.check_s)
        return self.instances(a) * min(SPREAD, alone) * MONTH_S * a.instance_gb


def monthly(tenants: int, m: Measured, a: Assumed) -> dict[str, float]:
    """Dollars a month of an installation with so many tenants, by what is paid for."""
    fast, slow = tenants / a.fast_s, tenants / a.slow_s
    looks = Work(fast + slow, (fast * m.fast_cpu_s + slow * m.slow_cpu_s) / (fast + slow))
    alerts = Work(fast, a.alerts_cpu_s)
    messages = (looks.rate + alerts.rate) * MONTH_S
    gb_seconds = looks.gb_seconds(a) + alerts.gb_seconds(a)
    workers = looks.instances(a) + alerts.instances(a)
    spans = messages * a.kept_traces * a.spans_a_look
    # The host tells every invocation: in its OpenTelemetry mode it samples none (azure-functions-host 11496).
    items = workers * a.series * MONTH_S / a.series_every_s + messages
    return {
        "compute": max(0.0, gb_seconds - a.free_gb_seconds) * a.gb_second,
        "executions": max(0.0, messages - a.free_executions) / 1e6 * a.million_executions,
        "queues": messages * m.queue_requests / 1e4 * a.ten_thousand_queue_requests,
        "tables": messages * m.storage_requests / 1e4 * a.ten_thousand_table_requests,
        "telemetry": (items + spans) * a.kilobytes_an_item / 1e6 * a.gigabyte_of_logs,
    }


def table(sizes: tuple[int, ...] = (10, 1000, 10_000)) -> str:
    """The table of docs/cost.md, in Markdown."""
    bills = {size: monthly(size, Measured(), Assumed()) for size in sizes}
    rows = ["| tenants | " + " | ".join(bills[sizes[0]]) + " | together | a tenant |", "|---:|" + "---:|" * 7]
    for size, bill in bills.items():
        total = sum(bill.values())
        rows.append(
            f"| {size:,} | " + " | ".join(f"{x:.2f}" for x in (*bill.values(), total)) + f" | {total / size:.4f} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
