"""How Holdfast knows its own tickets and notes again: names that nobody else can make.

A tenant's id and a control's name are known to many. So a mark is keyed (HMAC, RFC 2104) with a secret of the
installation: who does not have it cannot write a ticket that is taken for ours, before there is one to copy from.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

OUR_KEY = re.compile(r"hf-[0-9a-f]{24}")
"""What a key of ours looks like."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one installation, by its *secret*."""

    secret: bytes = field(repr=False)

    def keys(self, tenant_id: str, cause: str) -> tuple[str, str]:
        """Our names for the ticket of a cause: that of a new ticket, and the one it had before keys had a secret.

        At most 50 characters each, as Autotask's `externalID` takes.
        """
        return f"hf-{self._keyed(tenant_id, cause)}", f"hf-{_unkeyed(tenant_id, cause)}"

    def note(self, ids: Iterable[str]) -> str:
        """What a note carries so that it is known again: whether it was written is looked up before it is repeated."""
        return f"[hf-{self._keyed(*sorted(ids))[:12]}]"

    def is_in(self, text: str, ids: Iterable[str]) -> bool:
        """Whether *text* has the mark of our note of *ids*: one without a secret, as they were once, is anybody's."""
        return self.note(ids) in text

    def _keyed(self, *parts: str) -> str:
        return hmac.digest(self.secret, " ".join(parts).encode(), "sha256").hex()[:24]


def _unkeyed(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:24]
