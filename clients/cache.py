"""A cache that forgets: the least recently used beyond its size, and everything at its expiry."""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime


class ExpiringCache[K: Hashable, V]:
    """At most *size* values, each until its own expiry. Time is an argument."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[K, tuple[V, datetime]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K, now: datetime) -> V | None:
        value, until = self._entries.get(key, (None, now))
        if now >= until:
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V, until: datetime) -> None:
        self._entries[key] = (value, until)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        self._entries.pop(key, None)
