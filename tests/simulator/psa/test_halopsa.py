import json
from datetime import UTC, datetime

import pytest

from simulator.psa.systems import Systems
from simulator.wire.http import Request

NOON = datetime(2026, 9, 1, 8, 15, 2, tzinfo=UTC)


@pytest.fixture
def systems():
    found = Systems(lambda: NOON)
    for system in found.by_name.values():
        system.companies = {250}
    return found


def ask(systems, host, method, path, body=b"", **headers):
    return systems.answer(Request(method, f"https://{host}", path, "", headers, body))


def test_halopsa_wants_a_token_that_lives_and_an_outcome(systems):
    host = "northwind.halopsa.com"
    assert ask(systems, host, "GET", "/api/tickets", authorization="Bearer nothing").status == 401
    form = b"grant_type=client_credentials&client_id=x&client_secret=y"
    assert json.loads(ask(systems, host, "POST", "/auth/token", form).body) == {"error": "invalid_client"}
