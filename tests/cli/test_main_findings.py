"""`holdfast findings`: what only a person can judge, and how it is answered."""

import respx
from typer.testing import CliRunner

from cli.main import app

URL = "http://holdfast.example"
FOUND = {
    "id": "3f6c1f0a9b7d2e45",
    "kind": "bypass",
    "control": "lock-bypass",
    "name": "connector Old filter",
    "value": "198.51.100.0/24",
    "lets_in": "mail comes in",
    "state": "open",
}


def findings(*there):
    with respx.mock(base_url=f"{URL}/api") as router:
        router.get("/tenants").respond(json=[{"tenant_id": "t", "name": "Contoso", "initial_domain": "t"}])
        router.get("/tenants/t/findings").respond(json=list(there))
        runner = CliRunner(env={"COLUMNS": "200"})
        return runner.invoke(app, ["--url", URL, "--key", "k", "findings"])


def test_the_plan_of_a_removal_that_is_held_is_named_as_it_is_approved():
    held = {"plan": "a1b2c3d4e5f60718", "steps": [], "why": "guard: lock not proven"}
    answer = findings(FOUND | {"held": held}, FOUND | {"id": "other", "held": None})
    assert answer.exit_code == 1
    assert "approve lock-bypass --plan a1b2c3d4e5f60718" in answer.stdout
    assert answer.stdout.count("approve") == 1
