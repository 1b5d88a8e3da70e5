"""What is told when the work of some tenants takes longer than somebody wants to wait."""

import json
from typing import Any

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.api import Failure
from cli.main import app

URL = "http://holdfast.example"
TENANTS = {"slow": "Contoso", "quick": "Northwind"}


@pytest.fixture
def service():
    """A service that ends the check of one tenant at once, and that of the other never."""
    with respx.mock(base_url=f"{URL}/api") as router:
        known = [{"tenant_id": each, "name": name, "initial_domain": name} for each, name in TENANTS.items()]
        router.get("/tenants").mock(httpx.Response(200, json=known))
        for each in TENANTS:
            operation: dict[str, Any] = {"id": f"of-{each}", "tenant_id": each, "kind": "check", "controls": []}
            end = (
                {"state": "queued"} if each == "slow" else {"state": "succeeded", "finished_at": "2026-11-23T12:00:00Z"}
            )
            router.post(f"/tenants/{each}/check").mock(httpx.Response(202, json=operation | end))
        yield router


def check(*options):
    return CliRunner().invoke(app, ["--url", URL, "--key", "k", *options, "check", "--wait", "1e-9"])


@pytest.mark.usefixtures("service")
def test_one_operation_that_goes_on_does_not_keep_back_what_became_of_the_others():
    told, shown = check("--json"), check()
    assert {each["id"]: each["state"] for each in json.loads(told.stdout)} == {
        "of-slow": "queued",
        "of-quick": "succeeded",
    }
    assert "Northwind: check succeeded" in shown.stdout
    for answer in (told, shown):
        assert isinstance(answer.exception, Failure)
        assert (answer.exception.code, "of-slow goes on" in str(answer.exception)) == (5, True)
        assert "of-quick" not in str(answer.exception)
