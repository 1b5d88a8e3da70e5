"""What people do beside the lists of the fleet: forget what was parked, have the index made anew."""

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.main import app

URL, PARKED = "http://holdfast.example", "a" * 64


@pytest.fixture
def service():
    with respx.mock(base_url=f"{URL}/api", assert_all_called=False) as router:
        router.get("/parked").mock(
            httpx.Response(200, json=[{"queue": "checks", "id": PARKED, "at": "", "reason": "x"}])
        )
        yield router


def holdfast(*words):
    return CliRunner().invoke(app, ["--url", URL, "--key", "k", *words])


def test_a_parked_message_that_was_looked_at_is_forgotten_by_its_id(service):
    forgotten = service.delete(f"/parked/checks/{PARKED}").mock(httpx.Response(204))
    assert (holdfast("parked", "--seen", PARKED).exit_code, forgotten.call_count) == (0, 1)


@pytest.mark.usefixtures("service")
def test_a_message_that_is_not_parked_is_told():
    assert str(holdfast("parked", "--seen", "b").exception) == "b: no such message is parked"


def test_the_index_is_made_anew(service):
    service.post("/fleet/rebuild").mock(httpx.Response(200, json={"tenants": 7}))
    assert "7 tenants" in holdfast("rebuild").stdout


@pytest.mark.parametrize(("left", "code"), [(0.4, 0), (-0.1, 1)])
def test_an_error_budget_that_is_spent_is_an_exit_code(service, left, code):
    told = {"id": "fast-seen", "within_s": 330, "share": 0.95, "achieved": 0.9, "measured": 10, "burn": 1.0}
    service.get("/objectives").mock(httpx.Response(200, json=[told | {"budget_left": left}]))
    assert holdfast("objectives").exit_code == code


@pytest.mark.parametrize(("words", "path"), [((), "/evidence"), (("--tenant", "contoso"), "/tenants/t/evidence")])
def test_the_months_that_are_kept_are_listed_of_one_tenant_or_of_all(service, words, path):
    service.get("/tenants").mock(
        httpx.Response(200, json=[{"tenant_id": "t", "name": "Contoso", "initial_domain": "c"}])
    )
    kept = [{"month": "2026-10", "made_at": "2026-11-01T04:00:00Z", "sha256": {}, "entry": "e1"}]
    service.get(path).mock(httpx.Response(200, json=kept))
    assert "2026-10" in holdfast("months", *words).stdout
