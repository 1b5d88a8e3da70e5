"""What an HTTP endpoint is: data, from which requests are served and the OpenAPI document is made."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from clients.connect import Clients
from handlers.api.idempotency import Once
from handlers.api.problem import invalid

type Role = Literal["Holdfast.Read", "Holdfast.Operate", "Holdfast.Admin"]
"""App roles of the API's app registration; each includes those before it."""

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. *caller*: who asks, as the ledger names it. *headers*: names in lower case."""

    endpoint: str
    caller: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    prefix: str = "/api"

    @property
    def tenant_id(self) -> str:
        return self.path["tenant_id"]

    @property
    def control(self) -> str:
        return self.path["control"]

    @property
    def once(self) -> Once | None:
        """The caller's Idempotency-Key with what it asks for. Raises Problem 422 for a key that is none."""
        key = self.headers.get("idempotency-key")
        if key is None:
            return None
        if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
            raise invalid(f"Idempotency-Key: should be 1 to {LONGEST_KEY} printable ASCII characters")
        asked = [self.endpoint, {name: _spelt(value) for name, value in self.path.items()}, _canonical(self.body)]
        return Once(key, hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest())


def _spelt(value: str) -> str:
    """A GUID has several spellings, and is the same one in each."""
    try:
        return str(UUID(value))
    except ValueError:
        return value


def _canonical(body: bytes) -> object:
    """The body without its spelling; one that is not JSON is refused later, and is itself until then."""
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return body.hex()


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer: a JSON value or models, text of another media type, or nothing."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


type Work = Callable[[Ask, Clients], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path.

    *role*: what a token must grant; None needs no authentication. *takes*: the model of the body. *gives*: the type
    of a success by status. *problems*: the other statuses that this endpoint has of its own.
    *once*: an Idempotency-Key is honoured.
    """

    name: str
    method: Literal["GET", "PUT", "POST", "DELETE"]
    path: str
    summary: str
    work: Work
    role: Role | None
    gives: Mapping[int, Any]
    takes: Any = None
    problems: tuple[int, ...] = ()
    once: bool = False
    query: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    media_type: str = "application/json"
