"""`holdfast waves`: what is asked of the service, and what a person is shown."""

import json

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.main import app

URL, TENANT, WAVE = "http://holdfast.example", "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4", "4f1c09a7be32"
RUNNING = {
    "id": WAVE,
    "profile": "exchangedefender",
    "version": "2027-03-01",
    "state": "running",
    "stage": "5 %",
    "detail": "",
    "stages": [{"name": "canaries", "tenants": 2, "proven": 1, "failed": 1}],
}
PAUSED = RUNNING | {"state": "paused", "detail": "1 of stage canaries failed"}


@pytest.fixture
def service():
    with respx.mock(base_url=f"{URL}/api", assert_all_called=False) as router:
        known = [{"tenant_id": TENANT, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}]
        router.get("/tenants").mock(httpx.Response(200, json=known))
        yield router


def holdfast(*words):
    return CliRunner().invoke(app, ["--url", URL, "--key", "k", "waves", *words])


def test_a_wave_is_begun_with_canaries_by_name(service):
    begun = service.post("/waves").mock(httpx.Response(201, json=RUNNING))
    answer = holdfast("start", "2027-03-01", "contoso", "--reason", "a new range")
    assert json.loads(begun.calls.last.request.content) == {
        "profile": "exchangedefender",
        "version": "2027-03-01",
        "canaries": [TENANT],
        "reason": "a new range",
    }
    assert (answer.exit_code, f"wave {WAVE} has begun" in answer.stdout) == (0, True)


@pytest.mark.parametrize(("wave", "code"), [(RUNNING, 0), (PAUSED, 1)])
def test_the_list_shows_progress_and_ends_with_1_where_a_wave_is_paused(service, wave, code):
    service.get("/waves").mock(httpx.Response(200, json=[wave]))
    answer = holdfast("list")
    assert (answer.exit_code, "1 of 2" in answer.stdout) == (code, True)


@pytest.mark.parametrize(("what", "wave"), [("pause", PAUSED), ("resume", RUNNING)])
def test_a_wave_is_paused_and_resumed_with_a_reason(service, what, wave):
    decided = service.post(f"/waves/{WAVE}/{what}").mock(httpx.Response(200, json=wave))
    answer = holdfast(what, WAVE, "--reason", "looked at")
    assert json.loads(decided.calls.last.request.content) == {"reason": "looked at"}
    assert (answer.exit_code, f"wave {WAVE} is {wave['state']}" in answer.stdout) == (0, True)
