"""A message lives as long as it is wanted."""

from datetime import UTC, datetime, timedelta

from azure.storage.queue.aio import QueueServiceClient

from clients.storage.queues import Queues
from domain.jobs import CheckTenant
from tests.clients.conftest import TENANT


async def test_a_message_outlives_the_platforms_seven_days_unless_it_is_to_expire(azurite_connection: str):
    async with QueueServiceClient.from_connection_string(azurite_connection) as service:
        queues, client = Queues(service), service.get_queue_client("checks")
        await queues.create()
        await client.clear_messages()
        await queues.send(CheckTenant(tenant_id=TENANT))
        await queues.send(CheckTenant(tenant_id=TENANT), keep_s=600)
        found = [each.expires_on async for each in client.receive_messages()]
        await client.clear_messages()

    lives = sorted(each - datetime.now(UTC) for each in found if each)
    assert [timedelta(minutes=9) < each < timedelta(minutes=11) for each in lives] == [True, False]
    assert lives[1] > timedelta(days=300)
