"""A message never expires silently."""

from datetime import UTC, datetime, timedelta

from azure.storage.queue.aio import QueueServiceClient

from clients.storage.queues import Queues
from domain.jobs import CheckTenant
from tests.clients.conftest import TENANT


async def test_a_message_outlives_the_platforms_seven_days(azurite_connection: str):
    async with QueueServiceClient.from_connection_string(azurite_connection) as service:
        queues, client = Queues(service), service.get_queue_client("checks")
        await queues.create()
        await client.clear_messages()
        await queues.send(CheckTenant(tenant_id=TENANT))
        await queues.put("checks", "of whatever version")
        found = [each.expires_on async for each in client.receive_messages()]
        await client.clear_messages()

    assert [each - datetime.now(UTC) > timedelta(days=300) for each in found if each] == [True, True]
