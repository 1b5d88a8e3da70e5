"""What DNS says: the starting records, and what somebody set since. No sockets here; `dns` has them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

type DnsFailure = Literal["servfail", "timeout", "truncated"]
type Records = dict[tuple[str, str], list[str]]
"""By name and type, in presentation form (`10 mx.example.`, `"text"`)."""

TTL = 300


@dataclass(slots=True)
class _Failure:
    how: DnsFailure
    left: int | None


class Zones:
    """All records of the world. *starting*: the zone that a name is in, and that zone's records as it started."""

    def __init__(self, starting: Callable[[str], tuple[str, Records]]) -> None:
        self._starting = starting
        self._set: dict[tuple[str, str], tuple[list[str], int]] = {}
        self._failing: dict[str, _Failure] = {}
        self._delegated: dict[str, tuple[str, int]] = {}

    def clear(self) -> None:
        """Only starting records, and no failures."""
        self._set.clear()
        self._failing.clear()
        self._delegated.clear()

    def set(self, name: str, rdtype: str, *values: str, ttl: int = TTL) -> None:
        """These records, in place of the starting ones."""
        self._set[_key(name, rdtype)] = (list(values), ttl)

    def remove(self, name: str, rdtype: str) -> None:
        """No such records, even if the tenant started with them."""
        self.set(name, rdtype)

    def unset(self, name: str, rdtype: str) -> None:
        """The tenant's starting records again."""
        self._set.pop(_key(name, rdtype), None)

    def fail(self, name: str, how: DnsFailure, *, times: int | None = None) -> None:
        """Questions for that name go wrong, *times* times or until `heal`."""
        self._failing[_key(name, "")[0]] = _Failure(how, times)

    def heal(self, name: str) -> None:
        self._failing.pop(_key(name, "")[0], None)

    def delegate(self, zone: str, host: str, port: int) -> None:
        """Another server has *zone*: questions about it are put to that one, and its answers given as they come."""
        self._delegated[_key(zone, "")[0]] = (host, port)

    # --- what a server asks ------------------------------------------------------------------------------------------

    @property
    def delegates(self) -> bool:
        """Whether any zone is another server's."""
        return bool(self._delegated)

    def server_of(self, name: str) -> tuple[str, int] | None:
        """The other server that has the name's zone, if one has."""
        labels = name.split(".")
        parents = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._delegated[parent] for parent in parents if parent in self._delegated), None)

    def failure(self, name: str) -> DnsFailure | None:
        """How this question goes wrong, if it does; counts it."""
        failure = self._failing.get(name)
        if failure is None:
            return None
        if failure.left is not None:
            failure.left -= 1
            if failure.left <= 0:
                del self._failing[name]
        return failure.how

    def values(self, name: str, rdtype: str) -> list[str]:
        return self.lookup(name, rdtype)[0]

    def lookup(self, name: str, rdtype: str) -> tuple[list[str], int]:
        """The records of that name and type, and their TTL in seconds."""
        key = _key(name, rdtype)
        if key in self._set:
            return self._set[key]
        return self._starting(key[0])[1].get(key, []), TTL

    def exists(self, name: str) -> bool:
        """Whether the name, or one below it, has any record: the difference between NODATA and NXDOMAIN (RFC 8020)."""
        records = {key: values for key, values in self._starting(name)[1].items() if key not in self._set}
        records |= {key: values for key, (values, _) in self._set.items()}
        return any(values and (owner == name or owner.endswith(f".{name}")) for (owner, _), values in records.items())

    def apex(self, name: str) -> str:
        """The zone the name is in."""
        return self._starting(name)[0]


def _key(name: str, rdtype: str) -> tuple[str, str]:
    return name.rstrip(".").lower(), rdtype.upper()
