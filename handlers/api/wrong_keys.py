"""Who tries keys: after ten wrong ones in a minute an address is answered 429 at once, and operators hear of it.

Each process counts for itself, so that an address has ten tries a minute at each of the few there are. A key has 256
random bits: what this saves is work, and what it gains is that people know.
"""

from collections import deque
from datetime import datetime, timedelta

from clients.cache import ExpiringCache
from clients.connect import Clients
from domain.incident import Incident
from domain.shown import quoted
from handlers.operators import tell_operators

MOST_WRONG = 10
COUNTED_FOR = timedelta(minutes=1)
_ADDRESSES = 10_000
_LONGEST_ADDRESS = 64


def address_of(forwarded_for: str) -> str:
    """The last address of X-Forwarded-For: the platform's front end wrote it; those before it are the caller's word."""
    last = forwarded_for.rpartition(",")[2].strip()
    bracketed, _, rest = last.removeprefix("[").partition("]")
    host = bracketed if rest or last.startswith("[") else last.partition(":")[0] if last.count(":") == 1 else last
    return host[:_LONGEST_ADDRESS]


class WrongKeys:
    """The wrong keys of the last minute by address, and how many there were since people were told."""

    def __init__(self) -> None:
        self._tries: ExpiringCache[str, deque[datetime]] = ExpiringCache(_ADDRESSES)
        self._untold = 0

    def wait_s(self, address: str, now: datetime) -> int:
        """Seconds for which *address* is not listened to; 0 where it is, or where no front end says who calls."""
        tries = self._tries.get(address, now)
        if tries is None or len(tries) < MOST_WRONG:
            return 0
        left = tries[0] + COUNTED_FOR - now
        return max(0, -(-left // timedelta(seconds=1)))

    async def count(self, address: str, clients: Clients) -> None:
        """One more wrong key of *address*. Operators are told once an hour, with the count.

        Raises:
            AzureError: Storage does not answer.
        """
        now = clients.now()
        tries = self._tries.get(address, now) or deque(maxlen=MOST_WRONG)
        tries.append(now)
        if address:
            self._tries.put(address, tries, now + COUNTED_FOR)
        self._untold += 1
        if self.wait_s(address, now):
            told = f"{self._untold} keys were wrong since this was told last, the latest from {quoted(address)}"
            incident = Incident("wrong-keys", "wrong_keys", "somebody tries keys of the API", told)
            hour = now.replace(minute=0, second=0, microsecond=0)
            if await tell_operators(incident, clients, at=hour):
                self._untold = 0
