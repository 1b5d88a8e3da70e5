"""Each forgery in the storage account itself is named by `holdfast ledger verify`."""

import json
from dataclasses import asdict, replace

import pytest
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

from clients.storage.documents import body
from domain import chain
from domain.chain import Place, Proof
from handlers.evidence import anchor_heads, proof_of
from tests.handlers.command import holdfast, told
from tests.handlers.web import ask

CONTOSO = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
FABRIKAM = "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"
MODES = ("observe", "correct", "approve", "observe")


class Forger:
    """Somebody who may write tables `ledger` and `heads`."""

    def __init__(self, tables: TableServiceClient) -> None:
        self.ledger, self.heads = tables.get_table_client("ledger"), tables.get_table_client("heads")

    async def link(self, sequence, ledger=CONTOSO):
        return dict(await self.ledger.get_entity(ledger, f"s{sequence:012d}"))

    async def entry(self, sequence, ledger=CONTOSO):
        return dict(await self.ledger.get_entity(ledger, (await self.link(sequence, ledger))["entry"]))

    async def put(self, *rows):
        for row in rows:
            await self.ledger.upsert_entity(row, mode="replace")

    async def take(self, *rows):
        for row in rows:
            await self.ledger.delete_entity(row["PartitionKey"], row["RowKey"])


@pytest.fixture
async def forger(azurite_connection):
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        yield Forger(tables)


@pytest.fixture
async def service(service):
    """Two tenants whose configs were changed, under an hourly root."""
    for tenant in (CONTOSO, FABRIKAM):
        config = {"tenant_id": tenant, "name": tenant[:4], "initial_domain": f"{tenant[:4]}.onmicrosoft.com"}
        for mode in MODES:
            await ask(service, "PUT", f"tenants/{tenant}", config | {"mode": mode})
    await anchor_heads(service.clients)
    return service


def with_actor(row, actor):
    """The entry's row, as if somebody else had done it."""
    return row | {"body0": json.dumps(json.loads(body(row)) | {"actor": actor})}


async def edited(forger):
    await forger.put(with_actor(await forger.entry(2), "nobody"))


async def entry_removed(forger):
    await forger.take(await forger.entry(2))


async def removed(forger):
    await forger.take(await forger.entry(2), await forger.link(2))


async def reordered(forger):
    second, third = await forger.link(2), await forger.link(3)
    await forger.put(third | {"RowKey": second["RowKey"]}, second | {"RowKey": third["RowKey"]})


async def inserted(forger):
    row = await forger.entry(2)
    between = row["RowKey"][:-1] + ("0" if row["RowKey"][-1] != "0" else "1")
    await forger.put({name: value for name, value in row.items() if name != "sequence"} | {"RowKey": between})


async def truncated(forger):
    await forger.take(await forger.entry(4), await forger.link(4))


async def truncated_with_its_head(forger):
    """The head says what the chain says: only the root knows better."""
    await truncated(forger)
    last, head = await forger.link(3), await forger.heads.get_entity("head", CONTOSO)
    await forger.heads.upsert_entity(dict(head) | {"sequence": 3, "hash": last["hash"]}, mode="replace")


async def taken_away(forger):
    """The whole chain and its head, as if there had been none."""
    for number in range(1, 5):
        await forger.take(await forger.entry(number), await forger.link(number))
    await forger.heads.delete_entity("head", CONTOSO)


async def swapped(forger):
    for number in range(1, 5):
        for part in (forger.entry, forger.link):
            mine, other = await part(number), await part(number, FABRIKAM)
            await forger.take(mine)
            await forger.put(other | {"PartitionKey": CONTOSO})


async def head_replaced(forger):
    head = await forger.heads.get_entity("head", CONTOSO)
    await forger.heads.upsert_entity(dict(head) | {"hash": "00" * 32}, mode="replace")


async def rewritten(forger):
    """The whole chain anew, with its head: by itself it is as good as the true one."""
    tail = Place()
    for number in range(1, 5):
        row = with_actor(await forger.entry(number), "nobody")
        made = chain.link(CONTOSO, tail, json.loads(body(row)))
        await forger.put(row, await forger.link(number) | {"previous": made.previous, "hash": made.hash})
        tail = made.place
    head = await forger.heads.get_entity("head", CONTOSO)
    await forger.heads.upsert_entity(dict(head) | {"hash": tail.hash}, mode="replace")


async def begun(forger, sequence):
    """Only a checkpoint is left, at *sequence*, which names what nobody exported."""
    row = await forger.entry(4)
    for number in range(1, 5):
        await forger.take(await forger.entry(number), await forger.link(number))
    before = Place(sequence - 1, "00" * 32)
    after = {"sequence": before.sequence, "hash": before.hash, "export": "00" * 32}
    row |= {"body0": json.dumps(json.loads(body(row)) | {"event": "checkpoint", "after": after}), "sequence": sequence}
    made = chain.link(CONTOSO, before, json.loads(body(row)))
    link = {"RowKey": f"s{sequence:012d}", "previous": made.previous, "hash": made.hash, "entry": made.id, "version": 4}
    await forger.put(row, {"PartitionKey": CONTOSO} | link)
    head = await forger.heads.get_entity("head", CONTOSO)
    await forger.heads.upsert_entity(dict(head) | {"sequence": sequence, "hash": made.hash}, mode="replace")


