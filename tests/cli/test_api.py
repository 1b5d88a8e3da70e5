"""How the command line tells a service that says no from one that does not answer."""

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.api import Failure
from cli.main import app

URL = "http://holdfast.example"
PROBLEM = {"content-type": "application/problem+json"}
REFUSED = {"title": "Bad Gateway", "status": 502, "detail": "the partner's tenant could not be asked: grant a role"}
STANDS_STILL = {"title": "Service Unavailable", "status": 503, "detail": "HOLDFAST_KEYS: should be a list"}


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (httpx.Response(502, json=REFUSED, headers=PROBLEM), 3, "502: the partner's tenant could not be asked"),
        (httpx.Response(502, html="<h1>Bad Gateway</h1>"), 4, "502 Bad Gateway"),
        (httpx.Response(503, json=STANDS_STILL, headers=PROBLEM), 4, "503: HOLDFAST_KEYS"),
        (httpx.Response(403, json={"detail": "this needs the role Reader"}, headers=PROBLEM), 3, "403: this needs"),
    ],
)
def test_what_a_neighbour_refuses_is_a_no_of_the_service_and_a_gateways_502_is_no_answer(answer, code, said):
    with respx.mock(base_url=f"{URL}/api") as router:
        router.get("/proposals").mock(answer)
        failure = CliRunner().invoke(app, ["--url", URL, "--key", "k", "proposals"]).exception

    assert isinstance(failure, Failure)
    assert failure.code == code
    assert str(failure).startswith(said)
