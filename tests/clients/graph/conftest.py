"""The simulated Microsoft gives the tokens."""

import pytest

from clients.entra.credentials import Credentials


@pytest.fixture
def credentials(simulated: Credentials) -> Credentials:
    return simulated
