"""One organisation as cmdlets see it: its objects, and what readers still see of their past."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from simulator.commons import Commons
from simulator.rows import Row
from simulator.switches import Switches

type State = Callable[[Organization, str], list[Row]]
"""What makes the starting objects of a kind."""


@dataclass(slots=True)
class _Past:
    """What readers of one kind see until replication has caught up."""

    rows: list[Row]
    reads_left: int


@dataclass(slots=True, eq=False)
class Organization:
    """Rows are never changed in place: a write puts a new list, so that the past can be kept.

    Args:
        world: what it shares with all others.
        hydration_left: reads until customisation shows; None: it was not asked for.
        http_requests: how many each service got.
        revision: counts writes.
        exchange_roles: Exchange's own roles that role groups give the application, in force at once.
    """

    world: Commons
    tenant_id: str
    initial_domain: str
    domains: tuple[str, ...]
    coexistence: bool
    region: str
    switches: Switches
    state: State
    hydration_left: int | None = field(default=None, init=False)
    http_requests: Counter[str] = field(default_factory=Counter, init=False)
    revision: int = field(default=0, init=False)
    exchange_roles: set[str] = field(default_factory=set, init=False)
    _objects: dict[str, list[Row]] = field(default_factory=dict, init=False)
    _past: dict[str, _Past] = field(default_factory=dict, init=False)
    _lag: dict[str | None, int] = field(default_factory=dict, init=False)

    def rows(self, kind: str) -> list[Row]:
        """What is true now. An unchanged kind is made afresh from the starting state, and costs no memory."""
        return self._objects[kind] if kind in self._objects else self.state(self, kind)

    def seen(self, kind: str) -> list[Row]:
        """What the next API read sees: it counts down the lag."""
        past = self._past.get(kind)
        if past is None:
            return self.rows(kind)
        past.reads_left -= 1
        if past.reads_left <= 0:
            del self._past[kind]
        return past.rows

    def put(self, kind: str, rows: list[Row]) -> None:
        """Replace the objects of a kind; readers follow after the lag."""
        reads = self._lag.get(kind, self._lag.get(None, 0))
        if reads > 0:
            before = self._past[kind].rows if kind in self._past else self.rows(kind)
            self._past[kind] = _Past(before, reads)
        self._objects[kind] = rows
        self.revision += 1

    def lag(self, reads: int, kind: str | None = None) -> None:
        """After a write, the next *reads* API reads of that kind (None: of every kind) show the state before."""
        self._lag[kind] = reads

    def now(self) -> datetime:
        return self.world.clock()

    def starting_guid(self, *names: str) -> UUID:
        """The GUID of an object of the starting state: the same each time the state is made."""
        return uuid5(UUID(self.tenant_id), "/".join(names))
