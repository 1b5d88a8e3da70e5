"""What the workflow `prune-ledger.yml` runs each month, against a service and the table that it deletes from."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import AccountSasPermissions, ResourceTypes, generate_account_sas
from azure.data.tables.aio import TableServiceClient

from handlers.evidence import anchor_heads
from tests.handlers.command import holdfast, told
from tests.handlers.web import ask

CONTOSO = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"


@pytest.fixture
async def tables(service, azurite_connection):
    """The URL of the table service, with a shared access signature that reads and deletes."""
    service.web.route(host="127.0.0.1").pass_through()
    said = dict(each.split("=", 1) for each in azurite_connection.split(";") if each)
    async with TableServiceClient.from_connection_string(azurite_connection) as client:
        signature = generate_account_sas(
            AzureNamedKeyCredential(said["AccountName"], said["AccountKey"]),
            ResourceTypes(object=True),
            AccountSasPermissions(read=True, delete=True),
            datetime.now(UTC) + timedelta(hours=1),
        )
        yield f"{client.url}?{signature}"


async def pruned(service, tables, folder):
    answer = await holdfast(service, "ledger", "prune", folder, "--tables", tables, "--tenant", CONTOSO)
    [chain] = told(answer)
    return chain["result"]


async def test_old_pages_are_exported_and_deleted_once_a_root_has_the_checkpoint_and_the_chain_verifies(
    service, tables, tmp_path
):
    service.clock.time = datetime.now(UTC) - timedelta(days=500)
    config = {"tenant_id": CONTOSO, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}
    for mode in ("observe", "correct", "approve"):
        await ask(service, "PUT", f"tenants/{CONTOSO}", config | {"mode": mode})
    service.clock.time = datetime.now(UTC)
    await ask(service, "PUT", f"tenants/{CONTOSO}", config | {"mode": "observe"})
    await anchor_heads(service.clients)
    assert await pruned(service, tables, tmp_path) == "checkpoint"
    assert await pruned(service, tables, tmp_path) == "waits for the next hourly root"
    service.clock.advance(hours=1)
    await anchor_heads(service.clients)
    assert await pruned(service, tables, tmp_path) == "deleted"
    left, _ = await service.clients.storage.chains.page(CONTOSO, 0, 1000)
    assert [each.link.sequence for each in left] == [4, 5]
    assert {each["result"] for each in told(await holdfast(service, "ledger", "verify"))} == {"ok"}
    [export] = tmp_path.iterdir()
    verified = await holdfast(service, "ledger", "verify", "--from-export", export)
    assert [(each["entries"], each["result"]) for each in told(verified)] == [(3, "ok")]
