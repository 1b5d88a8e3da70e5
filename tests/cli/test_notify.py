"""`holdfast notify`, `incidents`, `events` and `evidence`: what is asked of the service, and how a command ends."""

import json

import pytest
import respx
from typer.testing import CliRunner

from cli.api import Failure
from cli.main import app

URL = "http://holdfast.example"
TENANT = {
    "tenant_id": "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4",
    "name": "Contoso",
    "initial_domain": "contoso.onmicrosoft.com",
}
INCIDENT = {
    "id": "brake",
    "number": 7,
    "begun_at": "2026-11-29T11:00:00Z",
    "owner": "",
    "detail": "the brake is engaged",
}


@pytest.fixture
def service():
    with respx.mock(assert_all_called=False, base_url=f"{URL}/api/") as router:
        router.get("tenants").respond(json=[TENANT])
        yield router


def run(*words):
    return CliRunner().invoke(app, ["--url", URL, "--key", "k", *map(str, words)])


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_a_test_says_which_channel_took_it(service, ok, code):
    route = service.post("channels/test").respond(json=[{"channel": "notify-ops", "ok": ok, "detail": ""}])
    answer = run("notify", "test", "notify-ops")
    assert (answer.exit_code, "notify-ops" in answer.stdout) == (code, True)
    assert json.loads(route.calls.last.request.content) == {"channels": ["notify-ops"]}


def test_channels_are_listed(service):
    channel = {"name": "notify-ops", "scheme": "slack", "operators": True, "failing_since": None}
    service.get("channels").respond(json=[channel])
    assert "slack" in run("notify", "list").stdout


def test_incidents_are_listed_taken_and_ended(service):
    service.get("incidents").respond(json=[INCIDENT])
    taken = service.post("incidents/brake/take").respond(204)
    ended = service.post("incidents/brake/end").respond(204)
    assert run("incidents", "list").exit_code == 1
    assert run("incidents", "take", "brake", "--reason", "I look").exit_code == 0
    assert run("incidents", "end", "brake").exit_code == 0
    assert [json.loads(each.calls.last.request.content) for each in (taken, ended)] == [
        {"reason": "I look"},
        {"reason": ""},
    ]


def test_events_are_sent_again_from_a_position(service):
    route = service.post(f"tenants/{TENANT['tenant_id']}/events/replay").respond(202)
    assert run("events", "replay", "contoso", "--after", 1200).exit_code == 0
    assert json.loads(route.calls.last.request.content) == {"after": 1200}


def test_evidence_is_written_as_the_files_ending_says(service, tmp_path):
    made = service.post(f"tenants/{TENANT['tenant_id']}/evidence").respond(201, json={})
    service.get(f"tenants/{TENANT['tenant_id']}/evidence/2026-11", params={"format": "html"}).respond(html="<p>page")
    service.get("evidence/2026-11", params={"format": "csv"}).respond(text="a,b")
    page, table = tmp_path / "contoso.html", tmp_path / "all.csv"
    assert run("evidence", "2026-11", page, "--tenant", "contoso", "--make").exit_code == 0
    assert run("evidence", "2026-11", table).exit_code == 0
    assert (page.read_text(), table.read_text(), made.called) == ("<p>page", "a,b", True)
    refused = run("evidence", "2026-11", tmp_path / "x.pdf")
    assert isinstance(refused.exception, Failure)
