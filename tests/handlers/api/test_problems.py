"""Every reason why a request cannot be carried out is told as a problem, with a status of its own kind."""

import pytest

from clients.storage import documents
from domain import errors
from domain.errors import RequestError
from tests.handlers.web import ask, of

KINDS = {errors.NothingThere: 404, errors.NotNow: 409, errors.BadField: 422, errors.NeighbourRefused: 502}


def leaves(kind: type[RequestError]) -> list[type[RequestError]]:
    below = [leaf for each in kind.__subclasses__() for leaf in leaves(each)]
    return below or [kind]


@pytest.mark.parametrize("kind", leaves(RequestError))
def test_every_reason_has_one_status(kind):
    assert len([status for above, status in KINDS.items() if issubclass(kind, above)]) == 1


async def test_a_problem_names_its_status_and_one_sentence(service):
    answer = await ask(service, "GET", "tenants/7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4/state")
    assert answer.headers["content-type"] == "application/problem+json"
    assert of(answer) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no tenant 7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4",
    }


async def test_what_a_caller_sent_is_not_sent_back_at_length(service):
    answer = await ask(service, "PUT", "brake", {"x" * 2000: True, "engaged": True})
    assert answer.status_code == 422
    assert len(of(answer)["detail"]) < 600


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"engaged": "yes"}', "application/json", 422),
        (b'{"engaged": 1}', "application/json", 422),
        (b"engaged=true", "application/x-www-form-urlencoded", 415),
        (b'{"engaged": true}', "text/plain", 415),
        (b'{"engaged": true}', "application/json; charset=utf-16", 415),
        (b'{"engaged": true}', "application/merge-patch+json", 200),
        (b" " * 65_537, "application/json", 413),
        (b"", "application/json", 422),
        (b"null", "application/json", 422),
    ],
    ids=str,
)
async def test_a_body_is_read_strictly(service, body, content_type, status):
    assert (await ask(service, "PUT", "brake", body, content_type=content_type)).status_code == status


@pytest.mark.parametrize("target", ["health?x=1", "tenants?limit=1", "brake?code=x", "openapi.json?x="])
async def test_a_query_parameter_that_nobody_knows_is_refused(service, target):
    refused = await ask(service, "GET", target)
    assert (refused.status_code, "there is no such query parameter" in of(refused)["detail"]) == (422, True)


async def test_a_query_parameter_is_given_once(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    refused = await ask(service, "GET", f"tenants/{tenant.tenant_id}/ledger?limit=1&limit=2")
    assert (refused.status_code, of(refused)["detail"]) == (422, "limit: should be given once")


async def test_what_a_later_version_wrote_is_asked_for_again(service, monkeypatch):
    with monkeypatch.context() as later_version:
        later_version.setattr(documents, "ROW_VERSION", documents.ROW_VERSION + 1)
        await ask(service, "PUT", "brake", {"engaged": False, "reason": "upgraded"})
    answer = await ask(service, "GET", "brake")
    assert answer.status_code == 503
    assert "a later version" in of(answer)["detail"]
