"""Standard Webhooks: a sender of any make, without tickets. Source: docs/reference/psa.md#standard-webhooks."""

from collections.abc import Mapping

from clients.http import Clock
from clients.psa import signatures
from clients.psa.connections import StandardConnection, secret_texts


class StandardSender:
    """Whoever signs with one of the connection's secrets."""

    def __init__(self, connection: StandardConnection, *, now: Clock) -> None:
        self._secrets = secret_texts(connection.secrets)
        self._now = now

    async def admits(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether a webhook's request is signed and of this minute. *headers*: by lower-case name."""
        return signatures.standard(body, headers, self._secrets, self._now())
