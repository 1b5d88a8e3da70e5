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


async def test_what_a_later_version_wrote_is_asked_for_again(service, monkeypatch):
    tenant = service.world.add_tenant("contoso.example")
    with monkeypatch.context() as later_version:
        later_version.setattr(documents, "ROW_VERSION", documents.ROW_VERSION + 1)
        await service.look_after(tenant)
    answer = await ask(service, "GET", f"tenants/{tenant.tenant_id}")
    assert answer.status_code == 503
    assert "a later version" in of(answer)["detail"]


async def test_a_brake_that_a_later_version_moved_counts_as_engaged(service, monkeypatch):
    with monkeypatch.context() as later_version:
        later_version.setattr(documents, "ROW_VERSION", documents.ROW_VERSION + 1)
        await ask(service, "PUT", "brake", {"engaged": False, "reason": "upgraded"})
    answer = await ask(service, "GET", "brake")
    assert (answer.status_code, of(answer)["engaged"]) == (200, True)
