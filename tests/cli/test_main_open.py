"""`holdfast open`: the way out by one command, with reason and end."""

import json

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.main import app

URL = "http://holdfast.example"
TENANT = {"tenant_id": "t", "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}


def opened(*words):
    return CliRunner().invoke(app, ["--url", URL, "--key", "k", "open", "Contoso", *words])


@pytest.fixture
def asked():
    operation = {"id": "o", "tenant_id": "t", "kind": "open", "controls": [], "state": "succeeded"}
    with respx.mock(base_url=f"{URL}/api", assert_all_called=False) as router:
        router.get("/tenants").mock(httpx.Response(200, json=[TENANT]))
        ended = httpx.Response(202, json=operation | {"finished_at": "2026-11-23T12:00:00Z"})
        yield router.post("/tenants/t/open").mock(ended)


def test_a_tenant_is_opened_until_then_with_the_reason(asked):
    answer = opened("--reason", "the filter is down", "--until", "2026-11-23T16:00:00")
    assert answer.exit_code == 0
    assert "Contoso: open succeeded" in answer.stdout
    [call] = asked.calls
    assert json.loads(call.request.content) == {"reason": "the filter is down", "until": "2026-11-23T16:00:00+00:00"}


@pytest.mark.parametrize("words", [["--reason", "x"], ["--until", "2026-11-23T16:00:00"]])
def test_nothing_is_opened_without_a_reason_and_an_end(asked, words):
    assert opened(*words).exit_code != 0
    assert not asked.called


def test_only_the_steps_are_asked_for(asked):
    assert opened("--reason", "x", "--until", "2026-11-23T16:00:00", "--dry-run").exit_code == 0
    assert json.loads(asked.calls[0].request.content)["dry_run"] is True
