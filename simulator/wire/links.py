"""nextLinks: what is left of a listing, for as long as the link lives. Source: docs/reference/exchange.md#paging."""

from dataclasses import dataclass, field

from simulator.organization import Organization
from simulator.rows import Row

_MOST = 1000  # links kept; the oldest go first
_LIVES_S = 600


@dataclass(frozen=True, slots=True)
class _Rest:
    cmdlet: str
    rows: list[Row]
    issued_at: float
    issued_after: int


@dataclass(slots=True)
class Links:
    """Skip tokens of one organisation and the rows behind them."""

    organization: Organization
    _rests: dict[str, _Rest] = field(default_factory=dict)

    def issue(self, cmdlet: str, rows: list[Row]) -> str:
        """A token for the rows that did not fit on the page."""
        token = f"simulated{self.organization.world.next_token():06}"
        now, requests = self.organization.now().timestamp(), self.organization.http_requests.total()
        self._rests[token] = _Rest(cmdlet.casefold(), rows, now, requests)
        if len(self._rests) > _MOST:
            del self._rests[next(iter(self._rests))]
        return token

    def follow(self, token: str, cmdlet: str) -> list[Row] | None:
        """The rest of the listing; None: expired, unknown, or of another tenant or cmdlet."""
        rest = self._rests.get(token)
        if rest is None or rest.cmdlet != cmdlet.casefold():
            return None
        most = self.organization.switches.link_requests
        age = self.organization.now().timestamp() - rest.issued_at
        requests = self.organization.http_requests.total() - rest.issued_after
        used_up = most is not None and requests > most
        return None if age > _LIVES_S or used_up else rest.rows
