"""Fixtures of these tests."""

import pytest

from simulator.psa.systems import Systems
from tests.simulator.psa.calls import NOON


@pytest.fixture
def systems():
    found = Systems(lambda: NOON)
    for system in found.by_name.values():
        system.companies = {250}
    return found
