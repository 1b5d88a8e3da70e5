"""The chain over HTTP: what a stranger needs to verify it, exports that are noted, and checkpoints."""

import pytest

from domain import chain
from domain.chain import Head, Link, Linked, Proof, Sibling
from handlers.evidence import anchor_heads
from tests.handlers.web import ask, of

TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"


@pytest.fixture
async def tenant(service):
    """One whose config was changed twice."""
    config = {"tenant_id": TENANT, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}
    for mode in ("observe", "correct"):
        await ask(service, "PUT", f"tenants/{TENANT}", config | {"mode": mode})
    return TENANT


def linked(page):
    return [
        Linked(Link(each["sequence"], each["previous"], each["hash"], each["id"]), each["entry"])
        for each in page["links"]
    ]


async def test_a_chain_verifies_from_its_pages_also_when_its_tenant_was_removed(service, tenant):
    await ask(service, "DELETE", f"tenants/{tenant}")
    first = of(await ask(service, "GET", f"chains/{tenant}?limit=2"))
    rest = of(await ask(service, "GET", f"chains/{tenant}?limit=2&after=2"))
    rows = linked(first) + linked(rest)
    assert [row.entry["detail"] for row in rows] == ["added", "changed: mode", "removed"]
    assert chain.verify(tenant, rows, head=Head(**rest["head"]), unlinked=rest["unlinked"]) is None
    assert Head(**rest["head"]) in [Head(**each) for each in of(await ask(service, "GET", "chains"))]


async def test_the_proof_leads_from_the_chain_to_the_root_of_the_hour(service, tenant):
    assert (await ask(service, "GET", f"chains/{tenant}/proof")).status_code == 404
    await anchor_heads(service.clients)
    service.clock.advance(days=1)
    shown = of(await ask(service, "GET", f"chains/{tenant}/proof"))
    path = tuple(Sibling(**each) for each in shown["path"])
    proof = Proof(shown["at"], shown["root"], Head(**shown["head"]), path)
    rows = linked(of(await ask(service, "GET", f"chains/{tenant}")))
    assert chain.verify_proof(proof, rows) is None
    assert proof.head.sequence == 2


async def test_each_root_that_is_kept_is_shown_with_its_heads_and_the_way_to_it(service, tenant):
    assert of(await ask(service, "GET", "roots")) == []
    await anchor_heads(service.clients)
    first = service.clock().strftime("%Y-%m-%dT%H")
    service.clock.advance(hours=30)
    await ask(service, "DELETE", f"tenants/{tenant}")
    await anchor_heads(service.clients)
    assert of(await ask(service, "GET", "roots")) == [first, service.clock().strftime("%Y-%m-%dT%H")]
    shown = of(await ask(service, "GET", f"roots/{first}"))
    heads = [Head(**each) for each in shown["heads"]]
    assert (shown["hour"], shown["root"]) == (first, chain.merkle_root(heads))
    proof = of(await ask(service, "GET", f"chains/{tenant}/proof?at={first}"))
    assert (proof["at"], proof["root"], Head(**proof["head"]) in heads) == (first, shown["root"], True)
    assert of(await ask(service, "GET", f"chains/{tenant}/proof"))["head"]["sequence"] == proof["head"]["sequence"] + 1


async def test_an_hour_without_a_root_is_not_found_and_what_is_no_hour_is_refused(service, tenant):
    await anchor_heads(service.clients)
    for path in ("roots/", f"chains/{tenant}/proof?at="):
        assert (await ask(service, "GET", f"{path}2020-01-01T00")).status_code == 404
        for odd in ("2020-01-01", "..%2Fx", "2020-01-01T00.json"):
            assert (await ask(service, "GET", f"{path}{odd}")).status_code in {400, 404, 422}


async def test_what_has_no_chain_is_not_found(service):
    for path in (f"chains/{TENANT}", f"chains/{TENANT}/proof"):
        assert (await ask(service, "GET", path)).status_code == 404
    for path, body in (
        ("exports", {"export": "0" * 64}),
        ("checkpoints", {"sequence": 1, "hash": "0" * 64, "export": "0" * 64}),
    ):
        assert (await ask(service, "POST", f"chains/{TENANT}/{path}", body)).status_code == 404


async def test_an_export_is_noted_in_the_ledger_of_the_service(service, tenant):
    answer = await ask(service, "POST", f"chains/{tenant}/exports", {"export": "ab" * 32})
    assert answer.status_code == 201
    [noted] = await service.clients.storage.ledger.page("service")
    assert (noted.event, noted.actor) == ("exported", "key dev")
    assert noted.after == {"ledger": tenant, "export": "ab" * 32}
    assert of(answer) == {"id": noted.id, "sequence": 1}


async def test_a_checkpoint_names_a_place_of_the_chain_and_no_other(service, tenant):
    [first, _] = linked(of(await ask(service, "GET", f"chains/{tenant}")))
    place = {"sequence": 1, "hash": first.link.hash, "export": "ab" * 32}
    for wrong in ({"sequence": 2}, {"sequence": 9}, {"hash": "0" * 64}):
        answer = await ask(service, "POST", f"chains/{tenant}/checkpoints", place | wrong)
        assert (answer.status_code, of(answer)["detail"].partition(":")[0]) == (422, "body.hash")
    answer = await ask(service, "POST", f"chains/{tenant}/checkpoints", place)
    assert (answer.status_code, of(answer)["sequence"]) == (201, 3)
    rows = linked(of(await ask(service, "GET", f"chains/{tenant}")))
    assert chain.verify(tenant, rows[1:]) is None
