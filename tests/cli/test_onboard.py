"""A customer of the partner's tenant is added, sees the consent link, and is waited for until it is ready."""

import json
from typing import Any

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.main import app

URL, TENANT = "http://holdfast.example", "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
CONFIG = {"tenant_id": TENANT, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com", "mode": "observe"}
NEW = {
    "tenant_id": TENANT,
    "name": "Contoso",
    "configured": False,
    "ends_at": "2027-11-01T00:00:00Z",
    "config": CONFIG,
    "unclear": "",
}
CONSENT = "https://login.example/consent"


def readiness(*, ready: bool) -> dict[str, Any]:
    state = "ok" if ready else "missing"
    token = {"id": "token-exchange", "state": state, "detail": "no consent", "remedy": "open the link", "needed": True}
    trace = {"id": "trace-consent", "state": "missing", "detail": "optional", "remedy": "", "needed": False}
    return {"tenant_id": TENANT, "ready": ready, "consent_url": CONSENT, "items": [token, trace]}


@pytest.fixture
def service():
    with respx.mock(base_url=f"{URL}/api", assert_all_called=False) as router:
        router.get("/proposals").mock(httpx.Response(200, json=[NEW]))
        router.put(f"/tenants/{TENANT}").mock(httpx.Response(201, json=CONFIG))
        yield router


def looks(service: respx.Router, *ready: bool) -> respx.Route:
    answers = [httpx.Response(200, json=readiness(ready=each)) for each in ready]
    return service.get(f"/tenants/{TENANT}/readiness").mock(side_effect=answers)


def onboard(*words: str):
    return CliRunner().invoke(app, ["--url", URL, "--key", "k", "onboard", *words, "--every", "0"])


def added(service: respx.Router) -> list[Any]:
    return [json.loads(call.request.content) for call in service.calls if call.request.method == "PUT"]


def test_without_a_name_the_customers_are_listed_and_nothing_is_added(service):
    answer = onboard()
    assert (answer.exit_code, "can be onboarded" in answer.stdout, added(service)) == (0, True, [])


def test_what_of_a_customer_could_not_be_read_is_listed(service):
    odd = NEW | {"tenant_id": "", "name": "Fabrikam", "ends_at": None, "config": None, "unclear": "it has no end"}
    service.get("/proposals").mock(httpx.Response(200, json=[NEW, odd]))
    answer = onboard()
    assert answer.exit_code == 0
    for each in ("can be onboarded", "Fabrikam", "it has no end"):
        assert each in answer.stdout


def test_a_customer_is_added_shown_the_link_and_waited_for(service):
    asked = looks(service, False, False, True)
    answer = onboard("contoso")
    assert (answer.exit_code, asked.call_count) == (0, 3)
    assert added(service) == [CONFIG]
    assert CONSENT in answer.stderr
    assert "Contoso: ready" in answer.stdout


def test_one_that_is_looked_after_already_keeps_its_config(service):
    service.get("/proposals").mock(httpx.Response(200, json=[NEW | {"configured": True, "config": None}]))
    looks(service, True)
    answer = onboard(TENANT)
    assert (answer.exit_code, added(service), CONSENT in answer.stderr) == (0, [], False)


def test_one_that_somebody_added_meanwhile_is_no_failure(service):
    service.put(f"/tenants/{TENANT}").mock(httpx.Response(412, json={"title": "there already"}))
    looks(service, True)
    assert onboard("Contoso").exit_code == 0


def test_what_is_missing_is_told_with_its_remedy_where_the_wait_is_over(service):
    looks(service, False)
    answer = onboard("contoso.onmicrosoft.com", "--wait", "0")
    assert answer.exit_code == 1
    assert "token-exchange: no consent open the link" in answer.stdout
    assert "trace-consent" not in answer.stdout


@pytest.mark.parametrize(
    ("proposal", "code", "why"),
    [
        (NEW | {"name": "Other", "tenant_id": "x", "config": None}, 2, "no customer has"),
        (NEW | {"config": None}, 1, "import it"),
    ],
)
def test_who_is_no_customer_or_has_no_known_domain_is_not_added(service, proposal, code, why):
    service.get("/proposals").mock(httpx.Response(200, json=[proposal]))
    answer = onboard("contoso")
    assert why in str(answer.exception)
    assert (answer.exception.code, added(service)) == (code, [])
