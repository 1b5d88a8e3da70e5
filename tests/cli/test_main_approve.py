"""`holdfast tenants approve`: what is proposed is shown first, and what was shown is what is approved."""

import json

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.main import app

URL = "http://holdfast.example"
NOW = {"tenant_id": "t", "name": "Contoso", "mode": "correct", "overrides": {}}
SEEN, ANOTHER = "5e" * 32, "a7" * 32
WAITS = {
    "tenant_id": "t",
    "by": "ann@msp.example",
    "proposal": SEEN,
    "widens": ["delivery_networks: 203.0.113.0/24"],
    "config": NOW | {"mode": "observe", "overrides": {"delivery_networks": ["203.0.113.0/24"]}},
}


def approve(*words, says="y\n"):
    return CliRunner().invoke(app, ["--url", URL, "--key", "k", "tenants", "approve", "t", *words], input=says)


@pytest.fixture
def service():
    with respx.mock(base_url=f"{URL}/api", assert_all_called=False) as router:
        router.get("/tenants/t/config/proposed", name="proposed").respond(json=WAITS)
        router.get("/tenants", name="tenants").respond(json=[NOW])
        router.post("/tenants/t/config/approve", name="approve").respond(json=WAITS["config"])
        yield router


def sent(service):
    return [json.loads(call.request.content) for call in service["approve"].calls]


def test_a_person_sees_each_field_that_changes_and_approves_just_that(service):
    answer = approve()
    assert answer.exit_code == 0
    for part in ("ann@msp.example", "mode", "correct", "observe", "203.0.113.0/24"):
        assert part in answer.stderr
    assert sent(service) == [{"proposal": SEEN}]


def test_of_a_tenant_that_is_new_everything_is_shown(service):
    service["tenants"].mock(httpx.Response(200, json=[]))
    answer = approve()
    assert (answer.exit_code, "Contoso" in answer.stderr) == (0, True)
    assert sent(service) == [{"proposal": SEEN}]


def test_whoever_says_no_approves_nothing(service):
    assert approve(says="n\n").exit_code == 1
    assert sent(service) == []


def test_what_was_seen_elsewhere_is_named(service):
    assert approve("--proposal", ANOTHER, says="").exit_code == 0
    assert sent(service) == [{"proposal": ANOTHER}]
