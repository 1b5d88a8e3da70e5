from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devhost.azurite import azurite
from tests.devhost.processes import Sample


@pytest.fixture(scope="session")
async def storage() -> AsyncIterator[str]:
    """One Azurite for the session; tests keep apart by the names of their queues."""
    async with azurite() as connection:
        yield connection


@pytest.fixture(scope="session")
def sample(storage: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The sample app, for tests that leave it as it was."""
    with Sample.running(tmp_path_factory.mktemp("sample"), storage) as running:
        yield running


@pytest.fixture
def own_sample(storage: str, tmp_path: Path) -> Iterator[Sample]:
    """A sample app for one test alone, whose lease is 2 s."""
    with Sample.running(tmp_path, storage, lease_s=2) as running:
        yield running
