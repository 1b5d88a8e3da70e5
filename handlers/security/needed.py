"""A lease that is taken when it is first needed: most looks find nothing to do, and two that only read do no harm."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from clients import telemetry
from clients.connect import Clients
from clients.storage.leases import Lease
from clients.telemetry import CheckResult
from domain.jobs import Again, Done, Outcome, ReadAudit, TriageAlerts


class Taken(Exception):  # noqa: N818 - an outcome, not a fault
    """Another worker has the lease."""


class Needed:
    """The lease *name*, held from when it is first asked for until *stack* is closed."""

    def __init__(self, name: str, stack: AsyncExitStack, clients: Clients) -> None:
        self._name = name
        self._stack = stack
        self._clients = clients
        self._lease: Lease | None = None

    async def get(self) -> Lease:
        """Raises Taken, and AzureError."""
        if self._lease is None:
            self._lease = await self._stack.enter_async_context(self._clients.storage.leases.hold(self._name))
        if self._lease is None:
            raise Taken
        return self._lease


async def with_lease_at_hand(
    job: TriageAlerts | ReadAudit, work: Callable[[Needed], Awaitable[CheckResult]], clients: Clients
) -> Outcome:
    """Do *work* on the tenant of *job*, and count how it ended.

    Again, where another worker has the lease once it is needed.
    """
    async with AsyncExitStack() as stack:
        try:
            telemetry.looked(job, await work(Needed(f"{job.kind}-{job.tenant_id}", stack, clients)))
        except Taken:
            telemetry.looked(job, "moved")
            return Again(job.patience.first)
    return Done()
