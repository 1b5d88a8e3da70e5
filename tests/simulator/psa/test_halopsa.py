import json

from tests.simulator.psa.calls import ask


def test_halopsa_wants_a_token_that_lives_and_an_outcome(systems):
    host = "northwind.halopsa.com"
    assert ask(systems, host, "GET", "/api/tickets", authorization="Bearer nothing").status == 401
    form = b"grant_type=client_credentials&client_id=x&client_secret=y"
    assert json.loads(ask(systems, host, "POST", "/auth/token", form).body) == {"error": "invalid_client"}
