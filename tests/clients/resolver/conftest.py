"""A clock turned by hand, and a real Knot."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.clients.resolver.scripted import refers, serve
from tests.clients.resolver.zones import (
    ABOVE,
    DELEGATION,
    FIRST,
    GOOD,
    MACHINE,
    NAMED_ABOVE,
    PARENT,
    SECOND,
    machine,
)
from tests.knot import knot_server  # noqa: F401 - a fixture


@dataclass
class Clock:
    time: datetime = datetime(2026, 8, 11, 14, 2, 37, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def zone():
    """Serves contoso.test from two servers, the first as told, below a parent that names both."""

    def scripts(first, second=GOOD, known=DELEGATION):
        parent = refers(*NAMED_ABOVE)
        return serve({MACHINE: machine(*known, *ABOVE), FIRST: first, SECOND: second, PARENT: parent})

    return scripts
