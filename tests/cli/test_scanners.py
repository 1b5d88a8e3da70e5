"""Which public checks fail, and how what compensates for them stands in a tenant."""

import json
from pathlib import Path

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.api import Failure
from cli.main import app
from cli.scanner_checks import SCANNER_EXCEPTIONS
from domain.controls import CATALOGUE

URL, TENANT = "http://holdfast.example", "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
PROOF = "no message came round the filter from 2026-11-22 12:00 to 2026-11-23 12:00 UTC; 7 were let in"


@pytest.fixture
def service():
    with respx.mock(base_url=f"{URL}/api") as router:
        known = [{"tenant_id": TENANT, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}]
        router.get("/tenants").mock(httpx.Response(200, json=known))
        controls = [
            {"id": "inbound-lockdown", "state": "compliant", "read_at": "2026-11-23T12:00:00Z", "detail": ""},
            {"id": "mail-flow", "state": "compliant", "read_at": "2026-11-23T11:00:00Z", "detail": PROOF},
            {"id": "spoof-intelligence", "state": "compliant", "read_at": "2026-11-23T12:00:00Z", "detail": ""},
        ]
        router.get(f"/tenants/{TENANT}/state").mock(httpx.Response(200, json={"controls": controls}))
        yield router


@pytest.mark.usefixtures("service")
def test_each_check_is_told_with_the_tenants_own_proof_and_its_date():
    said = CliRunner().invoke(app, ["--url", URL, "--key", "k", "--json", "evidence", "scanner-exceptions"])
    assert said.exit_code == 0, said.output
    told = {each["id"]: each for each in json.loads(said.stdout)}
    assert told.keys() == {each.id for each in SCANNER_EXCEPTIONS}
    assert PROOF in told["ORCA-180"]["proof"]
    assert "inbound-lockdown: compliant, read at 2026-11-23T12:00:00Z" in told["ORCA-180"]["proof"]
    assert told["ORCA-242"]["setting"] == "alert-policies: not read yet"
    table = CliRunner().invoke(
        app, ["--url", URL, "--key", "k", "evidence", "scanner-exceptions", "--tenant", "Contoso"]
    )
    assert (table.exit_code, "ORCA-242" in table.stdout) == (0, True)


def test_a_month_needs_a_file_to_be_written_to():
    said = CliRunner().invoke(app, ["--url", URL, "--key", "k", "evidence", "2026-11"])
    assert isinstance(said.exception, Failure)
    assert "should end in" in str(said.exception)


def test_the_page_names_every_check_with_its_source_and_each_rests_on_controls_that_there_are():
    page = (Path(__file__).parents[2] / "docs/scanners.md").read_text("utf-8")
    for each in SCANNER_EXCEPTIONS:
        assert f"| {each.id} |" in page
        assert each.page in page
        assert {each.control, *each.compensates} <= CATALOGUE.keys()
