"""What was read from a tenant: rows with the time of the read, or the reason there are none.

A read that failed is a value here, not an exception and never an empty list, so each control says what *unknown* means
for it (docs/safety.md#promise-1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

type Service = Literal["exchange", "compliance"]
type Lane = Literal["fast", "slow"]
LANES: tuple[Lane, ...] = ("fast", "slow")
"""Fast: one Exchange request every few minutes. Slow: compliance, DNS and what belongs to them."""
type Row = Mapping[str, object]
"""One object as Exchange returned it, without the OData annotations (keys that contain `@`)."""


@dataclass(frozen=True, slots=True)
class Query:
    """One read-only cmdlet call. Equal queries are read once.

    *never_empty*: the service has at least one such object in every tenant, so an empty answer is odd, not a fact.
    """

    service: Service
    cmdlet: str
    parameters: tuple[tuple[str, object], ...] = ()
    never_empty: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A read that succeeded and was complete: every page of it."""

    rows: tuple[Row, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Unseen:
    """A read that failed, was cut short or made no sense.

    *reason* is one sentence for an operator; *remedy* says what a person must grant or run, where that is known.
    """

    reason: str
    at: datetime
    remedy: str = ""


type Reading = Mapping[Query, Seen | Unseen]
