"""The API as the platform calls it: whatever URL and headers the host hands over, there is an answer."""

import azure.functions as func
import pytest

from tests.handlers.harness import DEV_KEY
from tests.handlers.web import ask, of, platform


@pytest.mark.parametrize(
    ("path", "headers"),
    [("%FF%FE", {}), ("tenants/%C3%28", {}), ("brake", {"x-functions-key": "wr\udcf6ng"}), ("[", {})],
    ids=["no_utf8", "half_a_letter", "header_of_no_letters", "bracket"],
)
async def test_a_request_that_no_application_could_read_is_refused(service, path, headers):
    request = func.HttpRequest("GET", f"https://holdfast.example/api/{path}", headers=headers, body=b"")
    assert (await platform(service).answer(request)).status_code in {400, 401}


async def test_a_path_has_the_route_prefix_of_the_host(service):
    headers = {"x-functions-key": DEV_KEY}
    for url, status in (("/api/brake", 200), ("/api/api/brake", 404), ("/api/brake/", 404)):
        request = func.HttpRequest("GET", f"https://holdfast.example{url}", headers=headers, body=b"")
        assert (await platform(service).answer(request)).status_code == status, url


async def test_a_method_that_a_path_does_not_have_is_told_with_those_that_it_has(service):
    answer = await ask(service, "PATCH", "tenants/7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4", {})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PUT, DELETE")
    assert of(answer)["detail"] == "this path has GET, PUT, DELETE"


async def test_the_document_is_whole_and_names_no_other_host(service):
    document = of(await ask(service, "GET", "openapi.json"))
    assert (document["openapi"][:3], document["servers"]) == ("3.1", [{"url": "/api"}])
    page = (await ask(service, "GET", "docs")).get_body().decode()
    assert "SwaggerUIBundle(" in page
    assert not [tag for tag in ('src="http', 'href="http', "cdn.") if tag in page.split("SwaggerUIBundle(")[0][:2000]]