async def begun_after_the_root(forger):
    await begun(forger, 5)


async def begun_later(forger):
    await begun(forger, 9)


FORGERIES = [
    (edited, 2, "edited"),
    (entry_removed, 2, "removed: the link is there"),
    (removed, 3, "removed or reordered"),
    (reordered, 2, "the entry before is not the one"),
    (inserted, 0, "inserted"),
    (truncated, 3, "truncated"),
    (truncated_with_its_head, 3, "truncated: the chain ends at 3, the root of 2026-11-23T12 says 4"),
    (taken_away, 0, "truncated: the chain ends at 0"),
    (swapped, 1, "of another tenant"),
    (head_replaced, 4, "the head is of another chain"),
    (rewritten, 4, "the root of 2026-11-23T12 is of another chain"),
    (begun_after_the_root, 4, "the root of 2026-11-23T12 is of another chain"),
    (begun_later, 9, "begins after the root of 2026-11-23T12"),
]

LASTING = (truncated_with_its_head, taken_away, rewritten, begun_after_the_root, begun_later)
"""Those of which the tables alone do not tell."""


@pytest.mark.parametrize(("forge", "sequence", "why"), FORGERIES, ids=[each[0].__name__ for each in FORGERIES])
async def test_verify_names_the_first_bad_entry_of_a_forged_table_and_no_other_chain(
    service, forger, forge, sequence, why
):
    assert {each["result"] for each in told(await holdfast(service, "ledger", "verify"))} == {"ok"}
    await forge(forger)
    answer = await holdfast(service, "ledger", "verify")
    bad = {each["ledger"]: (each["sequence"], each["detail"]) for each in told(answer) if each["result"] == "bad"}
    assert (answer.exit_code, list(bad), bad[CONTOSO][0]) == (1, [CONTOSO], sequence)
    assert bad[CONTOSO][1].startswith(why)


@pytest.mark.parametrize("later", [{"hours": 1}, {"days": 30}], ids=["an hour", "a month"])
@pytest.mark.parametrize("forge", LASTING, ids=[each.__name__ for each in LASTING])
async def test_a_forgery_is_named_by_an_earlier_root_when_newer_ones_have_it(service, forger, forge, later):
    [(sequence, why)] = [each[1:] for each in FORGERIES if each[0] is forge]
    await forge(forger)
    for _ in range(9):
        service.clock.advance(**later)
        await anchor_heads(service.clients)
    answer = await holdfast(service, "ledger", "verify")
    bad = {each["ledger"]: (each["sequence"], each["detail"]) for each in told(answer) if each["result"] == "bad"}
    assert (answer.exit_code, list(bad), bad[CONTOSO][0]) == (1, [CONTOSO], sequence)
    assert bad[CONTOSO][1].startswith(why)


async def test_who_rewrites_chain_and_root_is_shown_by_the_message_that_the_customer_has(
    service, forger, tmp_path, azurite_connection
):
    message = tmp_path / "message"
    proof = await proof_of(CONTOSO, service.clients)
    assert proof
    message.write_text(f"Your ledger:\n\n{json.dumps({'kind': 'proof', **asdict(proof)})}\n")
    await rewritten(forger)
    async with BlobServiceClient.from_connection_string(azurite_connection) as blobs:
        await blobs.get_blob_client("anchors", f"roots/{proof.at}.json").delete_blob()
    service.clock.advance(hours=1)
    await anchor_heads(service.clients)
    assert told(await holdfast(service, "ledger", "verify", "--tenant", CONTOSO))[0]["result"] == "ok"
    export = tmp_path / "export"
    told(await holdfast(service, "ledger", "export", CONTOSO, export))
    answer = await holdfast(service, "ledger", "verify", "--from-export", export, "--from-export", message)
    [result] = told(answer)
    assert (answer.exit_code, result["sequence"]) == (1, 4)
    assert result["detail"] == f"the root of {proof.at} is of another chain: entries up to here were rewritten"


async def test_a_message_whose_head_was_changed_leads_to_no_root(service, tmp_path):
    proof = await proof_of(CONTOSO, service.clients)
    assert proof
    forged: Proof = replace(proof, head=replace(proof.head, hash="00" * 32))
    message = tmp_path / "message"
    message.write_text(json.dumps({"kind": "proof", **asdict(forged)}))
    answer = await holdfast(service, "ledger", "verify", "--from-export", message)
    assert (answer.exit_code, told(answer)[0]["detail"]) == (
        1,
        "the Merkle path does not lead from the head to the root",
    )
