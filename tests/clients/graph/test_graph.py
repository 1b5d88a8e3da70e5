import json

import httpx
import pytest

from clients.entra.clouds import ENDPOINTS
from clients.errors import Forbidden, NotFound, NotLicensed, Refused, Unreadable
from clients.graph.graph import Graph
from clients.restraint import MOST_REQUESTS, Resting, Restraint, in_force
from tests.clients.conftest import TENANT

BASE = "https://graph.microsoft.com/v1.0"


@pytest.fixture
def graph(http, credentials, tenant):
    assert tenant.access.consented
    return Graph(http, credentials, ENDPOINTS["global"], "SecurityAlert.ReadWrite.All")


@pytest.fixture
def answers(router):
    """Graph's own answers, in place of the simulator's."""

    def answer(method, path, *responses):
        route = router.route(method=method, url=f"{BASE}{path}").mock(side_effect=responses)
        router.routes._routes.insert(0, router.routes._routes.pop())  # noqa: SLF001 - respx takes the first that fits
        return route

    return answer


def refused(code, message):
    return httpx.Response(403, json={"error": {"code": code, "message": message}})


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (refused("Forbidden", "The tenant is not onboarded to this service."), NotLicensed),
        (refused("Forbidden", "Tenant does not have a licence."), NotLicensed),
        (refused("Authorization_RequestDenied", "Insufficient privileges: no licence to the role."), Forbidden),
        (refused("Forbidden", "Missing application roles."), Forbidden),
        (httpx.Response(403), Forbidden),
    ],
)
async def test_a_missing_licence_is_told_from_a_missing_role(graph, tenant, answers, refusal, error):
    answers("GET", "/thing", refusal)
    with pytest.raises(error) as caught:
        await graph.get(tenant.tenant_id, "/v1.0/thing")
    assert ("SecurityAlert.ReadWrite.All" in caught.value.remedy) is (error is Forbidden)


async def test_a_list_is_followed_to_its_last_page(graph, tenant, answers):
    answers("GET", "/things", httpx.Response(200, json={"value": [1], "@odata.nextLink": f"{BASE}/more"}))
    answers("GET", "/more", httpx.Response(200, json={"value": [2]}))
    assert [page async for page in graph.pages(tenant.tenant_id, "/v1.0/things")] == [[1], [2]]


async def test_a_link_to_another_host_gets_no_token(graph, tenant, answers):
    answers("GET", "/things", httpx.Response(200, json={"value": [], "@odata.nextLink": "https://graph.example/more"}))
    with pytest.raises(Unreadable):
        [page async for page in graph.pages(tenant.tenant_id, "/v1.0/things")]


@pytest.mark.parametrize("body", [[], {"value": {}}, {"value": [], "@odata.nextLink": 5}, {}])
async def test_an_odd_list_is_never_an_empty_one(graph, tenant, answers, body):
    answers("GET", "/things", httpx.Response(200, json=body))
    with pytest.raises(Unreadable):
        await graph.page(tenant.tenant_id, "/v1.0/things")


async def test_each_part_of_a_batch_has_its_own_ending(graph, tenant, answers):
    gone = {"error": {"code": "NotFound", "message": "gone"}}
    parts = [{"id": "1", "status": 404, "body": gone}, {"id": "0", "status": 200, "body": {"id": "one"}}]
    answers("POST", "/$batch", httpx.Response(200, json={"responses": parts}))

    one, other, lost = await graph.each(tenant.tenant_id, ["/one", "/other", "/lost"])

    assert (one, type(other), type(lost)) == ({"id": "one"}, NotFound, Unreadable)


async def test_more_than_twenty_are_asked_for_in_further_batches(graph, tenant, answers):
    def serve(request):
        items = httpx.Response(200, content=request.content).json()["requests"]
        done = [{"id": item["id"], "status": 200, "body": {"url": item["url"]}} for item in items]
        return httpx.Response(200, json={"responses": done})

    route = answers("POST", "/$batch")
    route.side_effect = serve
    paths = [f"/{number}" for number in range(45)]

    assert await graph.each(tenant.tenant_id, paths) == [{"url": path} for path in paths]
    assert route.call_count == 3


def turning_away(*refused):
    """Answers a batch by turning away the parts of these numbers, in its first answer, its second ..."""
    turns = iter(refused)

    def serve(request):
        items, busy = json.loads(request.content)["requests"], next(turns, set[str]())
        return httpx.Response(200, json={"responses": [_part(item, item["url"] in busy) for item in items]})

    return serve


def _part(item, is_busy):
    if is_busy:
        return {"id": item["id"], "status": 429, "headers": {"Retry-After": "1"}, "body": {}}
    return {"id": item["id"], "status": 200, "body": {"url": item["url"]}}


async def test_only_the_parts_that_were_turned_away_are_asked_for_again(graph, tenant, answers):
    route = answers("POST", "/$batch")
    route.side_effect = turning_away({"/1", "/2"}, {"/2"})
    paths = [f"/{number}" for number in range(4)]

    assert await graph.each(tenant.tenant_id, paths) == [{"url": path} for path in paths]

    asked = [[item["url"] for item in json.loads(call.request.content)["requests"]] for call in route.calls]
    assert asked == [paths, ["/1", "/2"], ["/2"]]


async def test_parts_that_stay_turned_away_begin_the_tenants_rest_and_no_further_batch_goes_out(graph, tenant, answers):
    route = answers("POST", "/$batch")
    route.side_effect = turning_away(*[{"/1", "/25"}] * 9)
    paths = [f"/{number}" for number in range(60)]

    restraint = Restraint(tenant.tenant_id, {})
    with in_force(restraint):
        found = await graph.each(tenant.tenant_id, paths)

    assert route.call_count == MOST_REQUESTS
    assert restraint.begun.keys() == {"graph"}
    assert found[0] == {"url": "/0"}
    assert [type(each) for each in (found[1], *found[20:])] == [Resting] * 41


async def test_a_tenant_without_consent_is_told_by_entra(graph, world):
    with pytest.raises(Refused):
        await graph.get(TENANT, "/v1.0/thing")
    assert world.http_requests["graph"] == 0
