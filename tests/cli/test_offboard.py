"""Leaving step by step: what is asked of the service, in which order, and where it stops."""

from typing import Any

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.main import app

URL, TENANT = "http://holdfast.example", "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
LOCKED = {"locked": True, "held_open_until": None, "mx_at_filter": ["contoso.example"]}
OPEN = LOCKED | {"locked": False, "held_open_until": "2027-01-31T00:00:00Z"}
AWAY = OPEN | {"mx_at_filter": []}
BACK = {
    "put_back": [{"control": "oof-rule", "entry": "e1", "powershell": ["New-TransportRule"]}],
    "consent": "Remove-X",
}


class Service:
    """A service that takes every step, and says how far the tenant has come. *state*: how its steps end."""

    def __init__(self, router: respx.Router) -> None:
        self.looks: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.state = "succeeded"
        known = [{"tenant_id": TENANT, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}]
        router.get("/tenants").mock(httpx.Response(200, json=known))
        router.get(f"/tenants/{TENANT}/leaving").mock(side_effect=self.look)
        router.post(url__regex=f".*/tenants/{TENANT}/.*").mock(side_effect=self.take)

    def look(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=(self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]) | BACK)

    def take(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path.partition(f"{TENANT}/")[2])
        controls = [{"id": "x", "state": "held", "detail": "a freeze", "drift": [], "steps": []}]
        ended = {"id": "o", "kind": "open", "state": self.state, "finished_at": "2026-11-23T12:00:00Z"}
        return httpx.Response(202, json=ended | {"controls": controls})


@pytest.fixture
def service():
    with respx.mock(base_url=f"{URL}/api", assert_all_called=False) as router:
        yield Service(router)


def leave(*options, yes=True):
    words = ["--url", URL, "--key", "k", "offboard", "contoso", "--reason", "they leave", "--until", "2027-01-31"]
    return CliRunner().invoke(app, [*words, *(["--yes"] if yes else []), *options], input="n\n")


def test_it_opens_first_and_stops_until_the_mx_is_away(service):
    service.looks = [LOCKED, OPEN]
    answer = leave()
    assert service.asked == ["check", "open"]
    assert "move the MX of contoso.example away" in str(answer.exception)


def test_then_it_puts_back_what_was_made_and_says_what_is_last(service):
    service.looks = [AWAY]
    answer = leave()
    assert service.asked == ["check", "controls/oof-rule/undo"]
    assert "Remove-X" in answer.stdout


def test_nothing_is_done_where_nobody_says_yes(service):
    service.looks = [LOCKED]
    answer = leave(yes=False)
    assert service.asked == ["check"]
    assert "nothing more was done" in str(answer.exception)


def test_a_step_that_does_not_succeed_ends_it_with_the_reason(service):
    service.looks, service.state = [AWAY], "held"
    assert "held: a freeze" in str(leave().exception)


def test_a_connector_that_still_refuses_ends_it(service):
    service.looks = [LOCKED]
    answer = leave()
    assert service.asked == ["check", "open"]
    assert "still refuses mail" in str(answer.exception)


def test_the_steps_of_a_removal_are_shown_before_anybody_says_yes(service):
    service.looks = [AWAY]
    words = ["--url", URL, "--key", "k", "remove", "contoso", "3f6c1f0a9b7d2e45"]
    answer = CliRunner().invoke(app, words, input="n\n")
    assert service.asked == ["findings/3f6c1f0a9b7d2e45/remove"]
    assert "a freeze" in answer.stderr
    assert "nothing was done" in str(answer.exception)
