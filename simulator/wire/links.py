"""nextLinks: what is left of a listing, for as long as the link lives. Source: docs/reference/exchange.md#paging."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.rows import Row
    from simulator.tenant import Tenant
    from simulator.world import World

_MOST = 1000  # links kept; the oldest go first


@dataclass(frozen=True, slots=True)
class _Rest:
    tenant: Tenant
    cmdlet: str
    rows: list[Row]
    issued_at: float
    issued_after: int


class Links:
    """Skip tokens and the rows behind them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = count(1)
        self._rests: dict[str, _Rest] = {}

    def issue(self, tenant: Tenant, cmdlet: str, rows: list[Row]) -> str:
        """A token for the rows that did not fit on the page."""
        token = f"simulated{next(self._numbers):06}"
        now = self._world.clock().timestamp()
        self._rests[token] = _Rest(tenant, cmdlet.casefold(), rows, now, tenant.http_requests.total())
        if len(self._rests) > _MOST:
            del self._rests[next(iter(self._rests))]
        return token

    def follow(self, token: str, tenant: Tenant, cmdlet: str) -> list[Row] | None:
        """The rest of the listing; None: expired, unknown, or of another tenant or cmdlet."""
        rest = self._rests.get(token)
        if rest is None or rest.tenant is not tenant or rest.cmdlet != cmdlet.casefold():
            return None
        age = self._world.clock().timestamp() - rest.issued_at
        requests = tenant.http_requests.total() - rest.issued_after
        allowed = tenant.switches.link_requests
        if age > tenant.switches.link_seconds or (allowed is not None and requests > allowed):
            return None
        return rest.rows
